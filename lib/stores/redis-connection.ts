import { SessionStoreUnavailableError } from '../core/errors.js';
import type { RedisClient } from './redis-client.js';
import { failureKind } from './redis-failure.js';

/** Told when the connection goes and comes; a line per change of state, not per attempt. */
export interface ConnectionLog {
  log(message: string): void;
  warn(message: string): void;
}

/**
 * A client of our own: connected once at boot, where a failure is final, and kept connected by ioredis after that.
 */
export class RedisConnection {
  readonly client: RedisClient;
  readonly address: string;
  readonly #timeoutMs: number;
  #lastFailure: string | undefined;
  #ready = false;
  #closing = false;

  constructor(client: RedisClient, address: string, timeoutMs: number, log: ConnectionLog) {
    this.client = client;
    this.address = address;
    this.#timeoutMs = timeoutMs;
    // Also keeps ioredis from printing errors, which hold commands, on its own.
    client.on('error', (error: unknown) => (this.#lastFailure = failureKind(error)));
    client.on('close', () => {
      if (!this.#ready || this.#closing) return;
      this.#ready = false;
      log.warn(
        `Redis at ${address}: the connection is lost. Requests with a session get 503 until it is back.`,
      );
    });
    client.on('ready', () => {
      if (this.#lastFailure !== undefined || !this.#ready) this.#lastFailure = undefined;
      if (this.#connectedBefore) log.log(`Redis at ${address}: connected again.`);
      this.#connectedBefore = true;
      this.#ready = true;
    });
  }

  #connectedBefore = false;

  /**
   * Connects and waits for the answer to a PING.
   * @throws SessionStoreUnavailableError naming the address and what to check. The client is closed then.
   */
  async connect(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error('timeout')), this.#timeoutMs);
    });
    try {
      await Promise.race([this.#connectAndPing(), timeout]);
    } catch (error) {
      this.#closing = true;
      this.client.disconnect();
      throw unreachable(this.address, this.#lastFailure ?? failureKind(error), this.#timeoutMs);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Lets commands in flight finish, within the command timeout, and closes. Never rejects. */
  async close(): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<void>((resolve) => (timer = setTimeout(resolve, this.#timeoutMs)));
    await Promise.race([this.client.quit().then(noop, noop), timeout]);
    clearTimeout(timer);
    this.client.disconnect();
  }

  async #connectAndPing(): Promise<void> {
    await this.client.connect();
    await this.client.call('PING');
  }
}

function unreachable(address: string, kind: string, timeoutMs: number): SessionStoreUnavailableError {
  return new SessionStoreUnavailableError(
    `Redis at ${address} cannot be used for sessions: ${kind}. The application does not start. ${remedy(kind, timeoutMs)}`,
  );
}

function remedy(kind: string, timeoutMs: number): string {
  switch (kind) {
    case 'NOAUTH':
    case 'WRONGPASS':
    case 'ERR':
      return 'Check REDIS_SESSION_USERNAME and REDIS_SESSION_PASSWORD.';
    case 'NOPERM':
      return 'Check the ACL of REDIS_SESSION_USERNAME: the README has the line to give to Redis.';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'Check the host name in REDIS_SESSION_HOST.';
    case 'no answer in time':
    case 'ETIMEDOUT':
      return `Nothing answered in ${timeoutMs} ms. Check REDIS_SESSION_HOST, REDIS_SESSION_PORT, and that no firewall is in between.`;
    default:
      return 'Check REDIS_SESSION_HOST, REDIS_SESSION_PORT, and that the server is up.';
  }
}

function noop(): void {
  // Whether the farewell succeeded does not matter.
}
