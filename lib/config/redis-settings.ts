import type { Cluster, Redis } from 'ioredis';
import { CodeOnly, PoolSetting, Redacted, Section, Setting, type Condition } from './declare.js';
import { boolean, code, integer, isFunction, nodes, oneOf, pem, redisUrl, secret, text } from './kinds.js';
import { HOST, HOST_ALLOWED, type RedisNode } from './nodes.js';
import { parseRedisUrl } from './redis-url.js';

const HOST_NAME = text(HOST_ALLOWED, HOST);
const STARTUPS = ['fail', 'wait', 'background'] as const;

/** What happens when Redis cannot be reached at boot. */
export type RedisStartup = (typeof STARTUPS)[number];

export class TlsSettings extends Redacted {
  /** The authority that signed the server's certificate: PEM text, or the path of a PEM file. Default: those of the system. */
  @Setting('SSL_CA', pem) readonly ca: string | Buffer | undefined;
  /** Certificate of this client: PEM text, or the path of a PEM file. Default: none. */
  @Setting('SSL_CERT', pem) readonly cert: string | Buffer | undefined;
  /** Private key of {@link cert}: PEM text, or the path of a PEM file. Default: none. */
  @Setting('SSL_KEY', { ...pem, secret: true }) readonly key: string | Buffer | undefined;
  /** Name that the server's certificate must be for. Default: the host that is connected to. */
  @Setting('SSL_SERVERNAME', HOST_NAME) readonly servername: string | undefined;
  /** Whether the server's certificate must be valid. False is refused where NODE_ENV is `production`, unless … Default: true. */
  @Setting('SSL_REJECT_UNAUTHORIZED', boolean) readonly rejectUnauthorized: boolean = true;
  /** … this says that it is meant. Default: false. */
  @Setting('SSL_ALLOW_UNAUTHORIZED', boolean, { show: (allow) => (allow === true ? 'true' : undefined) })
  readonly allowUnauthorized: boolean = false;
}

export class SentinelSettings extends Redacted {
  /** Name of the master, as the sentinels know it. Default: none. */
  @Setting('SENTINEL_MASTER', text('the name of the master, as the sentinels know it', /^[\w.:-]+$/), {
    oldNames: ['TOMCAT_REDIS_SESSION_SENTINEL_MASTER'],
  })
  readonly master!: string;
  /** Addresses of the sentinels, `host:port,…`; port 26379 where none is given. Default: none. */
  @Setting('SENTINELS', nodes(26379), { oldNames: ['TOMCAT_REDIS_SESSION_SENTINELS'] })
  readonly nodes!: readonly RedisNode[];
  /** ACL user of the sentinels, not of the master. Default: none. */
  @Setting('SENTINEL_USERNAME', secret) readonly username: string | undefined;
  /** Password of the sentinels, not of the master. Default: none. */
  @Setting('SENTINEL_PASSWORD', secret) readonly password: string | undefined;
}

type NatMap = Readonly<Record<string, RedisNode>> | ((announced: string) => RedisNode | null);

export class ClusterSettings extends Redacted {
  /** Some nodes of a cluster, `host:port,…`; the others are found through them. Port 6379 where none is given. Default: none. */
  @Setting('CLUSTER_NODES', nodes(6379)) readonly nodes!: readonly RedisNode[];
  /**
   * Where the nodes are for this process, by the `host:port` that they call themselves: behind NAT, or in containers.
   * Default: where they say. Only in code.
   */
  @CodeOnly(code('a map from host:port to { host, port }, or a function', isNatMap))
  readonly natMap: NatMap | undefined;
}

const POOLED: Condition<PoolSettings> = {
  holds: ({ maxConnections }) => maxConnections !== 1,
  otherwise: 'One connection is no pool; raise REDIS_SESSION_MAX_CONNECTIONS.',
};
const MILLIS_OR_NONE = integer(-1, 2_147_483_647, ' ms');

