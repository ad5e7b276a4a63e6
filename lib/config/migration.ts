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

/** Whether an option may have a value, and what is said of one that it may not have. */
type Check = readonly [isSound: (value: unknown) => boolean, otherwise: string];

const CHECKS: Readonly<Record<keyof OldSessionsOptions, Check>> = {
  secrets: [
    isSecretOrRing,
    'is missing: give the secret, or all secrets, that sign the cookie there. Without one anybody could name any session',
  ],
  cookieName: [textOrNone(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/), 'must be the name of a cookie'],
  prefix: [
    // One pair of braces would choose the slot of every key; what is left over of them makes it ambiguous.
    textOrNone(/^(?:[^{}\s]*|[^{}\s]*\{[^{}\s]+\}[^{}\s]*)$/),
    'must be text without blanks, and with one pair of braces at most',
  ],
  principal: [
    (value) => value === undefined || typeof value === 'function',
    'must be a function from a session to who is logged in',
  ],
};

/**
 * Tells what is wrong with the option.
 * @param refuse Takes the place within the option, as `.expressSession.secrets`, and a text that holds nothing of a secret.
 */
export function checkMigration(options: unknown, refuse: (place: string, text: string) => void): void {
  const refuseUnknown = (place: string, section: object, known: readonly string[]): void => {
    for (const name of Object.keys(section).filter((each) => !known.includes(each)))
      refuse(`${place}.${name}`, `is not an option; known are ${known.join(', ')}`);
  };
  if (!isObject(options)) return refuse('', `must be an object with ${LIBRARIES.join(' or ')}`);
  if (Object.keys(options).length === 0) return refuse('', `must name ${LIBRARIES.join(' or ')}`);
  refuseUnknown('', options, LIBRARIES);
  const known = Object.keys(CHECKS);
  const cookieNames: unknown[] = [];
  for (const library of LIBRARIES) {
    const given = options[library];
    if (given === undefined) continue;
    if (!isObject(given)) {
      refuse(`.${library}`, `must be an object with ${known.join(', ')}`);
      continue;
    }
    refuseUnknown(`.${library}`, given, known);
    for (const [name, [isSound, text]] of Object.entries(CHECKS))
      if (!isSound(given[name])) refuse(`.${library}.${name}`, text);
    cookieNames.push(given['cookieName'] ?? DEFAULTS[library].cookieName);
  }
  if (new Set(cookieNames).size < cookieNames.length)
    refuse('', 'has one cookieName for both libraries: which of them a cookie is of cannot be told');
}

function isSecretOrRing(value: unknown): boolean {
  const ring: readonly unknown[] = Array.isArray(value) ? value : [value];
  return ring.length > 0 && ring.every((each) => typeof each === 'string' && each !== '');
}

function textOrNone(pattern: RegExp): (value: unknown) => boolean {
  return (value) => value === undefined || (typeof value === 'string' && pattern.test(value));
}

/** The libraries that sound options name. */
export function oldLibrariesOf(options: MigrateFromOptions | undefined): readonly OldLibrarySettings[] {
  return LIBRARIES.flatMap((library) => {
    const given = options?.[library];
    if (given === undefined) return [];
    const { cookieName = DEFAULTS[library].cookieName, prefix = 'sess:', principal } = given;
    const secrets = typeof given.secrets === 'string' ? [given.secrets] : given.secrets;
    return [{ ...DEFAULTS[library], library, secrets, cookieName, prefix, principal }];
  });
}

/** A copy, so that nobody changes it afterwards, and what the application has stays its own. */
export function copied(options: unknown): unknown {
  if (!isObject(options)) return options;
  return Object.fromEntries(
    Object.entries(options).map(([name, one]) => {
      if (!isObject(one)) return [name, one];
      const { secrets } = one;
      return [name, { ...one, secrets: Array.isArray(secrets) ? [...(secrets as unknown[])] : secrets }];
    }),
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
