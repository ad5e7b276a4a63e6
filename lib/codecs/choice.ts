import type { SessionCodec } from '../core/codec.js';
import { SessionConfigError } from '../core/errors.js';
import { jsonCodec } from './json.js';
import { msgpackCodec } from './msgpack.js';

/** Names of the built-in codecs. */
export type BuiltInCodec = 'msgpack' | 'json';

/** The codec that new sessions are written with, and those that stored ones can be read with. */
export interface ResolvedCodec {
  readonly codec: SessionCodec;
  /** The codec of that name: the chosen one or a built-in, so that changing the choice loses no session. */
  readonly byName: (name: string) => SessionCodec | undefined;
}

const BUILT_IN: ReadonlyMap<string, SessionCodec> = new Map([
  [msgpackCodec.name, msgpackCodec],
  [jsonCodec.name, jsonCodec],
]);

const NAME = /^[a-z0-9_-]{1,32}$/;

/**
 * Resolves the `codec` option; msgpack by default. A codec of the application's own goes before a built-in one of the
 * same name. Throws SessionConfigError on anything else.
 */
export function resolveCodec(choice: BuiltInCodec | SessionCodec | undefined): ResolvedCodec {
  const codec = typeof choice === 'object' ? choice : BUILT_IN.get(choice ?? 'msgpack');
  if (!isCodec(codec)) {
    throw new SessionConfigError(
      "The option 'codec' is not a codec. Give 'msgpack' (the default), 'json' or an object with a name, " +
        'encode(value) and decode(bytes).',
    );
  }
  if (!NAME.test(codec.name)) {
    throw new SessionConfigError(
      "The name of the codec given as the option 'codec' is not valid. Use 1 to 32 of a-z, 0-9, _ and -: it is stored " +
        'with each session.',
    );
  }
  return { codec, byName: (name) => (name === codec.name ? codec : BUILT_IN.get(name)) };
}

function isCodec(value: unknown): value is SessionCodec {
  const codec = value as Partial<SessionCodec> | null | undefined;
  return (
    typeof codec?.name === 'string' &&
    typeof codec.encode === 'function' &&
    typeof codec.decode === 'function'
  );
}
