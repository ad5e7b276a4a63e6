import type { Cluster, Redis } from 'ioredis';
import type { SessionCodec } from '../core/codec.js';
import type { HttpSession } from '../core/members.js';
import type { SessionDevice } from '../core/session-index.js';
import type { SessionPolicy } from '../core/environment.js';
import type { TimeoutPreset } from './presets.js';

/**
 * What code may say about sessions: the argument of `forRoot`, the answer of `useFactory`, or `defaults`.
 * All of it is optional. Where ConfigService knows the same setting, ConfigService wins. An unknown key is an
 * error at boot, because a misspelt option must not be silent.
 */
export interface SessionModuleOptions {
  /**
   * Keep sessions in Redis. Default: true where `redis` is given, else false, and sessions then live in this
   * process. Setting: REDIS_SESSION_ENABLED.
   */
  enabled?: boolean | undefined;
  /** Put in front of every key, `<clusterId>:session:`, so that applications can share one Redis. Default: none. */
  clusterId?: string | undefined;
  redis?: RedisOptions | undefined;
  cookie?: CookieOptions | undefined;
  /**
   * Ring of secrets that sign the cookie: the first signs, all verify. Each at least 32 bytes of UTF-8.
   * Default: none, and cookies are not signed (256 random bits need no signature to be unguessable).
   */
  secrets?: readonly string[] | undefined;
  /**
   * Ring of keys that encrypt what Redis holds of a session (attributes and principal) with AES-256-GCM: the first
   * encrypts, all decrypt. Each is 32 random bytes in base64: `openssl rand -base64 32`. Once on there is no way back to plain
   * text: a record that is not encrypted is refused, and its request is anonymous. Default: none.
   * To rotate, add the new key at the end on every node, then move it to the front; drop the old one when the
   * longest-lived session has ended.
   */
  encryptionKeys?: readonly string[] | undefined;
  /** How the token travels. Default: in a cookie. */
  transport?: TransportOptions | undefined;
  /**
   * Timeouts of an assurance level of NIST SP 800-63B-4: `aal1` 30 days overall (idle: the default), `aal2` 24 hours
   * and 1 hour idle, `aal3` 12 hours and 15 minutes idle. A timeout that is set explicitly wins. Default: none.
   */
  preset?: TimeoutPreset | undefined;
  /** Seconds without a request after which a session ends. Default 1800. */
  idleTimeoutSeconds?: number | undefined;
  /** Seconds after which a session ends whatever happens; 0: never. Default 0. The earlier of the two timeouts counts. */
  absoluteTimeoutSeconds?: number | undefined;
  /** When sessions are saved, see {@link SessionPolicy}. Default `['DEFAULT']`. */
  policies?: readonly SessionPolicy[] | undefined;
  /** Whether setting `manualDirtyAttribute` marks a session dirty. Default true. */
  manualDirtyTracking?: boolean | undefined;
  /** Default `__dot_session_attribute_changed__`. Never stored. */
  manualDirtyAttribute?: string | undefined;
  /** Whether setting `persistOnDemandAttribute` saves a session at once. Default true. */
  persistOnDemand?: boolean | undefined;
  /** Default `__dot_session_persist_now__`. Never stored. */
  persistOnDemandAttribute?: string | undefined;
  /** Store anonymous sessions in Redis like all others. Default false. Setting: REDIS_SESSION_ENABLED_FOR_ANON_TRAFFIC. */
  anonymousTraffic?: boolean | undefined;
  /** Seconds that the copy of an anonymous session stays in Redis. Default 15. */
  undefinedSessionTypeTimeoutSeconds?: number | undefined;
  /**
   * What becomes of a value that cannot be stored (a function, a promise). `warn`: it is left out with a warning, and the
   * attribute keeps what it had. `error`: assigning it throws SessionUnstorableValueError, and where a change inside a
   * value made it so, the save fails and nothing is written. Default `warn`.
   */
  unstorable?: 'warn' | 'error' | undefined;
  /** Most bytes of a session's encoded attributes, names included. Default 65536. */
  maxSessionBytes?: number | undefined;
  /** Most attributes of a session. Default 1000. */
  maxAttributes?: number | undefined;
  /**
   * Most sessions that one user may have at once, by the principal that logs in; 0: any number. Default 0. Exact, however many
   * log in at the same time on however many nodes.
   */
  maxSessionsPerUser?: number | undefined;
  /**
   * What becomes of a login beyond `maxSessionsPerUser`. `evict-oldest`: the user's oldest login ends. `reject`: it fails with
   * SessionCountError, which the client sees as 409. Default `evict-oldest`.
   */
  sessionLimitPolicy?: 'evict-oldest' | 'reject' | undefined;
  /** Bounds of what lives in this process. */
  memory?: MemoryOptions | undefined;
  /** How attributes become bytes: one of the two built in, or your own. Default `msgpack`. */
  codec?: 'msgpack' | 'json' | SessionCodec | undefined;
  /** Whether a session counts as authenticated although `authenticate()` was not called. Only in code. */
  isAuthenticated?: ((session: HttpSession) => boolean) | undefined;
  /**
   * What is kept of where somebody logs in, for lists of a user's sessions: see SessionInfo.device. `false`: nothing. A function
   * from the framework's request: what it returns. Default: the client's address as the framework tells it, and its
   * user agent. Only in code.
   */
  device?: false | ((request: unknown) => SessionDevice | undefined) | undefined;
  /**
   * A use of a session that is closer to the one before, in seconds, is not noted in Redis, and its record lives so much longer,
   * so that no session ends early. At most a tenth of `idleTimeoutSeconds`, and counts as a tenth of a session's own
   * `maxInactiveInterval` where that is less. Default: a sixtieth of `idleTimeoutSeconds`, at most 30. 0: each use is noted.
   */
  touchIntervalSeconds?: number | undefined;
  /** Save what a handler wrote although it answers 5xx, as the Valve's `finally` does. Default true. Only in code. */
  saveOnServerError?: boolean | undefined;
  /**
   * Clock of the memory store, epoch milliseconds; for tests. Redis uses its own. Default: the time of the start, and what a
   * monotonic clock has counted since. Only in code.
   */
  now?: (() => number) | undefined;
}

