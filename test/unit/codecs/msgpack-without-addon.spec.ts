import { beforeAll, describe, expect, it } from '@jest/globals';
import type { SessionCodec } from '../../../lib/core/codec.js';

/** msgpackr reads strings differently where its optional native addon is not installed. */
describe('the msgpack codec without the native addon of msgpackr', () => {
  let codec: SessionCodec;

  beforeAll(async () => {
    process.env.MSGPACKR_NATIVE_ACCELERATION_DISABLED = 'true';
    const { isNativeAccelerationEnabled } = await import('msgpackr');
    delete process.env.MSGPACKR_NATIVE_ACCELERATION_DISABLED;
    expect(isNativeAccelerationEnabled).toBe(false);
    codec = (await import('../../../lib/codecs/msgpack.js')).msgpackCodec;
  });

  it.each([
    ['short', 'a'],
    ['long', 'x'.repeat(70_000)],
    ['beyond ASCII', 'ü€😀'.repeat(100)],
    ['beginning with a byte order mark', `\uFEFF${'x'.repeat(100)}`],
  ])('keeps a string that is %s', (_name, text) => {
    expect(codec.decode(codec.encode([text, { [`k${text}`]: text }]))).toEqual([
      text,
      { [`k${text}`]: text },
    ]);
  });
});
