import { secretWeakness } from './secrets.js';

/** How the sessions of a library are found that an application moves away from. */
export interface OldSessionsOptions {
  /** The secrets of its cookie, as they are given to it: all verify. Keep the last one where it is until the move is over. */
  secrets: string | readonly string[];
  /** Name of its cookie. Default: `connect.sid`; of @fastify/session: `sessionId`. */
  cookieName?: string | undefined;
  /** What its keys in Redis begin with, in the same database as ours. Default: `sess:`. */
  prefix?: string | undefined;
  /**
   * Who is logged in, by a session as the library's own handlers see it; undefined: a guest. Default: `passport.user`, where
   * that is text or a number.
   */
  principal?: ((session: Record<string, unknown>) => string | number | undefined) | undefined;
}

/** Libraries whose live sessions are taken over at their next request. */
export interface MigrateFromOptions {
  /** Sessions of express-session with connect-redis. */
  expressSession?: OldSessionsOptions | undefined;
  /** Sessions of `@fastify/session` with connect-redis. */
  fastifySession?: OldSessionsOptions | undefined;
}

/** A library, with all that it was not said of. */
export interface OldLibrarySettings {
  readonly library: 'expressSession' | 'fastifySession';
  readonly secrets: readonly string[];
  readonly cookieName: string;
  readonly prefix: string;
  readonly principal: OldSessionsOptions['principal'];
  /** express-session signs values that begin with `s:`, and reads no others. */
  readonly marker: 'required' | 'optional';
  /** @fastify/session looks at the expiry in the record, express-session leaves that to the store. */
  readonly honoursExpiry: boolean;
}

const DEFAULTS = {
  expressSession: { cookieName: 'connect.sid', marker: 'required', honoursExpiry: false },
  fastifySession: { cookieName: 'sessionId', marker: 'optional', honoursExpiry: true },
} as const;

const LIBRARIES = Object.keys(DEFAULTS) as (keyof typeof DEFAULTS)[];
const KNOWN = ['secrets', 'cookieName', 'prefix', 'principal'];
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** One pair of braces would choose the slot of every key; what is left over of them makes it ambiguous. */
const PREFIX = /^(?:[^{}\s]*|[^{}\s]*\{[^{}\s]+\}[^{}\s]*)$/;

/** What is wrong with the option, or with what is at a place in it. Holds nothing of a secret. */
interface MigrationIssue {
  /** As in `.expressSession.secrets`; empty: all of it. */
  readonly place: string;
  readonly text: string;
}

/** What is wrong with it. */
export function migrationIssues(options: unknown): MigrationIssue[] {
  if (!isObject(options)) return [{ place: '', text: `must be an object with ${LIBRARIES.join(' or ')}` }];
  const names = Object.keys(options);
  const given = LIBRARIES.filter((name) => options[name] !== undefined);
  const unknown = names.filter((name) => !LIBRARIES.some((library) => library === name));
  return [
    ...unknown.map((name) => unknownOption(`.${name}`, LIBRARIES)),
    ...(names.length === 0 ? [{ place: '', text: `must name ${LIBRARIES.join(' or ')}` }] : []),
    ...given.flatMap((name) => issuesOfOne(`.${name}`, options[name])),
    ...sameCookie(options),
  ];
}

function unknownOption(place: string, known: readonly string[]): MigrationIssue {
  return { place, text: `is not an option; known are ${known.join(', ')}` };
}

function issuesOfOne(above: string, options: unknown): MigrationIssue[] {
  if (!isObject(options)) return [{ place: above, text: `must be an object with ${KNOWN.join(', ')}` }];
  const { cookieName, prefix, principal, secrets } = options;
  const issues = Object.keys(options)
    .filter((name) => !KNOWN.includes(name))
    .map((name) => unknownOption(`${above}.${name}`, KNOWN));
  const issue = (name: string, text: string): void => void issues.push({ place: `${above}.${name}`, text });
  const list: unknown[] = Array.isArray(secrets) ? secrets : [secrets];
  if (list.length === 0 || !list.every((each) => typeof each === 'string' && each !== ''))
    issue(
      'secrets',
      'is missing: give the secret, or all secrets, that sign the cookie there. Without one anybody could name ' +
        'any session',
    );
  if (cookieName !== undefined && !(typeof cookieName === 'string' && TOKEN.test(cookieName)))
    issue('cookieName', 'must be the name of a cookie');
  if (prefix !== undefined && !(typeof prefix === 'string' && PREFIX.test(prefix)))
    issue('prefix', 'must be text without blanks, and with one pair of braces at most');
  if (principal !== undefined && typeof principal !== 'function')
    issue('principal', 'must be a function from a session to who is logged in');
  return issues;
}

function sameCookie(options: Record<string, unknown>): MigrationIssue[] {
  const [one, other] = LIBRARIES.map((name) => {
    const given = options[name];
    return isObject(given) ? (given['cookieName'] ?? DEFAULTS[name].cookieName) : undefined;
  });
  return one !== undefined && one === other
    ? [
        {
          place: '',
          text: 'has one cookieName for both libraries: which of them a cookie is of cannot be told',
        },
      ]
    : [];
}

/** The libraries that sound options name. */
export function oldLibrariesOf(options: MigrateFromOptions | undefined): readonly OldLibrarySettings[] {
  return LIBRARIES.flatMap((library) => {
    const given = options?.[library];
    if (given === undefined) return [];
    const { secrets, prefix = 'sess:', principal } = given;
    const { cookieName = DEFAULTS[library].cookieName } = given;
    const ring = typeof secrets === 'string' ? [secrets] : secrets;
    return [{ ...DEFAULTS[library], library, secrets: ring, cookieName, prefix, principal }];
  });
}

/** Names of libraries whose secrets would not be accepted for a cookie of ours. */
export function weaklySigned(options: MigrateFromOptions | undefined): string[] {
  return oldLibrariesOf(options)
    .filter(({ secrets }) => secrets.some((secret) => secretWeakness(secret) !== undefined))
    .map(({ library }) => `migrateFrom.${library}.secrets`);
}

/** A copy, so that nobody changes it afterwards, and what the application has stays its own. */
export function copied(options: unknown): unknown {
  if (!isObject(options)) return options;
  return Object.fromEntries(
    Object.entries(options).map(([name, one]) => {
      if (!isObject(one)) return [name, one];
      const { secrets } = one;
      return [name, { ...one, ...(Array.isArray(secrets) && { secrets: [...(secrets as unknown[])] }) }];
    }),
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
