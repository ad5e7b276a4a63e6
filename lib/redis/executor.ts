import type { Script } from './script.js';

/** An argument of a command. */
export type Argument = string | number | Buffer;

/**
 * The few commands that the store needs. Each settles within `timeoutMs` and rejects with the package's own error:
 * SessionStoreUnavailableError, which holds nothing of the command.
 */
export interface RedisExecutor {
  /** Where Redis is, for messages. */
  readonly address: string;
  readonly timeoutMs: number;

  /**
   * HGETALL, and what time it was for the server: by its clock as far as it is known, and asked in the same round trip where it
   * is not. Undefined where the server does not tell.
   */
  load(key: string): Promise<[Buffer[], number | undefined]>;

  /**
   * Runs a script; bytes in the reply are Buffers. Where it has a deadline, that is when `timeoutMs` is over, by the clock
   * of the server that the keys are on, and goes in front of `args`.
   */
  run(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<unknown>;

  call(name: string, ...args: string[]): Promise<unknown>;

  /** One step of SCAN: the keys that fit a pattern, on each master of a cluster in turn. See scan.ts. */
  scan(pattern: string, place?: ScanPlace): Promise<ScanPage>;

  /** What time it is for the server of a key, epoch milliseconds. Asked only where nobody knows it yet. */
  timeAt(key: string): Promise<number>;

  /** On a cluster, which node a key lives on as far as is known, `host:port`; undefined where there is one server. */
  nodeOf?(key: string): string | undefined;
}

/** Where a walk through the keys stands. */
export interface ScanPlace {
  readonly cursor: string;
  /** The masters that are left, as the cluster calls them, the one that is being walked first; none where there is one server. */
  readonly servers: readonly string[];
}

/** One step of such a walk. */
export interface ScanPage {
  readonly keys: readonly string[];
  /** Undefined: that was the last one. */
  readonly next: ScanPlace | undefined;
}

/** An executor with a beginning and an end: one connection, a pool of them, or a client that is not ours. */
export interface RedisLink extends RedisExecutor {
  /**
   * Resolves once Redis has answered a PING.
   * @throws SessionStoreUnavailableError naming the address and what to check. May be called again after that.
   */
  connect(): Promise<void>;

  /** Closes what it opened itself, within the command timeout. Never rejects. Idempotent. */
  close(): Promise<void>;
}