/** Where Redis is. `url`, `host`/`port`, `sentinel` and `cluster` are four ways to say it. */
export interface RedisOptions {
  /**
   * `redis://[user[:password]@]host[:port][/database]`, `rediss://` for TLS, `unix:///path` (with `user:password@` before
   * the path, if any) for a unix socket.
   */
  url?: string | undefined;
  /** Default `localhost`. */
  host?: string | undefined;
  /** Default 6379. */
  port?: number | undefined;
  username?: string | undefined;
  password?: string | undefined;
  /** Default 0; a cluster has no other. */
  database?: number | undefined;
  /** Milliseconds that connecting, and each command, may take. Default 2000. */
  timeoutMs?: number | undefined;
  /**
   * Most commands that may wait for Redis at a time; the excess fails at once, with 503. Keeps a Redis that is slow from
   * filling this process's memory. Default 20000.
   */
  maxCommandsInFlight?: number | undefined;
  /**
   * What happens when Redis cannot be reached at boot. `fail`: the application does not start. `wait`: it starts once
   * Redis is there. `background`: it starts at once, and requests with a session get 503 until Redis is there.
   * Default `fail`.
   */
  startup?: RedisStartup | undefined;
  /**
   * How many replicas must have confirmed the end of a session before `destroy()` resolves, so that a failover does not
   * bring it back. Where fewer confirm it within most of `timeoutMs`, `destroy()` rejects with
   * SessionStoreUnavailableError, the request is told 503 and keeps its cookie, and the logout can be tried again.
   * Takes a connection of its own. Not on a cluster. Default 0: the master's answer is enough.
   */
  logoutConfirmedByReplicas?: number | undefined;
  /** `true`: TLS with the system's authorities. */
  tls?: boolean | TlsOptions | undefined;
  sentinel?: SentinelOptions | undefined;
  cluster?: ClusterOptions | undefined;
  pool?: PoolOptions | undefined;
  /** An existing ioredis client, which the module never closes. Address, TLS and pool settings then do nothing. Only in code. */
  client?: Redis | Cluster | undefined;
}

/** An address; the text form is `host:port`, several separated by commas. */
export interface RedisNode {
  readonly host: string;
  readonly port: number;
}

/** PEM values are PEM text, or the path of a file that is read at boot. */
export interface TlsOptions {
  ca?: string | Buffer | undefined;
  cert?: string | Buffer | undefined;
  key?: string | Buffer | undefined;
  servername?: string | undefined;
  /** Default true. `false` is refused where NODE_ENV is `production`, unless `allowUnauthorized` is true. */
  rejectUnauthorized?: boolean | undefined;
  /** Says that an unverified server is meant to be accepted in production. Default false. */
  allowUnauthorized?: boolean | undefined;
}

