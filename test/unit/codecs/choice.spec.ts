import { describe, expect, it } from '@jest/globals';
import type { SessionCodec } from '../../../lib/core/codec.js';
import { jsonCodec } from '../../../lib/codecs/json.js';
import { msgpackCodec } from '../../../lib/codecs/msgpack.js';
import { resolveCodec } from '../../../lib/codecs/choice.js';

const custom = (name: string): SessionCodec => ({ ...jsonCodec, name });

describe('resolveCodec', () => {
  it('takes msgpack unless told otherwise', () => {
    expect(resolveCodec('msgpack').codec).toBe(msgpackCodec);
    expect(resolveCodec('json').codec).toBe(jsonCodec);
  });

  it('finds the built-in codecs and the given one by name', () => {
    const own = custom('own');
    const resolved = resolveCodec(own);
    expect(resolved.codec).toBe(own);
    expect(resolved.byName('own')).toBe(own);
    expect(resolved.byName('msgpack')).toBe(msgpackCodec);
    expect(resolved.byName('json')).toBe(jsonCodec);
    expect(resolved.byName('constructor')).toBeUndefined();
    expect(resolveCodec('json').byName('own')).toBeUndefined();
  });

  it('prefers the given codec to a built-in one of its name', () => {
    const own = custom('json');
    expect(resolveCodec(own).byName('json')).toBe(own);
  });
});
