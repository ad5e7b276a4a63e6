import { SessionFormatError } from '../../core/errors.js';
import {
  TOMBSTONE_MS,
  type LoadOutcome,
  type NotThere,
  type SessionChange,
  type SessionRecord,
} from '../../core/store.js';
import { tagOf, type SessionId } from '../../core/token.js';
import type { Argument } from '../../redis/executor.js';
import { opaque } from './opaque.js';
import { RecordHead, UNNOTED_SHARE } from './record-head.js';

/**
 * Version of the record's layout. A record of a higher one is left alone: see SessionFormatError. In every version the
 * field `@v` begins with its number and, if more follows, a space.
 *
 * During a roll-out different releases serve the same sessions. So a node leaves own fields alone that it does not know, and a
 * release that only adds fields keeps the version. The version is raised only where an older node would read a record
 * wrongly, and then in two releases: the first reads both versions, and writes the old one.
 */
export const FORMAT_VERSION = 1;

/** The key of a session. The tag stands in braces, so that the id that it is renewed to has its key in the same slot. */
export function keyOf(keyPrefix: string, id: SessionId): string {
  const tag = tagOf(id);
  return `${keyPrefix}{${tag}}${id.slice(tag.length)}`;
}

const RECORD_KEY = /^\{([A-Za-z0-9_-]{4})\}([A-Za-z0-9_-]{43})$/;

/** The session whose record has this key; undefined: it is no key of a record, or has another prefix. */
export function idIn(keyPrefix: string, key: string): SessionId | undefined {
  if (!key.startsWith(keyPrefix)) return undefined;
  const [, tag, rest] = RECORD_KEY.exec(key.slice(keyPrefix.length)) ?? [];
  return tag === undefined || rest === undefined ? undefined : ((tag + rest) as SessionId);
}

/** How many letters of its id a record repeats, from the end: 144 bits of a hash. */
export const NAME_LENGTH = 24;

/** The own fields that a look at a session reads. */
export const LOOK_FIELDS = [
  '@v',
  '@ended',
  '@next',
  '@follow',
  '@used',
  '@info',
  '@cookie',
  '@index',
  '@from',
  '@kept',
] as const;

const OWN = '@';
const OWN_CODE = OWN.charCodeAt(0);

/** What follows the name in `@v`: see scripts.ts. More than 15 digits are no time, and no safe integer. */
const LIMITS = /^(-?\d+) (\d{1,15}) (\d+) ([01]) [01]$/;
const INFO = /^(\d{1,15}) (\d{1,15}) (\S+) (.*)$/s;
const USED = /^\d{1,15}$/;

/** The limits in `@v`, as text. */
interface LimitWords {
  readonly text: string;
  readonly idle: string;
  readonly until: string;
  readonly copy: string;
  readonly authenticated: string;
}

/** The limits that were read last, kept because most sessions of an application have the same. */
let lastLimits: LimitWords | undefined;

/** Records of 0.1 have none. A malformed one is ignored, and the session is served. */
const COOKIE = /^(-|\d{1,9}) (\d{1,15})$/;

const NO_RECORD = { status: 'unreadable', reason: 'it is not a session record' } as const;

/** The hash field of an attribute. Our own fields begin with one `@`, so an attribute that does gets a second. */
export function fieldOf(name: string): string {
  return name.startsWith(OWN) ? OWN + name : name;
}

/** Name and text of the own field that says how long browsers keep the cookie, and when it was sent. */
export function cookieField(maxAge: number | undefined, sentAt: number): [string, string] {
  return ['@cookie', `${maxAge ?? '-'} ${sentAt}`];
}

/**
 * The own field that marks a guest's session that is kept. In `@v` it looks like a session that counts as authenticated, so that
 * nodes that do not know this field store it for its whole life as well.
 */
export function keptField(kept: boolean): [string, string] {
  return ['@kept', kept ? '1' : '0'];
}

/** Name and text of the own field that says when the index of users' sessions was told of it. */
export function indexField(at: number): [string, string] {
  return ['@index', String(at)];
}

/** The own field that names the session of another library that this one was taken over from. */
export const FROM_FIELD = '@from';

/** An own field that is written like an attribute: its name and text. */
export type OwnField = readonly [string, string];

/** Appends a change's attributes and own fields to the other arguments of a script. */
export function withFields(
  args: Argument[],
  change: Pick<SessionChange, 'set' | 'remove'>,
  own: readonly OwnField[] = [],
): Argument[] {
  args.push(change.set.size + own.length);
  withPairs(args, change.set, own);
  for (const name of change.remove) args.push(fieldOf(name));
  return args;
}

/** Appends names and bytes of attributes and own fields to other arguments. */
export function withPairs(
  args: Argument[],
  attributes: ReadonlyMap<string, Uint8Array>,
  own: readonly OwnField[],
): Argument[] {
  for (const [name, text] of own) args.push(name, text);
  for (const [name, bytes] of attributes) args.push(fieldOf(name), opaque(bytes));
  return args;
}

/** The fields of a record that are not attributes; see scripts.ts. */
interface OwnFields {
  head?: string;
  used?: string;
  info?: string;
  ended?: string;
  next?: string;
  follow?: string;
  cookie?: string;
  kept?: string;
  index?: string;
  from?: string;
}

/**
 * Reads the reply of HGETALL, names and values in turn.
 * @throws SessionFormatError for a record of a newer version.
 */