/** See {@link RedisOptions.startup}. */
export type RedisStartup = 'fail' | 'wait' | 'background';

export interface ClusterOptions {
  /** Some of the nodes; the others are found through them. Port 6379 where none is given. */
  nodes?: string | readonly RedisNode[] | undefined;
  /**
   * Where the nodes are for this process, by the `host:port` that they call themselves: behind NAT, or in containers.
   * Default: where they say. Only in code.
   */
  natMap?: Readonly<Record<string, RedisNode>> | ((announced: string) => RedisNode | null) | undefined;
}

/** Sentinel, which knows where the master is. */
export interface SentinelOptions {
  /** Name of the master as the sentinels know it. */
  master?: string | undefined;
  /** The sentinels; port 26379 where none is given. */
  nodes?: string | readonly RedisNode[] | undefined;
  /** Credentials of the sentinels, not of the master. */
  username?: string | undefined;
  password?: string | undefined;
}

/** The pool, with the names, meanings and defaults of commons-pool2 except where said. Times in milliseconds. */
export interface PoolOptions {
  /** Default 1: one multiplexed connection and no pool; the others then do nothing. */
  maxConnections?: number | undefined;
  /** Idle connections kept. Default 8, or as many as `minIdle` and `maxConnections` demand. */
  maxIdle?: number | undefined;
  /** Default 0. */
  minIdle?: number | undefined;
  /** Most time to wait for a connection; -1: as long as the command timeout. Default -1. */
  maxWaitMillis?: number | undefined;
  /** Whether the connection used last is lent first. Default true. */
  lifo?: boolean | undefined;
  /** Whether a caller waits when all are lent; false: it fails at once. Default true. */
  blockWhenExhausted?: boolean | undefined;
  /** PING before lending, on return, after connecting, or while idle. Default false, each. */
  testOnBorrow?: boolean | undefined;
  testOnReturn?: boolean | undefined;
  testOnCreate?: boolean | undefined;
  testWhileIdle?: boolean | undefined;
  /** Idle longer than this is closed by the evictor; -1: never. Default 1800000. */
  minEvictableIdleTimeMillis?: number | undefined;
  /** The same, but `minIdle` connections are kept; -1: never. Default -1. */
  softMinEvictableIdleTimeMillis?: number | undefined;
  /** How often the evictor runs; -1: never. Default -1. */
  timeBetweenEvictionRunsMillis?: number | undefined;
  /** Connections looked at in one run; -n: one n-th of them. Default 3. */
  numTestsPerEvictionRun?: number | undefined;
}

/** The cookie. HttpOnly always, Expires never. */
export interface CookieOptions {
  /** Default `__Host-sid` where the cookie is sent Secure with path `/` and no domain, else `sid`. */
  name?: string | undefined;
  /** Default `/`. */
  path?: string | undefined;
  /** Default: none, the cookie belongs to the host that set it. */
  domain?: string | undefined;
  /** Default `lax`. `none` needs `secure: true`. */
  sameSite?: 'lax' | 'strict' | 'none' | undefined;
  /** `auto`: as the request's connection. Default true where NODE_ENV is `production`, else `auto`. */
  secure?: boolean | 'auto' | undefined;
  /** Seconds, at most 34560000 (400 days, RFC 6265bis). Default: none, the cookie ends with the browser session. */
  maxAgeSeconds?: number | undefined;
  /** CHIPS. Needs `secure: true`. Default false. */
  partitioned?: boolean | undefined;
}

/** A token that does not travel in a cookie; for clients that are no browsers. */
export interface TransportOptions {
  /**
   * The request header that carries the token instead of a cookie. `authorization`: as `Authorization: Session <token>`,
   * and new tokens come back in X-Session-Token; any other: the token alone, both ways. A response without
   * the header changes nothing; an empty one says that the session is over. Then no cookie is read or set.
   */
  header?: string | undefined;
}

/** Bounds of the sessions that live in this process: all in memory mode, else the anonymous ones. */
export interface MemoryOptions {
  /** Most sessions in this process; the oldest go first. Default 10000. */
  maxSessions?: number | undefined;
  /** Most bytes of sessions in this process; the oldest go first. Default 67108864 (64 MiB). */
  maxBytes?: number | undefined;
}
