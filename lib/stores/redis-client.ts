import { Cluster, Redis, type RedisOptions } from 'ioredis';

/** An ioredis client of either kind. */
export type RedisClient = Redis | Cluster;

/** An address. */
export interface RedisAddress {
  readonly host: string;
  readonly port: number;
}

/** Where Redis is and how to get in; the part of the settings a client is made from. */
export interface RedisConnectionOptions extends RedisAddress {
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly database: number;
  /** Milliseconds that connecting, and each command, may take. */
  readonly timeoutMs: number;
  readonly tls?:
    | {
        readonly ca?: string | undefined;
        readonly cert?: string | undefined;
        readonly key?: string | undefined;
        readonly servername?: string | undefined;
        readonly rejectUnauthorized: boolean;
      }
    | undefined;
  readonly sentinel?:
    | {
        readonly master: string;
        readonly nodes: readonly RedisAddress[];
        readonly username?: string | undefined;
        readonly password?: string | undefined;
      }
    | undefined;
  readonly cluster?: { readonly nodes: readonly RedisAddress[] } | undefined;
}

/** The options that every topology shares. */
type CommonOptions = Omit<RedisOptions, 'replyMapping'>;

/** What kind of installation the options name. */
export type RedisTopology = 'standalone' | 'sentinel' | 'cluster';

export function topologyOf(options: RedisConnectionOptions): RedisTopology {
  if (options.cluster !== undefined) return 'cluster';
  return options.sentinel === undefined ? 'standalone' : 'sentinel';
}

/** Where that is, for messages; never a credential. */
export function addressOf(options: RedisConnectionOptions): string {
  const list = (nodes: readonly RedisAddress[]): string =>
    nodes.map(({ host, port }) => `${host}:${port}`).join(', ');
  if (options.cluster !== undefined) return list(options.cluster.nodes);
  if (options.sentinel !== undefined)
    return `${list(options.sentinel.nodes)} (sentinels of ${options.sentinel.master})`;
  return `${options.host}:${options.port}`;
}

/** Makes a client that is not connected yet. The one place that knows ioredis's options. */
export function createRedisClient(options: RedisConnectionOptions): RedisClient {
  const { cluster, sentinel } = options;
  const common = commonOptions(options);
  if (cluster !== undefined) {
    return new Cluster([...cluster.nodes], {
      lazyConnect: true,
      enableOfflineQueue: false,
      slotsRefreshTimeout: 1000,
      retryDelayOnFailover: 100,
      retryDelayOnClusterDown: 100,
      retryDelayOnTryAgain: 100,
      scaleReads: 'master',
      clusterRetryStrategy: backoff,
      redisOptions: common,
    });
  }
  if (sentinel !== undefined) {
    return new Redis({
      ...common,
      name: sentinel.master,
      sentinels: [...sentinel.nodes],
      db: options.database,
      failoverDetector: true,
      sentinelCommandTimeout: 500,
      sentinelRetryStrategy: (attempt) => Math.min(attempt * 50, 100),
      ...(sentinel.username !== undefined && { sentinelUsername: sentinel.username }),
      ...(sentinel.password !== undefined && { sentinelPassword: sentinel.password }),
      ...(options.tls !== undefined && { enableTLSForSentinelMode: true }),
    });
  }
  return new Redis({ ...common, host: options.host, port: options.port, db: options.database });
}

/**
 * Differs from ioredis's defaults where those would break a promise: commands that wait for a connection or are
 * sent again after one was lost can be applied long after they were reported as failed, and only a socket timeout
 * notices a connection that is half open.
 */
function commonOptions(options: RedisConnectionOptions): CommonOptions {
  const { username, password, timeoutMs, tls } = options;
  return {
    lazyConnect: true,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    connectTimeout: timeoutMs,
    commandTimeout: timeoutMs,
    socketTimeout: timeoutMs * 2,
    retryStrategy: backoff,
    // After a failover the old master may answer as a replica: reconnect, but do not send the command again.
    reconnectOnError: (error) => (error.message.startsWith('READONLY') ? 1 : false),
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(tls !== undefined && { tls: tlsOptions(tls) }),
  };
}

function tlsOptions(tls: NonNullable<RedisConnectionOptions['tls']>): NonNullable<RedisOptions['tls']> {
  const { ca, cert, key, servername, rejectUnauthorized } = tls;
  return {
    rejectUnauthorized,
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(servername !== undefined && { servername }),
  };
}

/** 50 ms doubling up to a second, with jitter so that nodes do not come back in step. */
function backoff(attempt: number): number {
  return Math.min(1000, 50 * 2 ** Math.min(attempt - 1, 5)) * (0.8 + Math.random() * 0.4);
}