export class PoolSettings extends Redacted {
  /** 1: one multiplexed connection and no pool; the settings of the pool then do nothing. More: a pool. Default: 1. */
  @Setting('MAX_CONNECTIONS', integer(1, 10_000), {
    oldNames: ['TOMCAT_REDIS_MAX_CONNECTIONS', 'connectionPoolMaxTotal'],
  })
  readonly maxConnections: number = 1;
  /** Most idle connections kept. Default: `8`, or as many as {@link minIdle} and {@link maxConnections} demand. */
  @Setting<PoolSettings>('MAX_IDLE_CONNECTIONS', integer(0, 10_000), {
    oldNames: ['TOMCAT_REDIS_MAX_IDLE_CONNECTIONS', 'connectionPoolMaxIdle'],
    when: [POOLED],
    // Of commons-pool2, which the two bounds somebody did set must not contradict.
    default: ({ minIdle, maxConnections }) =>
      Math.min(Math.max(8, integerOr1(minIdle)), Math.max(1, integerOr1(maxConnections))),
  })
  readonly maxIdle!: number;
  /** Idle connections that are kept open whatever the evictor finds. Default: 0. */
  @Setting('MIN_IDLE_CONNECTIONS', integer(0, 10_000), {
    oldNames: ['TOMCAT_REDIS_MIN_IDLE_CONNECTIONS', 'connectionPoolMinIdle'],
    when: [POOLED],
  })
  readonly minIdle: number = 0;
  /** Milliseconds to wait for a connection; -1: as long as a command may take. Default: -1. */
  @PoolSetting(MILLIS_OR_NONE, POOLED) readonly maxWaitMillis: number = -1;
  /** The connection used last is lent first. Default: true. */
  @PoolSetting(boolean, POOLED) readonly lifo: boolean = true;
  /** A caller waits when all are lent; false: it fails at once. Default: true. */
  @PoolSetting(boolean, POOLED) readonly blockWhenExhausted: boolean = true;
  /** PING before a connection is lent. Default: false. */
  @PoolSetting(boolean, POOLED) readonly testOnBorrow: boolean = false;
  /** PING when a connection comes back. Default: false. */
  @PoolSetting(boolean, POOLED) readonly testOnReturn: boolean = false;
  /** PING after connecting. Default: false. */
  @PoolSetting(boolean, POOLED) readonly testOnCreate: boolean = false;
  /** The evictor sends a PING on the idle connections that it looks at. Default: false. */
  @PoolSetting(boolean, POOLED) readonly testWhileIdle: boolean = false;
  /** A connection that is idle for longer is closed by the evictor; -1: never. Default: 1800000. */
  @PoolSetting(MILLIS_OR_NONE, POOLED) readonly minEvictableIdleTimeMillis: number = 1_800_000;
  /** The same, but as many as {@link minIdle} are kept; -1: never. Default: -1. */
  @PoolSetting(MILLIS_OR_NONE, POOLED) readonly softMinEvictableIdleTimeMillis: number = -1;
  /** How often the evictor runs; -1: never. Default: -1. */
  @PoolSetting(MILLIS_OR_NONE, POOLED) readonly timeBetweenEvictionRunsMillis: number = -1;
  /** Connections that the evictor looks at in one run; -n: one n-th of the idle ones. Default: 3. */
  @PoolSetting(integer(-10_000, 10_000), POOLED) readonly numTestsPerEvictionRun: number = 3;
}

const OWN_CLIENT: Condition<RedisSettings> = {
  holds: ({ client }) => client === undefined,
  otherwise: 'The application injects its own client.',
};
/** Host and port count where nothing else says where Redis is. */
const BY_HOST: readonly Condition<RedisSettings>[] = [
  OWN_CLIENT,
  { holds: ({ sentinel }) => sentinel === undefined, otherwise: 'Sentinel says where the master is.' },
  {
    holds: ({ cluster }) => cluster === undefined,
    otherwise: 'The nodes of the cluster say where Redis is.',
  },
  // Both is refused.
  { holds: ({ url }) => url === undefined },
];

/**
 * Where Redis is, by `url`, `host` and `port`, `sentinel` or `cluster`, and how it is talked to. In force, `host`, `port`,
 * `username`, `password`, `database` and `tls` hold what `url` says.
 */
