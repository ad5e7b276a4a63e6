import { onCleanup } from '../support/cleanup.js';
import { Browser } from '../support/cookie-jar.js';
import { eventually } from '../support/eventually.js';
import { freePort } from '../support/free-port.js';
import { startNode, type NodeProcess } from '../support/node-process.js';

const READY = /node is ready/;

interface CrowdNode {
  readonly url: string;
  readonly process: NodeProcess;
  isUp: boolean;
}

/** Nodes that die, each at a command of its own, and are started again. */
export class CrowdNodes {
  /** How often a node died at which command, as it said itself. */
  readonly deaths = new Map<string, number>();
  readonly #nodes: CrowdNode[] = [];
  #guards: Promise<void>[] = [];
  #isDying = true;
  #isStopping = false;

  static async start(
    script: string,
    { count, redisPort, idleSeconds }: { count: number; redisPort: number; idleSeconds: number },
  ): Promise<CrowdNodes> {
    const nodes = new CrowdNodes();
    await Promise.all(
      Array.from({ length: count }, async (_, at) => {
        const port = await freePort();
        const process = await startNode(script, {
          env: {
            PORT: String(port),
            ADAPTER: at % 2 === 0 ? 'express' : 'fastify',
            REDIS_PORT: String(redisPort),
            IDLE_SECONDS: String(idleSeconds),
            DIES: 'true',
          },
        });
        await process.waitFor(READY);
        nodes.#nodes.push({ url: `http://127.0.0.1:${port}`, process, isUp: true });
      }),
    );
    nodes.#guards = nodes.#nodes.map((node) => nodes.#guard(node));
    onCleanup(() => nodes.stop());
    return nodes;
  }

  get urls(): string[] {
    const up = this.#nodes.filter(({ isUp }) => isUp);
    return (up.length > 0 ? up : this.#nodes).map(({ url }) => url);
  }

  get crashes(): number {
    return [...this.deaths.values()].reduce((sum, count) => sum + count, 0);
  }

  /** A node dies now, wherever it is. */
  kill(chance: number): void {
    this.#nodes[Math.floor(chance * this.#nodes.length)]?.process.signal('SIGKILL');
  }

  /** From now on all of them live. */
  async live(): Promise<void> {
    this.#isDying = false;
    await Promise.all(this.#nodes.map((node) => this.#disarmed(node)));
  }

  /** Ends all of them. */
  async stop(): Promise<void> {
    this.#isDying = false;
    this.#isStopping = true;
    await Promise.all(this.#nodes.map(({ process }) => process.kill('SIGKILL')));
    await Promise.all(this.#guards);
  }

  async #guard(node: CrowdNode): Promise<void> {
    while (!this.#isStopping) {
      await node.process.exited;
      node.isUp = false;
      if (this.#isStopping) return;
      const where = /dies (.*)/.exec(node.process.output())?.[1] ?? 'at any time';
      if (this.#isDying) this.deaths.set(where, (this.deaths.get(where) ?? 0) + 1);
      await node.process.restart();
      if (this.#isStopping) return void (await node.process.kill('SIGKILL'));
      // It may be killed while it starts.
      node.isUp = await node.process.waitFor(READY).then(
        () => true,
        () => false,
      );
    }
  }

  /** One that dies over it has to be told again. */
  async #disarmed(node: CrowdNode): Promise<void> {
    await eventually(
      'a node lives on',
      async () => {
        const { pid } = node.process;
        const { status } = await new Browser(node.url).post('/live');
        return status === 200 && node.isUp && node.process.pid === pid ? true : undefined;
      },
      60_000,
    );
  }
}
