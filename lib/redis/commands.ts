import { SessionStoreUnavailableError } from '../core/errors.js';
import slotOf from 'cluster-key-slot';
import type { Redis } from 'ioredis';
import { setTimeout as sleep } from 'node:timers/promises';
import { isCluster, type RedisClient } from './client.js';
import { ConnectionState, type ConnectionEvents } from './connection-state.js';
import { Deadlines, type Turn } from './deadline.js';
import type { Argument, RedisExecutor } from './executor.js';
import type { ScanPage, ScanPlace } from './scan.js';
import {
  isConnectionFailure,
  isCutShort,
  isOutage,
  isReply,
  isTryAgain,
  isVague,
  noAnswer,
  storeUnavailable,
  unavailable,
  type Cause,
  type Endpoint,
} from './failure.js';
import { IdlePause } from './idle-pause.js';
import { NodeCauses } from './node-causes.js';
import { SCRIPT_STATUS, TIME_OF, type Script } from './script.js';
import { ServerClocks } from './server-clock.js';

/** Redis gives a write up before we do, though clocks are read in whole milliseconds and timers may run a little early. */
export const DEADLINE_MARGIN_MS = 5;
/** Keys that a server looks at in one step of a walk, and others wait for at most. */
const SCAN_COUNT = 100;
/** Pause before a cluster that moves a slot is asked again. */
const TRY_AGAIN_MS = 50;

/** What the owner of a connection may want to hear of its commands. */
interface CommandEvents extends ConnectionEvents {
  /** A command takes longer than it may. */
  readonly late?: (() => void) | undefined;
}

/**
 * The store's commands on one client, whichever it is: bounded in time, scripts by their SHA-1, failures as the
 * package's own error.
 */
export class RedisCommands implements RedisExecutor {
  readonly client: RedisClient;
  readonly endpoint: Endpoint;
  readonly timeoutMs: number;
  readonly state: ConnectionState;
  readonly #events: CommandEvents;
  /** Used instead of ioredis's commandTimeout, which does not count while a command waits for a connection, and starts a timer for each. */
  readonly #deadlines: Deadlines;
  readonly #clocks: ServerClocks;
  readonly #nodeCauses: NodeCauses;
  #batching = false;
  readonly #idle = new IdlePause();

