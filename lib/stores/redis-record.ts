import { SessionFormatError } from '../core/errors.js';
import type { LoadOutcome, SessionRecord } from '../core/store.js';
import type { SessionId } from '../core/token.js';

/** Version of the record's layout. A record of a higher one is left alone: see SessionFormatError. */
export const FORMAT_VERSION = 1;

const OWN = '@';

/** The hash field of an attribute. Our own fields begin with one `@`, so an attribute that does gets a second. */
export function fieldOf(name: string): string {
  return name.startsWith(OWN) ? OWN + name : name;
}

/**
 * Reads the reply of HGETALL, names and values in turn.
 * @throws SessionFormatError for a record of a newer version.
 */
export function readRecord(id: SessionId, reply: readonly Buffer[], now: number): LoadOutcome {
  if (reply.length === 0) return { status: 'absent' };
  const own = new Map<string, string>();
  const attributes = new Map<string, Uint8Array>();
  for (let i = 0; i + 1 < reply.length; i += 2) {
    const field = (reply[i] as Buffer).toString();
    const value = reply[i + 1] as Buffer;
    if (!field.startsWith(OWN)) attributes.set(field, value);
    else if (field.startsWith(OWN + OWN)) attributes.set(field.slice(1), value);
    else own.set(field, value.toString());
  }
  if (own.has('@ended')) return { status: 'ended' };
  const version = Number(own.get('@v'));
  if (version > FORMAT_VERSION) {
    throw new SessionFormatError(
      `Session ${id} has a record of format ${version}; this node reads up to ${FORMAT_VERSION}. It is left as it is. ` +
        'Finish the roll-out of the newer version.',
    );
  }
  if (version !== FORMAT_VERSION) return { status: 'unreadable', reason: 'it is not a session record' };
  if (own.get('@id') !== id) return { status: 'unreadable', reason: 'it names another session' };
  const record = recordOf(own, attributes);
  if (record === undefined)
    return { status: 'unreadable', reason: 'one of its own fields is damaged', damaged: true };
  if (record.absoluteDeadline !== undefined && record.absoluteDeadline <= now) return { status: 'absent' };
  return { status: 'found', record, now };
}

function recordOf(
  own: ReadonlyMap<string, string>,
  attributes: ReadonlyMap<string, Uint8Array>,
): SessionRecord | undefined {
  const codec = own.get('@codec');
  const createdAt = Number(own.get('@created'));
  const lastAccessedAt = Number(own.get('@used'));
  const maxInactiveInterval = Number(own.get('@idle'));
  const absoluteDeadline = optionalNumber(own.get('@until'));
  const authenticatedAt = optionalNumber(own.get('@login'));
  const numbers = [
    createdAt,
    lastAccessedAt,
    maxInactiveInterval,
    absoluteDeadline ?? 0,
    authenticatedAt ?? 0,
  ];
  if (codec === undefined || !numbers.every(Number.isSafeInteger)) return undefined;
  return {
    attributes,
    codec,
    createdAt,
    lastAccessedAt,
    maxInactiveInterval,
    absoluteDeadline,
    principal: own.get('@who'),
    authenticatedAt,
    authenticated: own.has('@auth'),
  };
}

function optionalNumber(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}
