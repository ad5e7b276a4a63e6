import type { SessionCodec } from '../core/codec.js';
import { jsonCodec } from './json.js';
import { msgpackCodec } from './msgpack.js';

/** Names of the built-in codecs. */
type BuiltInCodec = 'msgpack' | 'json';

/** The codec that new sessions are written with, and those that stored ones can be read with. */
interface ResolvedCodec {
  readonly codec: SessionCodec;
  /** The codec of that name: the chosen one or a built-in, so that changing the choice loses no session. */
  readonly byName: (name: string) => SessionCodec | undefined;
}

const BUILT_IN: Readonly<Record<BuiltInCodec, SessionCodec>> = { msgpack: msgpackCodec, json: jsonCodec };

/**
 * What the `codec` setting chooses, which the settings have checked. A codec of the application's own goes before a
 * built-in one of the same name.
 */
export function resolveCodec(choice: BuiltInCodec | SessionCodec): ResolvedCodec {
  const codec = typeof choice === 'object' ? choice : BUILT_IN[choice];
  return {
    codec,
    byName: (name) => (name === codec.name ? codec : isBuiltIn(name) ? BUILT_IN[name] : undefined),
  };
}

function isBuiltIn(name: string): name is BuiltInCodec {
  return Object.hasOwn(BUILT_IN, name);
}
