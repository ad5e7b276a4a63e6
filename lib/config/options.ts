import type { Redacted } from './declare.js';
import type { RedisNode } from './nodes.js';
import type {
  ClusterSettings,
  PoolSettings,
  RedisSettings,
  SentinelSettings,
  TlsSettings,
} from './redis-settings.js';
import type { CookieSettings, MemorySettings, SessionSettings, TransportSettings } from './settings.js';

/**
 * The options that a class of settings declares, all of them optional, with their types and doc comments.
 * `Rest`: what is said below, and what is made of other settings.
 */
type OptionsOf<T, Rest extends keyof T = never> = {
  -readonly [P in keyof Pick<T, Exclude<keyof T, Rest | keyof Redacted>>]?: OptionOf<T[P]> | undefined;
};
/** Addresses may be given as text. */
type OptionOf<V> = V extends readonly RedisNode[] ? V | string : V;

/**
 * What code may say about sessions: the argument of `forRoot`, the answer of `useFactory`, or `defaults`.
 * All of it is optional. Where ConfigService knows the same setting, ConfigService wins. An unknown key is an
 * error at boot, because a misspelt option must not be silent.
 */
export interface SessionModuleOptions extends OptionsOf<
  SessionSettings,
  'redis' | 'cookie' | 'transport' | 'memory' | 'warnings' | 'usesRedis' | 'keyPrefix' | 'oldLibraries'
> {
  /** Where Redis is. Any of it, `{}` too, says that sessions are kept there. */
  redis?: RedisOptions | undefined;
  /** The cookie that carries the token. */
  cookie?: CookieOptions | undefined;
  /** How the token travels. Default: in a cookie. */
  transport?: TransportOptions | undefined;
  /** Bounds of what lives in this process. */
  memory?: MemoryOptions | undefined;
  /**
   * Old name of `storeGuests`.
   * @deprecated
   */
  anonymousTraffic?: boolean | undefined;
  /**
   * Old name of `guestCopySeconds`.
   * @deprecated
   */
  undefinedSessionTypeTimeoutSeconds?: number | undefined;
}

/** Where Redis is. `url`, `host` and `port`, `sentinel` and `cluster` are four ways to say it. */
export interface RedisOptions extends OptionsOf<
  RedisSettings,
  'tlsEnabled' | 'tls' | 'sentinel' | 'cluster' | 'pool' | 'socketPath'
> {
  /** `true`: TLS with the system's authorities. Default: false. */
  tls?: boolean | TlsOptions | undefined;
  /** The sentinels that know where the master is. */
  sentinel?: SentinelOptions | undefined;
  /** The nodes of a cluster. */
  cluster?: ClusterOptions | undefined;
  /** More than one connection. */
  pool?: PoolOptions | undefined;
}

/** TLS to Redis. PEM values are PEM text, or the path of a file that is read at boot. */
export type TlsOptions = OptionsOf<TlsSettings>;
/** Sentinel, which knows where the master is. */
export type SentinelOptions = OptionsOf<SentinelSettings>;
/** Redis Cluster. */
export type ClusterOptions = OptionsOf<ClusterSettings>;
/** The pool, with the names, meanings and defaults of commons-pool2 except where said. Times in milliseconds. */
export type PoolOptions = OptionsOf<PoolSettings>;
/** The cookie. HttpOnly always, Expires never. */
export type CookieOptions = OptionsOf<CookieSettings, 'names'>;
/** A token that does not travel in a cookie; for clients that are no browsers. */
export type TransportOptions = OptionsOf<TransportSettings>;
/** Bounds of the sessions that live in this process: all where Redis is not enabled, else those of guests. */
export type MemoryOptions = OptionsOf<MemorySettings>;
