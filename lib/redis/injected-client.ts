import { SessionConfigError } from '../core/errors.js';
import type { RedisClient } from './client.js';
import { RedisCommands } from './commands.js';
import type { RedisLink } from './executor.js';
import type { ConnectionEvents } from './connection-state.js';
import type { Endpoint } from './failure.js';

/** The application's own client. It is connected where its owner has not done so, and never closed. */
export class InjectedClient extends RedisCommands implements RedisLink {
  /** @throws SessionConfigError where the client's own options make keys that scripts cannot follow. */
  constructor(client: RedisClient, endpoint: Endpoint, timeoutMs: number, events: ConnectionEvents) {
    super(client, endpoint, timeoutMs, events);
    if (!client.options.keyPrefix) return;
    throw new SessionConfigError(
      "redis.client has a keyPrefix, and ioredis would put it in front of a session's key but not of those that its " +
        'scripts follow. Inject a client without one, and use clusterId (REDIS_SESSION_CLUSTER_ID) to tell applications apart.',
    );
  }

  async connect(): Promise<void> {
    await this.open();
    // Whether the client selected its database when its owner connected it is not known.
    await this.state.select();
    await this.state.ready();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** For how long a client may try again by itself what a cluster cannot run while it moves a slot: well within any timeout. */
const LONGEST_PATIENCE_MS = 100;

/** Options of an ioredis client that a promise of this package depends on. */
interface ClientOptions {
  readonly enableOfflineQueue?: boolean | undefined;
  readonly autoResendUnfulfilledCommands?: boolean | undefined;
  readonly maxRetriesPerRequest?: number | null | undefined;
  readonly socketTimeout?: number | undefined;
  readonly retryDelayOnFailover?: number | undefined;
  readonly maxRedirections?: number | undefined;
  readonly retryDelayOnTryAgain?: number | undefined;
  readonly scaleReads?: unknown;
  readonly reconnectOnError?: unknown;
  readonly redisOptions?: ClientOptions | undefined;
}

/** The options of an injected client that weaken the promises, each with what to set. */
export function riskyOptions(client: RedisClient): string[] {
  const options = client.options as ClientOptions;
  const node = 'slots' in client ? (options.redisOptions ?? {}) : options;
  const risks: string[] = [];
  // On a cluster it is the other way round: see createRedisClient.
  if ('slots' in client && options.enableOfflineQueue === false) {
    risks.push(
      'enableOfflineQueue: true, or requests fail while a connection to a node of the cluster is being opened',
    );
  }
  if (!('slots' in client) && options.enableOfflineQueue !== false) {
    risks.push(
      'enableOfflineQueue: false, or commands wait for a lost connection and run after they were given up',
    );
  }
  if (node.autoResendUnfulfilledCommands !== false) {
    risks.push('autoResendUnfulfilledCommands: false, or commands are sent again after they were given up');
  }
  if (!(typeof node.maxRetriesPerRequest === 'number' && node.maxRetriesPerRequest <= 1)) {
    risks.push('maxRetriesPerRequest: 0 or 1, or commands outlive the connection they were sent on');
  }
  if (node.socketTimeout === undefined) {
    risks.push(
      'socketTimeout, or a connection that is half open stays so, and commands that are never answered pile up',
    );
  }
  if ('slots' in client && options.retryDelayOnFailover !== 0) {
    risks.push(
      'retryDelayOnFailover: 0, or a write whose connection broke is sent again and may be applied twice',
    );
  }
  const { maxRedirections = 16, retryDelayOnTryAgain = 100 } = options;
  if ('slots' in client && maxRedirections * retryDelayOnTryAgain > LONGEST_PATIENCE_MS) {
    risks.push(
      'maxRedirections: 5 and retryDelayOnTryAgain: 10, or a slot that is being moved looks like a server that does not answer',
    );
  }
  if ('slots' in client && options.scaleReads !== 'master') {
    risks.push(
      "scaleReads: 'master', or sessions are read from replicas that do not know yet of a save or a logout",
    );
  }
  if (!('slots' in client) && typeof node.reconnectOnError !== 'function') {
    risks.push(
      "reconnectOnError: (error) => error.message.startsWith('READONLY'), or writes fail for ever after a failover that " +
        'moves a name to another server',
    );
  }
  return risks;
}

/** Where an injected client leads. */
export function endpointOfClient(client: RedisClient): Endpoint {
  if ('slots' in client) return { address: 'the nodes of the injected client', via: 'client' };
  const { host, port, path, tls } = client.options as {
    host?: string;
    port?: number;
    path?: string;
    tls?: unknown;
  };
  return {
    address: `${path ?? `${host ?? 'localhost'}:${port ?? 6379}`} (injected client)`,
    via: 'client',
    tls: tls !== undefined,
  };
}