  constructor(client: RedisClient, endpoint: Endpoint, timeoutMs: number, events: CommandEvents = {}) {
    this.client = client;
    this.endpoint = endpoint;
    this.timeoutMs = timeoutMs;
    this.#events = events;
    this.state = new ConnectionState(client, endpoint, events);
    this.#clocks = new ServerClocks(client);
    this.#nodeCauses = new NodeCauses(client);
    this.#deadlines = new Deadlines(
      timeoutMs,
      () => this.#late(),
      (error) => this.#failed(error),
    );
  }

  /**
   * Connects where that was not begun; resolves once commands can be sent.
   * @throws SessionStoreUnavailableError with the cause.
   */
  open({ ping = true } = {}): Promise<void> {
    const { client, state } = this;
    if (client.status === 'wait' || client.status === 'end') {
      state.begin();
      // The client's events tell the outcome.
      client.connect().catch(nothing);
    }
    return this.#deadlines.limit(async (turn) => {
      await this.#opened(turn);
      // On a cluster PING goes to any node, perhaps to the one that is down.
      if (!ping || client.isCluster) return;
      await client.call('PING').catch((error: unknown) => {
        // A refusal is an answer: a server that cannot save to its disk refuses even PING, and serves reads.
        if (!isReply(error) || isOutage(storeUnavailable(error, this.endpoint))) throw error;
      });
    });
  }

  /** A cluster whose nodes are slow to tell where the slots are is asked again as long as there is time. */
  async #opened(turn: Turn): Promise<void> {
    for (;;) {
      try {
        return await this.state.ready();
      } catch (error) {
        const isSlow = error instanceof SessionStoreUnavailableError && error.reason === 'TIMEOUT';
        if (!this.client.isCluster || !isSlow || turn.left <= TRY_AGAIN_MS) throw error;
        await sleep(TRY_AGAIN_MS);
        this.state.begin();
      }
    }
  }

  load(key: string, only?: readonly string[]): Promise<[Buffer[], number | undefined]> {
    return this.#deadlines.limit(
      async (turn) => {
        // A read can be repeated: where the connection breaks meanwhile, it is sent once more on the next one.
        for (let isFirst = true; ; isFirst = false) {
          const obstacle = this.#obstacle(turn);
          if (obstacle !== undefined) await obstacle;
          this.#batch();
          // Upper case, so that ioredis hands out the flat reply: as an object, names would be mangled to strings.
          const load = only
            ? this.client.callBuffer('HMGET', key, ...only)
            : this.client.callBuffer('HGETALL', key);
          const { now } = this.#clocks.of(this.nodeOf(key));
          // In the same round trip. Best effort: where scripts fail, reads must go on.
          const told = now === undefined ? this.#tell(TIME_OF, key, [1, key]).catch(nothing) : undefined;
          try {
            const fields = only ? withNames(only, (await load) as (Buffer | null)[]) : flatReply(await load);
            return [fields, told === undefined ? now : await told];
          } catch (error) {
            if (!isFirst || !isConnectionFailure(error)) throw error;
          }
        }
      },
      ...this.#tellersOf(key),
    );
  }

  run(script: Script, keys: readonly string[], args: readonly Argument[], outer?: Turn): Promise<unknown> {
    return this.#limit((turn) => {
      if (script.hasDeadline) return this.#write(script, keys, args, outer ?? turn);
      const rest = [keys.length, ...keys, ...args];
      if (script.tellsTime) return this.#tell(script, keys[0] as string, rest);
      return isCluster(this.client)
        ? this.#patiently(script, outer ?? turn, () => this.#evaluate(script, rest))
        : this.#evaluate(script, rest);
    }, keys[0]);
  }

  timeAt(key: string): Promise<number> {
    const { now } = this.#clocks.of(this.nodeOf(key));
    if (now !== undefined) return Promise.resolve(now);
    return this.#limit(() => this.#tell(TIME_OF, key, [1, key]), key);
  }

  /**
   * Runs a script that does nothing after its deadline, which is when somebody stops to wait for it, by the clock of the
   * server. One that the server calls late was held up on its way, by a stall of this process or by what was wrong about
   * that clock: nothing was done, so that it is sent again as long as somebody waits. So is one that a cluster cannot run
   * while a slot moves.
   */
  async #write(
    script: Script,
    keys: readonly string[],
    args: readonly Argument[],
    turn: Turn,
  ): Promise<unknown> {
    const [key = ''] = keys;
    let isKnown = true;
    for (;;) {
      const now = this.#clocks.of(this.nodeOf(key)).now ?? (await this.#tell(TIME_OF, key, [1, key]));
      const askedAt = performance.now();
      // Asking for the server's time may have taken what the caller had left.
      const left = turn.left - DEADLINE_MARGIN_MS;
      if (left <= 0) throw turn.obstacle ?? noAnswer(this.endpoint, this.timeoutMs);
      try {
        this.#batch();
        const reply = (await this.client.callBuffer(
          ...(isKnown ? bySha(script) : byText(script)),
          keys.length,
          ...keys,
          Math.floor(now + left),
          ...args,
        )) as unknown[];
        const status = Number(reply[0]);
        if (status === SCRIPT_STATUS.written || status === SCRIPT_STATUS.late) {
          this.#clocks.of(this.nodeOf(key)).observe(Number(reply[1]), askedAt);
        }
        if (status !== SCRIPT_STATUS.late || turn.left <= DEADLINE_MARGIN_MS) return reply;
      } catch (error) {
        if (isKnown && isUnknownScript(error)) {
          isKnown = false;
          continue;
        }
        await this.#beforeNext(script, turn, error);
      }
    }
  }

  /** Runs a script again as long as somebody waits and a cluster cannot run it, since it moves the slot. */
  async #patiently<T>(script: Script, turn: Turn, run: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await run();
      } catch (error) {
        await this.#beforeNext(script, turn, error);
      }
    }
  }

  /** Resolves when a script may be run again after a refusal; rejects with that where it may not. */
  async #beforeNext(script: Script, turn: Turn, error: unknown): Promise<void> {
    const mayPass = isTryAgain(error) || (script.isRepeatable && isCutShort(error));
    if (!mayPass) throw error;
    // Told where time runs out: the server does answer.
    turn.obstacle = error as Error;
    if (turn.left <= TRY_AGAIN_MS) throw error;
    await sleep(TRY_AGAIN_MS);
  }

  /** Runs a script whose reply is the time. */
  async #tell(script: Script, key: string, rest: readonly Argument[]): Promise<number> {
    const askedAt = performance.now();
    const now = Number(await this.#evaluate(script, rest));
    this.#clocks.of(this.nodeOf(key)).observe(now, askedAt);
    return now;
  }

  /** A server that does not know a script yet (new, restarted, failed over) learns it by running it. */
  #evaluate(script: Script, rest: readonly Argument[]): Promise<unknown> {
    this.#batch();
    return this.client.callBuffer(...bySha(script), ...rest).catch((error: unknown) => {
      if (!isUnknownScript(error)) throw error;
      return this.client.callBuffer(...byText(script), ...rest);
    });
  }

  nodeOf(key: string): string | undefined {
    return isCluster(this.client) ? this.client.slots[slotOf(key)]?.[0] : undefined;
  }

  call(name: string, ...args: string[]): Promise<unknown> {
    return this.#limit(() => this.client.call(name, ...args));
  }

  /** Of every master that is known of, where it is a cluster. Those that do not answer are left out. */
  async callEach(name: string, ...args: string[]): Promise<unknown[]> {
    if (!isCluster(this.client)) return [await this.call(name, ...args)];
    const nodes = this.client.nodes('master');
    const replies = await Promise.allSettled(
      nodes.map((node) => this.#deadlines.limit(() => node.call(name, ...args))),
    );
    return replies.flatMap((reply) => (reply.status === 'fulfilled' ? [reply.value] : []));
  }

  /** Begins work once there is a connection for it. @param key Where it is done, if that is one place. */
  #limit<T>(work: (turn: Turn) => Promise<T>, key?: string): Promise<T> {
    return this.#deadlines.limit(
      (turn) => {
        const obstacle = this.#obstacle(turn);
        return obstacle === undefined ? work(turn) : obstacle.then(() => work(turn));
      },
      ...this.#tellersOf(key),
    );
  }

  /** How it is told that work was late or has failed: on a cluster of the node that it was for, which may be the only one. */
  #tellersOf(key: string | undefined): [late?: () => Error, failed?: (error: unknown) => Error] {
    const node = key === undefined ? undefined : this.nodeOf(key);
    if (node === undefined) return [];
    return [() => this.#late(node), (error) => this.#failed(error, node)];
  }

  /** Undefined: the state of the connection is known. Else it resolves once it is, after a while without a command. */
  awake(): Promise<void> | undefined {
    return this.#idle.take();
  }

  /** Undefined: commands can be sent now. Else it settles once they can, or rejects. */
  #obstacle(turn: Turn): Promise<void> | undefined {
    const pause = this.awake();
    const ready = pause === undefined ? this.state.ready() : pause.then(() => this.state.ready());
    return ready?.then(() => this.#assertWanted(turn));
  }

  /** Work is not begun once its caller was told that it has failed. */
  #assertWanted(turn: Turn): void {
    if (turn.left <= 0) throw noAnswer(this.endpoint, this.timeoutMs);
  }

  /** What is known of the server that work was for. */
  #knownOf(node: string | undefined): { endpoint: Endpoint; cause: Cause | undefined } {
    const { endpoint, state } = this;
    if (node === undefined || !state.isReady) return { endpoint, cause: state.cause };
    return { endpoint: { ...endpoint, address: node }, cause: this.#nodeCauses.of(node) };
  }

  #late(node?: string): Error {
    this.#events.late?.();
    const { endpoint, cause } = this.#knownOf(node);
    return cause !== undefined && !isVague(cause)
      ? unavailable(endpoint, cause)
      : noAnswer(endpoint, this.timeoutMs);
  }

  #failed(error: unknown, node?: string): Error {
    const { endpoint, cause } = this.#knownOf(node);
    const failure = storeUnavailable(error, endpoint, cause);
    // Without a connection there is no event that says so. On a cluster it is not known yet whether all of it is gone.
    const isUndecided = this.client.isCluster && this.state.isUndecided;
    if (!this.state.isReady && !isUndecided && isConnectionFailure(failure)) {
      this.#events.failed?.(this.state.cause ?? { reason: failure.reason, words: 'the connection is lost' });
    }
    return failure;
  }

  scan(pattern: string, place: ScanPlace = this.#scanStart()): Promise<ScanPage> {
    return this.#limit(async () => {
      const { servers } = place;
      const node = this.#masterAt(servers[0]);
      const step = node.call('SCAN', place.cursor, 'MATCH', pattern, 'COUNT', SCAN_COUNT);
      const [cursor, keys] = (await step) as [string, string[]];
      if (cursor !== '0') return { keys, next: { cursor, servers } };
      return { keys, next: servers.length > 1 ? { cursor, servers: servers.slice(1) } : undefined };
    });
  }

  #scanStart(): ScanPlace {
    return { cursor: '0', servers: isCluster(this.client) ? this.client.nodes('master').map(nameOf) : [] };
  }

  #masterAt(server: string | undefined): RedisClient {
    if (!isCluster(this.client)) return this.client;
    const node = this.client.nodes('master').find((each) => nameOf(each) === server);
    if (node !== undefined) return node;
    throw new Error('the cluster has changed while its keys were being listed');
  }

  /**
   * Sends what this turn of the event loop asks for, whichever requests it is for, with one write to the socket: under load
   * the system call costs more than the command. A cluster has several sockets, and which of them is ioredis's secret.
   */
  #batch(): void {
    if (this.#batching || this.client.isCluster) return;
    const { stream } = this.client as Redis;
    this.#batching = true;
    stream.cork();
    setImmediate(() => {
      this.#batching = false;
      stream.uncork();
    });
  }
}

function nameOf({ options: { host, port } }: Redis): string {
  return `${host}:${port}`;
}

const bySha = ({ sha1 }: Script): [string, string] => ['evalsha', sha1];
const byText = ({ lua }: Script): [string, string] => ['eval', lua];

function isUnknownScript(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('NOSCRIPT');
}

function nothing(): undefined {
  return undefined;
}

function withNames(names: readonly string[], values: readonly (Buffer | null)[]): Buffer[] {
  return values.flatMap((value, at) => (value === null ? [] : [Buffer.from(names[at] as string), value]));
}

/** A client that was given to us may hand out RESP3's map: in ioredis an object without a prototype. */
function flatReply(reply: unknown): Buffer[] {
  if (Array.isArray(reply)) return reply as Buffer[];
  return Object.entries(reply as Record<string, Buffer>).flatMap(([name, value]) => [
    Buffer.from(name),
    value,
  ]);
}
