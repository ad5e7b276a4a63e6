import { Cluster, Redis, type RedisOptions } from 'ioredis';
import { quietReadyCheck } from '../compat/quiet-ready-check.js';
import { QuietSentinelConnector } from '../compat/quiet-sentinel-connector.js';
import type { Endpoint } from './failure.js';
import { graceMs } from './stall-detector.js';

/** An ioredis client of either kind. */
export type RedisClient = Redis | Cluster;

/** `isCluster` of ioredis, for the compiler. */
export function isCluster(client: RedisClient): client is Cluster {
  return client.isCluster;
}

/** An address. */
export interface RedisAddress {
  readonly host: string;
  readonly port: number;
}

/** Where Redis is and how to get in; the part of the settings a client is made from. */
export interface RedisConnectionOptions extends RedisAddress {
  /** A unix socket; wins over host and port. */
  readonly socketPath?: string | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly database: number;
  /** Milliseconds that connecting, and each command, may take. */
  readonly timeoutMs: number;
  readonly tls?:
    | {
        readonly ca?: string | Buffer | undefined;
        readonly cert?: string | Buffer | undefined;
        readonly key?: string | Buffer | undefined;
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
  readonly cluster?:
    { readonly nodes: readonly RedisAddress[]; readonly natMap?: NatMapping | undefined } | undefined;
}

/**
 * Where a cluster's nodes are for us, by the `host:port` that they call themselves (behind NAT, in containers); as
 * ioredis's option of that name.
 */
type NatMapping = Readonly<Record<string, RedisAddress>> | ((announced: string) => RedisAddress | null);

/** What the owner of a client may want to hear of it. */
export interface ClientHooks {
  /** A command was refused because the server has become a replica. Not called on a cluster, which redirects. */
  readonly onReadOnly?: (() => void) | undefined;
  /** False: once lost, the connection stays lost. Default true. */
  readonly reconnect?: boolean | undefined;
}

/** Idle time before TCP asks whether the other side is still there; Node then asks each second, ten times. */
const KEEP_ALIVE_MS = 5000;
/**
 * How long a closed connection may take to say goodbye. ioredis waits 2 s by default, with a timer that it also
 * starts for a connection that has ended already and that then keeps the process alive.
 */
const DISCONNECT_MS = 100;
/** Longest pause between two attempts to reach the master that the sentinels name. */
const SENTINEL_RETRY_MS = 200;
/** How often a server that loads its data is asked whether it is done. */
const LOADING_POLL_MS = 200;

/** Where a cluster changes, a command is sent on twice: to the new owner of a slot, and from there to where its key is yet. */
const MOST_REDIRECTIONS = 5;

/** Enough for a handshake with TLS. */
const MIN_REFRESH_MS = 100;

/** The options that every topology shares. */
type CommonOptions = Omit<RedisOptions, 'replyMapping'>;

/** What kind of installation the options name. */
type RedisTopology = 'standalone' | 'sentinel' | 'cluster';

export function topologyOf(options: RedisConnectionOptions): RedisTopology {
  if (options.cluster !== undefined) return 'cluster';
  return options.sentinel === undefined ? 'standalone' : 'sentinel';
}

/** Which server the options lead to, for messages. */
export function endpointOf(options: RedisConnectionOptions): Endpoint {
  const topology = topologyOf(options);
  const via = topology === 'standalone' ? (options.socketPath === undefined ? 'host' : 'socket') : topology;
  return { address: addressOf(options), via, tls: options.tls !== undefined };
}

function addressOf(options: RedisConnectionOptions): string {
  const list = (nodes: readonly RedisAddress[]): string =>
    nodes.map(({ host, port }) => `${host}:${port}`).join(', ');
  if (options.cluster !== undefined) return list(options.cluster.nodes);
  if (options.sentinel !== undefined)
    return `${list(options.sentinel.nodes)} (sentinels of ${options.sentinel.master})`;
  return options.socketPath ?? `${options.host}:${options.port}`;
}

/** Makes a client that is not connected yet. The one place that knows ioredis's options. */
export function createRedisClient(options: RedisConnectionOptions, hooks: ClientHooks = {}): RedisClient {
  return quietReadyCheck(newClient(options, hooks));
}

function newClient(options: RedisConnectionOptions, hooks: ClientHooks): RedisClient {
  const { cluster, sentinel } = options;
  if (cluster !== undefined) {
    const { natMap } = cluster;
    return new Cluster([...cluster.nodes], {
      lazyConnect: true,
      // Nodes are connected to when first asked. False would refuse whatever a node is asked in the few milliseconds that
      // takes; what is asked while the whole cluster is out of reach, RedisCommands refuses.
      enableOfflineQueue: true,
      // For each node that is asked where the slots are: asking all of them has to fit into the time of one command.
      slotsRefreshTimeout: Math.max(
        MIN_REFRESH_MS,
        Math.min(1000, options.timeoutMs / (cluster.nodes.length + 1)),
      ),
      // The check asks any node whether the whole cluster is well, and where that node is down, all commands wait for it.
      // Without the check, a node refuses what it cannot serve.
      enableReadyCheck: false,
      // A command whose connection broke may have been applied: sent again, update() would count twice.
      retryDelayOnFailover: 0,
      // ioredis would repeat the command until the cluster is up again, so that requests run into their timeout and are not told why.
      retryDelayOnClusterDown: 0,
      // Few and soon: then it is ours to wait, who know for how long somebody does, and why in the end.
      maxRedirections: MOST_REDIRECTIONS,
      retryDelayOnTryAgain: 10,
      scaleReads: 'master',
      clusterRetryStrategy: backoff,
      ...(natMap !== undefined && { natMap: typeof natMap === 'function' ? natMap : { ...natMap } }),
      redisOptions: {
        ...commonOptions(options, {}),
        // The cluster client opens the connections to its nodes itself, out of the StallDetector's reach.
        socketTimeout: options.timeoutMs + graceMs(options.timeoutMs),
      },
    });
  }
  const common = commonOptions(options, hooks);
  if (sentinel !== undefined) {
    return new Redis({
      ...common,
      Connector: QuietSentinelConnector,
      name: sentinel.master,
      sentinels: [...sentinel.nodes],
      db: options.database,
      failoverDetector: true,
      sentinelCommandTimeout: 500,
      // Each attempt asks the sentinels anew, so that short steps find a new master soon.
      ...(hooks.reconnect !== false && {
        retryStrategy: (attempt: number) => Math.min(backoff(attempt), SENTINEL_RETRY_MS),
      }),
      sentinelRetryStrategy: (attempt) => Math.min(attempt * 50, 100),
      ...(sentinel.username !== undefined && { sentinelUsername: sentinel.username }),
      ...(sentinel.password !== undefined && { sentinelPassword: sentinel.password }),
      ...(options.tls !== undefined && { enableTLSForSentinelMode: true }),
    });
  }
  const { socketPath, host, port, database } = options;
  const address = socketPath === undefined ? { host, port } : { path: socketPath };
  return new Redis({ ...common, ...address, db: database });
}

/**
 * Differs from ioredis's defaults where those would break a promise: commands that wait for a connection or are
 * sent again after one was lost can be applied long after they were reported as failed. How long a command may take is
 * not for ioredis to say, which starts a timer for each: see RedisCommands.
 */
function commonOptions(
  options: Pick<RedisConnectionOptions, 'username' | 'password' | 'timeoutMs' | 'tls'>,
  { onReadOnly, reconnect = true }: ClientHooks,
): CommonOptions {
  const { username, password, timeoutMs, tls } = options;
  return {
    lazyConnect: true,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    // The caller limits the time of a connection that is made once. ioredis's timer would count the time in which the process is stuck.
    ...(reconnect ? { connectTimeout: timeoutMs } : { connectTimeout: 0 }),
    // Detects a connection that is idle and half open.
    keepAlive: KEEP_ALIVE_MS,
    disconnectTimeout: DISCONNECT_MS,
    maxLoadingRetryTime: LOADING_POLL_MS,
    retryStrategy: reconnect ? backoff : () => null,
    // A server that became a replica still serves reads, so its connection is not dropped for that.
    reconnectOnError: (error) => {
      if (error.message.startsWith('READONLY')) onReadOnly?.();
      return false;
    },
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(tls !== undefined && { tls: tlsOptions(tls) }),
  };
}

/** What a plain client of one node of a cluster is made with, beside its address. */
export function nodeOptions(options: RedisConnectionOptions): CommonOptions {
  return commonOptions(options, {});
}

/** A client of our own that goes where another one goes, which is no cluster; with the options that our promises depend on. */
export function duplicateOf(client: RedisClient, timeoutMs: number, hooks: ClientHooks): Redis {
  return quietReadyCheck((client as Redis).duplicate(commonOptions({ timeoutMs }, hooks)));
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
  return Math.min(1000, 50 * 2 ** Math.min(attempt - 1, 5)) * (0.7 + Math.random() * 0.3);
}