export class RedisSettings extends Redacted {
  /** An existing ioredis client, which the module never closes. Address, TLS and pool settings then do nothing. Only in code. */
  @CodeOnly(code('a client of ioredis: a Redis or a Cluster', isClient), {
    show: (client) => (client === undefined ? undefined : '- Injected client -'),
  })
  readonly client: Redis | Cluster | undefined;
  /**
   * `redis://[user[:password]@]host[:port][/database]`, `rediss://` for TLS, `unix:///path` (with `user:password@` before
   * the path, if any) for a unix socket. Instead of {@link host} and {@link port}. Default: none.
   */
  @Setting('URL', redisUrl, { when: [OWN_CLIENT] }) readonly url: string | undefined;
  @Section<RedisSettings>(ClusterSettings, {
    when: [OWN_CLIENT],
    exists: {
      holds: ({ cluster }) => cluster?.nodes !== undefined,
      otherwise: 'There are no REDIS_SESSION_CLUSTER_NODES.',
    },
  })
  readonly cluster: ClusterSettings | undefined;
  @Section<RedisSettings>(SentinelSettings, {
    when: [OWN_CLIENT],
    exists: {
      holds: ({ sentinel }) => sentinel?.master !== undefined && sentinel.nodes !== undefined,
      otherwise: 'There is no REDIS_SESSION_SENTINEL_MASTER.',
    },
  })
  readonly sentinel: SentinelSettings | undefined;
  /** Name or address of the server. Default: localhost. */
  @Setting('HOST', HOST_NAME, { oldNames: ['TOMCAT_REDIS_SESSION_HOST'], when: BY_HOST })
  readonly host: string = 'localhost';
  /** Port of the server. Default: 6379. */
  @Setting('PORT', integer(1, 65535), { oldNames: ['TOMCAT_REDIS_SESSION_PORT'], when: BY_HOST })
  readonly port: number = 6379;
  /** ACL user. Default: none. */
  @Setting('USERNAME', secret, { oldNames: ['TOMCAT_REDIS_SESSION_USERNAME'], when: [OWN_CLIENT] })
  readonly username: string | undefined;
  /** Password of the user, or of the server where there is no user. Default: none. */
  @Setting('PASSWORD', secret, { oldNames: ['TOMCAT_REDIS_SESSION_PASSWORD'], when: [OWN_CLIENT] })
  readonly password: string | undefined;
  /** TLS to Redis. Default: false. */
  @Setting('SSL_ENABLED', boolean, {
    oldNames: ['TOMCAT_REDIS_SESSION_SSL_ENABLED'],
    when: [OWN_CLIENT],
    switches: 'tls',
  })
  readonly tlsEnabled: boolean = false;
  @Section<RedisSettings>(TlsSettings, {
    when: [OWN_CLIENT],
    exists: { holds: ({ tlsEnabled }) => tlsEnabled === true, otherwise: 'TLS is switched off.' },
  })
  readonly tls: TlsSettings | undefined;
  /** Number of the database; a cluster has no other than 0. Default: 0. */
  @Setting<RedisSettings>('DATABASE', integer(0, 65535), {
    oldNames: ['TOMCAT_REDIS_SESSION_DATABASE'],
    when: [OWN_CLIENT],
    // One in the URL shows there.
    show: (database, { cluster, url }) =>
      cluster || parseRedisUrl(url)?.database === database ? undefined : String(database),
  })
  readonly database: number = 0;
  @Section<RedisSettings>(PoolSettings, { when: [OWN_CLIENT] })
  readonly pool!: PoolSettings;
  /** Milliseconds that connecting, and each command, may take. Default: 2000. */
  @Setting('TIMEOUT', integer(1, 600_000, ' ms'), { oldNames: ['TOMCAT_REDIS_SESSION_TIMEOUT'] })
  readonly timeoutMs: number = 2000;
  /**
   * Commands that may wait for Redis at a time; the excess fails at once, with 503. Default: 20000.
   *
   * Keeps a Redis that is slow from filling this process's memory.
   */
  @Setting('MAX_COMMANDS_IN_FLIGHT', integer(1, 1_000_000)) readonly maxCommandsInFlight: number = 20_000;
  /**
   * What happens when Redis is not there at boot. `fail`: the application does not start; `wait`: it starts once Redis is there;
   * `background`: it starts at once, and requests with a session get 503 until Redis is there. Default: fail.
   */
  @Setting('STARTUP', oneOf(STARTUPS)) readonly startup: RedisStartup = 'fail';
  /**
   * How many replicas must have a logout before it is answered; with fewer 503. It outlives any failover only if that is all
   * of them. Not on a cluster. Default: 0.
   *
   * So that a failover does not bring a session back: where fewer confirm its end within most of `timeoutMs`, `destroy()`
   * rejects with SessionStoreUnavailableError, the request is told 503 and keeps its cookie, and the logout can be tried
   * again. Where it is less than all, a replica that did not confirm may be promoted, and for about a second of a planned failover
   * the others still confirm to the old master what is lost with it. Takes a connection of its own. 0: the master's answer is enough.
   * @see docs/reliability.md#a-logout-that-outlives-a-failover, A logout that outlives a failover
   */
  @Setting('LOGOUT_CONFIRMED_BY_REPLICAS', integer(0, 100)) readonly logoutConfirmedByReplicas: number = 0;
  /** A unix socket, from the URL; wins over `host` and `port`. */
  get socketPath(): string | undefined {
    return parseRedisUrl(this.url)?.socketPath;
  }
}

function isClient(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return ['ping', 'eval', 'on'].every((name) => isFunction(Reflect.get(value, name)));
}

function isNatMap(value: unknown): boolean {
  if (isFunction(value)) return true;
  if (typeof value !== 'object' || value === null) return false;
  return Object.values(value).every(
    (node: unknown) => typeof node === 'object' && node !== null && 'host' in node && 'port' in node,
  );
}

/** A value that is no integer is refused by its own check. */
function integerOr1(value: unknown): number {
  return typeof value === 'number' && Number.isInteger(value) ? value : 1;
}
