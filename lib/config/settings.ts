import { Allow, IsFQDN } from 'class-validator';
import type { SessionCodec } from '../core/codec.js';
import type { HttpSession } from '../core/members.js';
import type { SessionDevice } from '../core/session-index.js';
import { SESSION_POLICIES, type SessionPolicy } from '../core/environment.js';
import { steadyClock } from '../core/clock.js';
import type { SessionStore } from '../core/store.js';
import { CodeOnly, Redacted, Section, Setting, type Condition } from './declare.js';
import { boolean, code, integer, isFunction, listOf, lowerCase, oneOf, secrets, text } from './kinds.js';
import { CODEC, MIGRATION, STORE, storeName } from './own-parts.js';
import { DEFAULT_IDLE_SECONDS, PRESETS, timeoutsOf, type TimeoutPreset } from './presets.js';
import { oldLibrariesOf, type MigrateFromOptions, type OldLibrarySettings } from './migration.js';
import { RedisSettings } from './redis-settings.js';
import { isEncryptionKey, isStrongSecret } from './secrets.js';

const TEN_YEARS_SECONDS = 315_360_000;
/** RFC 6265bis, 5.5: user agents limit Max-Age to 400 days. */
const COOKIE_MAX_AGE_SECONDS = 34_560_000;
const ATTRIBUTE = text('the name of an attribute, not empty');
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** RFC 6265bis: user agents ignore attribute values of more than 1024 bytes. */
const PATH = /^\/[\x20-\x3a\x3c-\x7e]{0,1023}$/;
const HEADER =
  /^(?!(?:cookie|set-cookie|host|connection|content-.*|transfer-encoding|upgrade|vary|cache-control|x-csrf-token)$)[!#$%&'*+\-.^_`|~0-9a-z]{1,64}$/;
const DOMAIN = IsFQDN({ require_tld: false }, { message: 'a host name, without a dot in front' });
const CLUSTER_ID = /^[A-Za-z0-9_.:-]{1,64}$/;

export class CookieSettings extends Redacted {
  /** Name of the cookie. Default: `__Host-sid` where it is sent Secure with path `/` and no domain, else `sid`. */
  @Setting<CookieSettings>(
    'COOKIE_NAME',
    text("an RFC 6265 token: letters, digits and !#$%&'*+-.^_`|~", TOKEN),
    { show: shownName },
  )
  readonly name: string | undefined;
  /** Path under which browsers send it. Default: /. */
  @Setting(
    'COOKIE_PATH',
    text("a path of at most 1024 characters that starts with '/', without ';' or control characters", PATH),
  )
  readonly path: string = '/';
  /** Domain to whose hosts browsers send it. Default: none, it belongs to the host that set it. */
  @Setting('COOKIE_DOMAIN', { ...text(''), checks: [DOMAIN] }) readonly domain: string | undefined;
  /** `lax`, `strict` or `none` (needs Secure). Default: lax. */
  @Setting('COOKIE_SAME_SITE', oneOf(['lax', 'strict', 'none'], 'lax, strict or none'))
  readonly sameSite: 'lax' | 'strict' | 'none' = 'lax';
  /**
   * Whether the cookie is Secure; `auto`: as the request came, by the framework's trust in its proxy. Default: `true` where
   * NODE_ENV is `production`, else `auto`.
   */
  @Setting('COOKIE_SECURE', oneOf([true, false, 'auto'], 'true, false or auto'), {
    default: (_, { production }) => (production ? true : 'auto'),
  })
  readonly secure!: boolean | 'auto';
  /**
   * Seconds, at most 34560000 (400 days); sent again on use, at most once per tenth of it. A login with `rememberFor` has its
   * own. Default: none, the cookie ends with the browser.
   */
  @Setting('COOKIE_MAX_AGE', integer(1, COOKIE_MAX_AGE_SECONDS, ' seconds (400 days)'))
  readonly maxAgeSeconds: number | undefined;
  /** CHIPS: a cookie for each site that embeds this one; needs Secure. Default: false. */
  @Setting('COOKIE_PARTITIONED', boolean) readonly partitioned: boolean = false;
  /** The names under which the cookie is sent: `secure` where it has the Secure attribute, else `plain`. */
  get names(): { readonly secure: string; readonly plain: string } {
    const { name, path, domain } = this;
    // RFC 6265bis, 4.1.3.2: a __Host- cookie is Secure, has Path=/ and no Domain.
    const prefix = path === '/' && domain === undefined ? '__Host-' : '';
    return { secure: name ?? `${prefix}sid`, plain: name ?? 'sid' };
  }
}

export class TransportSettings extends Redacted {
  /**
   * The request header that carries the token instead of a cookie, for API clients. Default: none, a cookie does.
   *
   * `authorization`: as `Authorization: Session <token>`, and new tokens come back in X-Session-Token; any other: the token
   * alone, both ways. A response without the header changes nothing; an empty one says that the session is over. Then no
   * cookie is read or set.
   */
  @Setting('TRANSPORT_HEADER', {
    ...text(
      'the name of a request header that has no other meaning, such as authorization or x-session',
      HEADER,
    ),
    read: lowerCase,
  })
  readonly header: string | undefined;
}

export class MemorySettings extends Redacted {
  /** Most sessions in this process; the oldest go first. Default: 10000. */
  @Setting('MEMORY_MAX_SESSIONS', integer(1, 100_000_000)) readonly maxSessions: number = 10_000;
  /** Most bytes of sessions in this process; the oldest go first. Default: 67108864. */
  @Setting('MEMORY_MAX_BYTES', integer(1, 1_099_511_627_776, ' bytes'))
  readonly maxBytes: number = 64 * 1024 * 1024;
}

const WITHOUT_STORE: Condition<SessionSettings> = {
  holds: ({ store }) => store === undefined,
  otherwise: 'Sessions live in the store that code gives.',
};
const IN_REDIS: Condition<SessionSettings> = {
  holds: ({ usesRedis }) => usesRedis,
  otherwise: 'Sessions live in this process; set REDIS_SESSION_ENABLED=true to keep them in Redis.',
  unlessGiven: 'enabled',
};
const GUESTS_APART: Condition<SessionSettings> = {
  holds: ({ usesRedis, storeGuests }) => !usesRedis || !storeGuests,
  otherwise: 'All sessions are stored in Redis with the usual timeouts.',
};
const SHARED: Condition<SessionSettings> = {
  ...IN_REDIS,
  holds: ({ store, usesRedis }) => store !== undefined || usesRedis,
};

/** What is in force, defaults filled in: made by `resolveSettings`, frozen, and read by every other room. */
export class SessionSettings extends Redacted {
  /** Sessions live in Redis; false: in this process. Default: `false`; `true` where code gives `redis` options. */
  @Setting('ENABLED', boolean, {
    oldNames: ['TOMCAT_REDIS_SESSION_ENABLED'],
    when: [WITHOUT_STORE],
    default: (_, { redisInCode }) => redisInCode,
  })
  readonly enabled!: boolean;
  @Section<SessionSettings>(RedisSettings, { when: [WITHOUT_STORE, IN_REDIS] })
  readonly redis!: RedisSettings;
  /**
   * Put in front of every key, `<CLUSTER_ID>:session:`, so that applications can share one Redis. Not `session` between its
   * colons, since that would lie under another application's keys. Default: none.
   */
  @Setting<SessionSettings>('CLUSTER_ID', text('1 to 64 of letters, digits and _.:-', CLUSTER_ID), {
    oldNames: ['DOT_DOTCMS_CLUSTER_ID'],
    when: [WITHOUT_STORE, IN_REDIS],
    show: (id) => (id as string | undefined) ?? '- Not Set -',
  })
  readonly clusterId: string | undefined;
  /**
   * Sessions of guests are stored in Redis like all others. Default: false.
   *
   * @see docs/guests.md, Guests
   */
  @Setting<SessionSettings>('ENABLED_FOR_ANON_TRAFFIC', boolean, {
    oldNames: ['TOMCAT_REDIS_ENABLED_FOR_ANON_TRAFFIC'],
    oldOptions: ['anonymousTraffic'],
    when: [WITHOUT_STORE, IN_REDIS],
  })
  readonly storeGuests: boolean = false;
  /** Seconds that the copy of a guest's session stays in Redis. Default: 15. */
  @Setting<SessionSettings>('UNDEFINED_SESSION_TYPE_TIMEOUT', integer(1, TEN_YEARS_SECONDS, ' seconds'), {
    oldNames: ['TOMCAT_REDIS_UNDEFINED_SESSION_TYPE_TIMEOUT'],
    oldOptions: ['undefinedSessionTypeTimeoutSeconds'],
    when: [WITHOUT_STORE, IN_REDIS, GUESTS_APART],
  })
  readonly guestCopySeconds: number = 15;
  @Section<SessionSettings>(MemorySettings, { when: [WITHOUT_STORE, GUESTS_APART] })
  readonly memory!: MemorySettings;
  /**
   * Timeouts of an assurance level of NIST SP 800-63B-4: `aal1` 30 days overall (idle: the default), `aal2` 24 hours
   * and 1 hour idle, `aal3` 12 hours and 15 minutes idle. A timeout that is set wins. Default: none.
   */
  @Setting('PRESET', oneOf(PRESETS)) readonly preset: TimeoutPreset | undefined;
  /** Seconds without a request after which a session ends. Default: 1800. */
  @Setting<SessionSettings>('USER_TIMEOUT', integer(1, TEN_YEARS_SECONDS, ' seconds'), {
    oldNames: ['TOMCAT_REDIS_USER_SESSION_TIMEOUT'],
    default: ({ preset }) => timeoutsOf(preset).idleTimeoutSeconds ?? DEFAULT_IDLE_SECONDS,
  })
  readonly idleTimeoutSeconds!: number;
  /**
   * Seconds after which a session ends, used or not; 0: never. Starts anew with a login. The earlier of the two timeouts
   * counts. Default: 0.
   */
  @Setting<SessionSettings>('ABSOLUTE_TIMEOUT', integer(0, TEN_YEARS_SECONDS, ' seconds, 0 for none'), {
    default: ({ preset }) => timeoutsOf(preset).absoluteTimeoutSeconds ?? 0,
  })
  readonly absoluteTimeoutSeconds!: number;
  /**
   * Seconds. A use that is closer to the one before costs Redis nothing; the record lives so much longer, so that none ends
   * early. 0: each use is noted. Default: a sixtieth of the idle timeout, at most `30`; none where PRESET gives that: its
   * limits are kept to the second.
   *
   * At most a tenth of `idleTimeoutSeconds`, and counts as a tenth of a session's own `maxInactiveInterval` where that is less.
   */
  @Setting<SessionSettings>('TOUCH_INTERVAL', integer(0, TEN_YEARS_SECONDS, ' seconds'), {
    when: [WITHOUT_STORE, IN_REDIS],
    // A sixtieth: what a session may outlive its idle time by.
    default: ({ idleTimeoutSeconds: idle, preset }) =>
      Number.isInteger(idle) && idle !== timeoutsOf(preset).idleTimeoutSeconds
        ? Math.min(30, Math.floor(idle / 60))
        : 0,
  })
  readonly touchIntervalSeconds!: number;
  /**
   * When sessions are saved. Default: DEFAULT.
   *
   * @see docs/saving.md#policies, Policies
   */
  @Setting('PERSISTENT_POLICIES', listOf(SESSION_POLICIES), {
    oldNames: ['TOMCAT_REDIS_SESSION_PERSISTENT_POLICIES'],
  })
  readonly policies: readonly SessionPolicy[] = ['DEFAULT'];
  /** Whether setting {@link manualDirtyAttribute} marks a session dirty. Default: true. */
  @Setting('MANUAL_DIRTY_TRACKING_SUPPORT', boolean, {
    oldNames: ['TOMCAT_REDIS_MANUAL_DIRTY_TRACKING_SUPPORT'],
  })
  readonly manualDirtyTracking: boolean = true;
  /** The attribute that marks a session dirty; never stored. Default: __dot_session_attribute_changed__. */
  @Setting<SessionSettings>('MANUAL_DIRTY_TRACKING_ATTR', ATTRIBUTE, {
    oldNames: [
      // The attribute belongs to …_SUPPORT, whose own name an operator may extend.
      'REDIS_SESSION_MANUAL_DIRTY_TRACKING_SUPPORT_ATTR',
      'TOMCAT_REDIS_MANUAL_DIRTY_TRACKING_KEY',
      'TOMCAT_REDIS_MANUAL_DIRTY_TRACKING_ATTR',
      'TOMCAT_REDIS_MANUAL_DIRTY_TRACKING_SUPPORT_KEY',
      'TOMCAT_REDIS_MANUAL_DIRTY_TRACKING_SUPPORT_ATTR',
    ],
    when: [{ holds: (s) => s.manualDirtyTracking, otherwise: 'Manual dirty tracking is switched off.' }],
  })
  readonly manualDirtyAttribute: string = '__dot_session_attribute_changed__';
  /** Whether setting {@link persistOnDemandAttribute} saves a session at once. Default: true. */
  @Setting('PERSIST_ON_DEMAND', boolean, { oldNames: ['TOMCAT_REDIS_PERSIST_ON_DEMAND'] })
  readonly persistOnDemand: boolean = true;
  /** The attribute that saves a session at once; never stored. Default: __dot_session_persist_now__. */
  @Setting<SessionSettings>('PERSIST_ON_DEMAND_ATTR', ATTRIBUTE, {
    oldNames: ['TOMCAT_REDIS_PERSIST_ON_DEMAND_ATTR'],
    when: [{ holds: (s) => s.persistOnDemand, otherwise: 'Persist on demand is switched off.' }],
  })
  readonly persistOnDemandAttribute: string = '__dot_session_persist_now__';
  /** How attributes become bytes: `msgpack`, `json` for those who want to read sessions with redis-cli, or, in code, your own. Default: msgpack. */
  @Setting('CODEC', CODEC, {
    show: (codec) => (typeof codec === 'string' ? codec : (codec as SessionCodec).name),
  })
  readonly codec: 'msgpack' | 'json' | SessionCodec = 'msgpack';
  /**
   * What becomes of a value that cannot be stored. `warn`: it is left out with a warning; `error`: assigning it throws. Default: warn.
   *
   * A function, a promise. With `warn` the attribute keeps what it had. With `error` it is SessionUnstorableValueError, and
   * where a change inside a value made it so, the save fails and nothing is written.
   * @see docs/storing.md, What can be stored
   */
  @Setting('UNSTORABLE', oneOf(['warn', 'error'], 'warn or error'))
  readonly unstorable: 'warn' | 'error' = 'warn';
  /** Most bytes of a session's encoded attributes, names included. Default: 65536. */
  @Setting('MAX_BYTES', integer(1, 536_870_912, ' bytes')) readonly maxSessionBytes: number = 65_536;
  /** Most attributes of a session. Default: 1000. */
  @Setting('MAX_ATTRIBUTES', integer(1, 1_000_000)) readonly maxAttributes: number = 1000;
  /**
   * Most sessions that one user may have at once, by the principal that logs in; 0: any number. Default: 0.
   *
   * Exact, however many log in at the same time on however many nodes.
   * @see docs/users-sessions.md, Sessions of users
   */
  @Setting('MAX_SESSIONS_PER_USER', integer(0, 1_000_000, ', 0 for any number'))
  readonly maxSessionsPerUser: number = 0;
  /**
   * What becomes of a login beyond MAX_SESSIONS_PER_USER. `evict-oldest`: the user's oldest login ends; `reject`: it fails with
   * SessionCountError, which the client sees as 409. Default: evict-oldest.
   */
  @Setting<SessionSettings>(
    'SESSION_LIMIT_POLICY',
    oneOf(['evict-oldest', 'reject'], 'evict-oldest or reject'),
    {
      when: [{ holds: (s) => s.maxSessionsPerUser > 0, otherwise: 'MAX_SESSIONS_PER_USER sets no limit.' }],
    },
  )
  readonly sessionLimitPolicy: 'evict-oldest' | 'reject' = 'evict-oldest';
  @Section(TransportSettings) readonly transport!: TransportSettings;
  @Section<SessionSettings>(CookieSettings, {
    when: [
      {
        holds: ({ transport }) => transport.header === undefined,
        otherwise: 'The token travels in a header.',
      },
    ],
  })
  readonly cookie!: CookieSettings;
  /**
   * Secrets that sign the cookie, `new,old,…`: the first signs, all verify. At least 32 bytes of UTF-8 each. Default: none.
   *
   * Without any, cookies are not signed: 256 random bits need no signature to be unguessable.
   */
  @Setting(
    'SECRETS',
    secrets(
      'secrets',
      'secrets of at least 32 bytes each, random and no well-known sample: openssl rand -base64 32',
      isStrongSecret,
    ),
  )
  readonly secrets: readonly string[] = [];
  /**
   * Keys that encrypt what Redis holds, base64 of 32 random bytes each: the first encrypts, all decrypt. Default: none.
   *
   * With AES-256-GCM, attributes and principal. Make one with `openssl rand -base64 32`. Once on there is no way back to plain
   * text: a record that is not encrypted is refused, and its request is anonymous. To rotate, add the new key at the end on
   * every node, then move it to the front; drop the old one when the longest-lived session has ended.
   */
  @Setting<SessionSettings>(
    'ENCRYPTION_KEYS',
    secrets(
      'keys',
      'random keys of exactly 32 bytes each, in base64: openssl rand -base64 32',
      isEncryptionKey,
    ),
    { when: [SHARED] },
  )
  readonly encryptionKeys: readonly string[] = [];
  /**
   * Where sessions live instead of in Redis or this process: any SessionStore, such as a MemoryStore of
   * `nestjs-redis-session/testing`. No Redis is used then, whatever else is set. Its maker closes it, the module never does.
   * Default: none. Only in code.
   */
  @CodeOnly(STORE, { show: storeName })
  readonly store: SessionStore | undefined;
  /** Whether a session counts as authenticated although `authenticate()` was not called; says so at once, not by a promise. Only in code. */
  @CodeOnly(code('a function from a session to a boolean', isFunction))
  readonly isAuthenticated: ((session: HttpSession) => boolean) | undefined;
  /**
   * What is kept of where somebody logs in, for lists of a user's sessions. `false`: nothing. A function from the framework's
   * request: what it returns. Default: the client's address as the framework tells it, and its user agent. Only in code.
   */
  @CodeOnly(
    code('false or a function from a request to a device', (value) => value === false || isFunction(value)),
  )
  readonly device: false | ((request: unknown) => SessionDevice | undefined) | undefined;
  /**
   * Another session library, whose live sessions are taken over at their next request: express-session or @fastify/session with
   * connect-redis. Default: none. Only in code.
   *
   * @see docs/migration.md
   */
  @CodeOnly(MIGRATION) readonly migrateFrom: MigrateFromOptions | undefined;
  /**
   * Save what a handler wrote although it answers 5xx, as the Valve's `finally` does. With `false` the save waits for the status of
   * the response, behind the interceptor: where it fails, exception filters do not see it, and the answer is the package's own 503.
   * Default: true. Only in code.
   */
  @CodeOnly(boolean) readonly saveOnServerError: boolean = true;
  /**
   * Clock of the memory store, epoch milliseconds; for tests. Redis uses its own. Default: the time of the start, and what a
   * monotonic clock has counted since. Only in code.
   */
  @CodeOnly(code('a function that answers epoch milliseconds', isFunction))
  readonly now: () => number = steadyClock();
  /** What an operator is warned of at boot although it is no error. */
  @Allow() readonly warnings: readonly string[] = [];

  /** The libraries of {@link migrateFrom}, defaults filled in. */
  get oldLibraries(): readonly OldLibrarySettings[] {
    return oldLibrariesOf(this.migrateFrom);
  }

  /** Whether sessions live in Redis. */
  get usesRedis(): boolean {
    return this.enabled && this.store === undefined;
  }

  /** In front of every key: `session:` or `<clusterId>:session:`. */
  get keyPrefix(): string {
    return this.clusterId === undefined ? 'session:' : `${this.clusterId}:session:`;
  }
}

/** The name, or both where it depends on the request. */
function shownName(_name: unknown, cookie: CookieSettings): string {
  const { secure, plain } = cookie.names;
  if (cookie.secure !== 'auto' || secure === plain) return cookie.secure === false ? plain : secure;
  return `${secure} (${plain} where the connection is not secure)`;
}