export function readRecord(id: SessionId, reply: readonly Buffer[], now: number): LoadOutcome {
  if (reply.length === 0) return { status: 'absent', now };
  const attributes = new Map<string, Uint8Array>();
  const own = takeApart(reply, attributes);
  if (own.ended !== undefined) return ended(own, now);
  const { head = '' } = own;
  const beginning = `${FORMAT_VERSION} ${id.slice(-NAME_LENGTH)} `;
  if (!head.startsWith(beginning)) return strange(id, head);
  const record = recordOf(head, beginning.length, own, attributes);
  if (record === undefined)
    return { status: 'unreadable', reason: 'one of its own fields is damaged', damaged: true };
  if (record.absoluteDeadline !== undefined && record.absoluteDeadline <= now) return { status: 'absent' };
  // The estimate of the server's clock may be a little behind. It is not earlier than the last use.
  return { status: 'found', record, now: Math.max(now, record.lastAccessedAt) };
}

function takeApart(reply: readonly Buffer[], attributes: Map<string, Uint8Array>): OwnFields {
  const own: OwnFields = {};
  for (let at = 0; at + 1 < reply.length; at += 2) {
    const field = reply[at] as Buffer;
    const value = reply[at + 1] as Buffer;
    const name = field.toString();
    if (field[0] !== OWN_CODE) attributes.set(name, value);
    else if (field[1] === OWN_CODE) attributes.set(name.slice(1), value);
    else if (name === '@v') own.head = value.toString();
    else if (name === '@used') own.used = value.toString();
    else if (name === '@info') own.info = value.toString();
    else if (name === '@ended') own.ended = value.toString();
    else if (name === '@next') own.next = value.toString();
    else if (name === '@follow') own.follow = value.toString();
    else if (name === '@cookie') own.cookie = value.toString();
    else if (name === '@kept') own.kept = value.toString();
    else if (name === '@index') own.index = value.toString();
    else if (name === FROM_FIELD) own.from = value.toString();
  }
  return own;
}

/** What a tombstone says. One of 0.1 does not say when the session ended, and counts as recent for as long as it is there. */
function ended({ ended: at, next, follow }: OwnFields, now: number): NotThere {
  const longAgo = at !== '1' && now - Number(at) >= TOMBSTONE_MS;
  if (next === undefined) return { status: 'ended', longAgo };
  if (follow === undefined) return { status: 'ended', longAgo, byLogin: true, becameId: next as SessionId };
  return { status: 'ended', longAgo, movedTo: next as SessionId, inGrace: Number(follow) > now };
}

/** The outcome for a record that is not of this session, or not of this version. */
function strange(id: SessionId, head: string): LoadOutcome {
  const version = Number(/^(\d+)(?: |$)/.exec(head)?.[1]);
  if (version > FORMAT_VERSION) {
    throw new SessionFormatError(
      `Session ${id} has a record of format ${version}; this node reads up to ${FORMAT_VERSION}. It is left as it is. ` +
        'Finish the roll-out of the newer version.',
    );
  }
  return version === FORMAT_VERSION
    ? { status: 'unreadable', reason: 'it names another session' }
    : NO_RECORD;
}

function limitsOf(text: string): LimitWords | undefined {
  if (text === lastLimits?.text) return lastLimits;
  const [, idle, until, copy, authenticated] = LIMITS.exec(text) ?? [];
  if (idle === undefined || until === undefined || copy === undefined || authenticated === undefined)
    return undefined;
  lastLimits = { text, idle, until, copy, authenticated };
  return lastLimits;
}

function recordOf(
  head: string,
  limitsAt: number,
  { used = '', info = '', cookie = '', index = '', kept: keptMark, from }: OwnFields,
  attributes: ReadonlyMap<string, Uint8Array>,
): SessionRecord | undefined {
  const limits = limitsOf(head.slice(limitsAt));
  const [, created, login, codec, principal] = INFO.exec(info) ?? [];
  const [, maxAge, sentAt] = COOKIE.exec(cookie) ?? [];
  // After a login the mark of a kept guest's session has no meaning.
  const kept = keptMark === '1' && login === '0';
  if (limits === undefined || codec === undefined || !USED.test(used)) return undefined;
  const { idle, until, copy, authenticated } = limits;
  const maxInactiveInterval = Number(idle);
  if (!Number.isSafeInteger(maxInactiveInterval)) return undefined;
  return {
    attributes,
    codec,
    createdAt: Number(created),
    lastAccessedAt: Number(used),
    maxInactiveInterval,
    absoluteDeadline: until === '0' ? undefined : Number(until),
    principal: principal === '' ? undefined : principal,
    authenticatedAt: login === '0' ? undefined : Number(login),
    authenticated: authenticated === '1' && !kept,
    kept: kept ? true : undefined,
    cookieMaxAge: maxAge === undefined || maxAge === '-' ? undefined : Number(maxAge),
    cookieSentAt: sentAt === undefined ? undefined : Number(sentAt),
    indexedAt: USED.test(index) ? Number(index) : undefined,
    from,
    mark: new RecordHead(head, idle, until, copy, authenticated),
  };
}

/** Whether a use of a loaded record is to be noted. The script TOUCH decides it again by the same rule, since nodes may race. */
export function isTouchDue(
  { lastAccessedAt, maxInactiveInterval }: SessionRecord,
  now: number,
  touchIntervalMs: number,
  copySeconds: number | undefined,
): boolean {
  const idleMs = maxInactiveInterval > 0 ? maxInactiveInterval * 1000 : Infinity;
  const lifeMs = Math.min(idleMs, copySeconds === undefined ? Infinity : copySeconds * 1000);
  return now - lastAccessedAt >= Math.min(touchIntervalMs, Math.floor(lifeMs / UNNOTED_SHARE));
}
