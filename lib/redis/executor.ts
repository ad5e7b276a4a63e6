import { isForbidden, type Endpoint } from './failure.js';
import type { ScanPage, ScanPlace } from './scan.js';
import type { Script } from './script.js';

/** An argument of a command. */
export type Argument = string | number | Buffer;

/**
 * The few commands that the store needs. Each settles within `timeoutMs` and rejects with the package's own error:
 * SessionStoreUnavailableError, which holds nothing of the command.
 */
export interface RedisExecutor {
  /** Where Redis is, for messages. */
  readonly endpoint: Endpoint;
  readonly timeoutMs: number;

  /**
   * A hash, names and values in turn, and what time it was for the server: by its clock as far as it is known, and asked in the
   * same round trip where it is not. Undefined where the server does not tell.
   * @param only These fields, as far as they are there. Default: all.
   */
  load(key: string, only?: readonly string[]): Promise<[Buffer[], number | undefined]>;

  /**
   * Runs a script; bytes in the reply are Buffers. Where it has a deadline, that is when `timeoutMs` is over, by the clock
   * of the server that the keys are on, and goes in front of `args`.
   */
  run(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<unknown>;

  call(name: string, ...args: string[]): Promise<unknown>;

  /** The same of each master of a cluster, but of those that do not answer; elsewhere of the one server. */
  callEach(name: string, ...args: string[]): Promise<unknown[]>;

  /** One step of SCAN: the keys that fit a pattern, on each master of a cluster in turn. See scan.ts. */
  scan(pattern: string, place?: ScanPlace): Promise<ScanPage>;

  /** What time it is for the server of a key, epoch milliseconds. Asked only where nobody knows it yet. */
  timeAt(key: string): Promise<number>;

  /** On a cluster, which node a key lives on as far as is known, `host:port`; undefined where there is one server. */
  nodeOf?(key: string): string | undefined;
}

/** Hands everything on to another executor, but for what a subclass does itself. */
export abstract class ForwardingExecutor implements RedisExecutor {
  protected abstract readonly inner: RedisExecutor;

  get endpoint(): Endpoint {
    return this.inner.endpoint;
  }

  get timeoutMs(): number {
    return this.inner.timeoutMs;
  }

  load(key: string, only?: readonly string[]): ReturnType<RedisExecutor['load']> {
    return this.inner.load(key, only);
  }

  run(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<unknown> {
    return this.inner.run(script, keys, args);
  }

  call(name: string, ...args: string[]): Promise<unknown> {
    return this.inner.call(name, ...args);
  }

  callEach(name: string, ...args: string[]): Promise<unknown[]> {
    return this.inner.callEach(name, ...args);
  }

  scan(pattern: string, place?: ScanPlace): Promise<ScanPage> {
    return this.inner.scan(pattern, place);
  }

  timeAt(key: string): Promise<number> {
    return this.inner.timeAt(key);
  }

  nodeOf(key: string): string | undefined {
    return this.inner.nodeOf?.(key);
  }
}

/** Enough that nearly every node of a cluster of some hundred has one. */
const MOST_SAMPLES = 1000;

/**
 * One sample for each node of a cluster as far as its client knows them, by the node; elsewhere one.
 * @param make Makes samples that differ. @param keyOf Where a sample lives.
 */
export function sampleNodes<T>(
  executor: RedisExecutor,
  make: (n: number) => T,
  keyOf: (sample: T) => string,
): Map<string | undefined, T> {
  const samples = new Map<string | undefined, T>();
  for (let n = 0; n < MOST_SAMPLES; n += 1) {
    const sample = make(n);
    const node = executor.nodeOf?.(keyOf(sample));
    if (!samples.has(node)) samples.set(node, sample);
    if (node === undefined) break;
  }
  return samples;
}

/**
 * The names of those commands that the server forbids or does not have. It names none itself that it refuses in a script.
 * @param commands With their arguments.
 */
export async function forbiddenAmong(
  redis: RedisExecutor,
  commands: readonly (readonly [name: string, ...args: string[]])[],
): Promise<string[]> {
  const forbidden: string[] = [];
  for (const [name, ...args] of commands) {
    await redis.call(name, ...args).catch((error: unknown) => {
      if (isForbidden(error)) forbidden.push(name);
    });
  }
  return forbidden;
}

/** An executor with a beginning and an end: one connection, a pool of them, or a client that is not ours. */
export interface RedisLink extends RedisExecutor {
  /**
   * Resolves once commands can be sent: the server has answered, in the database that was asked for.
   * @throws SessionStoreUnavailableError naming the address, the cause and what to check. May be called again after that.
   */
  connect(): Promise<void>;

  /** Closes what it opened itself, within the command timeout. Never rejects. Idempotent. */
  close(): Promise<void>;
}
