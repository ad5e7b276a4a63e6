import { setTimeout as delay } from 'node:timers/promises';
import { Browser } from '../support/cookie-jar.js';
import { freePort } from '../support/free-port.js';
import { startNode, type NodeProcess } from '../support/node-process.js';
import type { KillPoint } from './kill-point.js';

const READY = /node is ready/;
/** Starts in a row that may fail: one is killed while it starts, or somebody else takes its port. */
const MOST_STARTS = 10;
const AGAIN_MS = 20;

export interface CrowdNodesOptions {
  /** The compiled `crowd-node.ts`. */
  readonly script: string;
  readonly redisPort: number;
  readonly idleSeconds: number;
  /** Where they are to die, in this order, and from the beginning again. */
  readonly deaths: readonly KillPoint[];
}

interface CrowdNode {
  readonly url: string;
  readonly process: NodeProcess;
  /** Undefined: it lives. */
  readonly diesAt: KillPoint | undefined;
}

/** Nodes that die, each at a command of its own; another one takes the place of each. */
export class CrowdNodes {
  /** How often a node died at which command, as it said itself, or at any time. */
  readonly deaths = new Map<string, number>();
  readonly #options: CrowdNodesOptions;
  /** Deaths that no node is to die yet. */
  readonly #waiting: KillPoint[];
  /** Those that no node has died yet. */
  readonly #due: KillPoint[];
  /** By their place; undefined: it is about to be there again. */
  readonly #nodes: (CrowdNode | undefined)[];
  readonly #guards: Promise<void>[];
  #isDying = true;
  #isStopping = false;

  constructor(count: number, options: CrowdNodesOptions) {
    this.#options = options;
    this.#waiting = [...options.deaths];
    this.#due = [...options.deaths];
    this.#nodes = Array.from({ length: count }, () => undefined);
    this.#guards = this.#nodes.map((_, place) => this.#guard(place));
    // Told by whoever stops them.
    for (const guard of this.#guards) guard.catch(() => undefined);
  }

  /** Of those that serve now. */
  get urls(): string[] {
    return this.#nodes.flatMap((node) => node?.url ?? []);
  }

  /** How many of the deaths that were asked for nobody has died yet. */
  get due(): number {
    return this.#due.length;
  }

  /** Resolves once all of them serve. */
  async ready(): Promise<void> {
    await this.#all((node) => node !== undefined);
  }

  /** A node dies now, wherever it is. */
  kill(chance: number): void {
    this.#nodes[Math.floor(chance * this.#nodes.length)]?.process.signal('SIGKILL');
  }

  /** From now on all of them live. Resolves once they serve. */
  async live(): Promise<void> {
    this.#isDying = false;
    const told = new Set<CrowdNode>();
    for (;;) {
      await this.ready();
      const untold = this.#nodes.filter((node): node is CrowdNode => node !== undefined && !told.has(node));
      if (untold.length === 0) return;
      for (const node of untold) {
        // It may die before it hears of it.
        const answer = await new Browser(node.url).post('/live').catch(() => undefined);
        if (answer?.status === 200) told.add(node);
        else await delay(AGAIN_MS);
      }
    }
  }

  /** Ends all of them. Rejects where one could not be started again. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    for (const node of this.#nodes) await node?.process.kill('SIGKILL');
    await Promise.all(this.#guards);
  }

  /** Resolves once `test` holds of each place; rejects with what went wrong about one. */
  async #all(test: (node: CrowdNode | undefined) => boolean): Promise<void> {
    while (!this.#nodes.every(test)) await Promise.race([...this.#guards, delay(AGAIN_MS)]);
  }

  async #guard(place: number): Promise<void> {
    while (!this.#isStopping) {
      const node = await this.#start(place, this.#isDying ? this.#nextDeath() : undefined);
      if (this.#isStopping) return void (await node.process.kill('SIGKILL'));
      this.#nodes[place] = node;
      await node.process.exited;
      this.#nodes[place] = undefined;
      if (this.#isDying && !this.#isStopping) this.#died(node);
    }
  }

  #nextDeath(): KillPoint | undefined {
    if (this.#waiting.length === 0) this.#waiting.push(...this.#options.deaths);
    return this.#waiting.shift();
  }

  #died({ process, diesAt }: CrowdNode): void {
    const where = /dies (.*)/.exec(process.output())?.[1];
    const cause = where ?? 'at any time';
    this.deaths.set(cause, (this.deaths.get(cause) ?? 0) + 1);
    const place = where === undefined ? -1 : this.#due.indexOf(where);
    if (place >= 0) this.#due.splice(place, 1);
    // That of another one, then.
    if (where === undefined && diesAt !== undefined) this.#waiting.unshift(diesAt);
  }

  /** Each on a port of its own: that of one that has died somebody else may have by now. */
  async #start(place: number, diesAt: KillPoint | undefined): Promise<CrowdNode> {
    const { script, redisPort, idleSeconds } = this.#options;
    for (let starts = 1; ; starts += 1) {
      const port = await freePort();
      const process = await startNode(script, {
        env: {
          PORT: String(port),
          ADAPTER: place % 2 === 0 ? 'express' : 'fastify',
          REDIS_PORT: String(redisPort),
          IDLE_SECONDS: String(idleSeconds),
          ...(diesAt !== undefined && { DIES_AT: diesAt }),
        },
      });
      try {
        await process.waitFor(READY);
        return { url: `http://127.0.0.1:${port}`, process, diesAt };
      } catch (error) {
        await process.kill('SIGKILL');
        if (starts === MOST_STARTS || this.#isStopping) throw error;
      }
    }
  }
}
