/** One application under test: its process, the sessions it was seeded with, its cost on the Redis server. */
import { startNode } from './processes.js';
import { clientCommands, serverUsage } from './redis-usage.js';
import { WORKLOADS } from './workloads.js';

/** Sequential requests from which commands, round trips and bytes are counted. */
const COUNTED_REQUESTS = 100;

export class Contest {
  #app;
  #cookies = new Map();

  constructor(name, adapter, redis, connections) {
    Object.assign(this, { name, adapter, redis, connections });
  }

  /** @param node See startNode. */
  async start(node) {
    this.#app = await startNode('app/main.js', [this.name, this.adapter, this.redis.port], node);
    this.url = `http://127.0.0.1:${this.#app.ready.port}`;
    return this;
  }

  stop() {
    return this.#app.stop();
  }

  memory() {
    return this.#app.ask('memory');
  }

  /** @param {'cpu' | 'memory'} kind */
  startProfile(kind) {
    return this.#app.ask(`profile ${kind}`);
  }

  endProfile() {
    return this.#app.ask('profiled');
  }

  async usage() {
    return (await this.#app.ask('usage')).cpuMicroseconds;
  }

  /** What the load generator has to be told for a workload. */
  async target({ requests, kib, attributes = 0 }) {
    const cookies = kib === undefined ? undefined : await this.cookies(kib, attributes);
    return { url: this.url, requests: requests.map((request) => ({ ...request, cookies })) };
  }

  /** Cookies of sessions of a size, one for each connection; made when first asked for. */
  async cookies(kib, attributes = 0) {
    const key = `${kib} ${attributes}`;
    if (!this.#cookies.has(key)) {
      const seeds = Array.from({ length: this.connections }, () => this.#seed(kib, attributes));
      this.#cookies.set(key, await Promise.all(seeds));
    }
    return this.#cookies.get(key);
  }

  /** Counts what one request at a time costs the server. */
  async cost(workload) {
    const { requests, kib } = WORKLOADS[workload];
    const cookie = kib === undefined ? undefined : (await this.cookies(kib))[0];
    const send = async (count) => {
      for (let i = 0; i < count; i += 1) {
        const { path, method } = requests[i % requests.length];
        await this.#request(path, method, cookie);
      }
    };
    await send(20);
    const before = await serverUsage(this.redis.client);
    await send(COUNTED_REQUESTS);
    const after = await serverUsage(this.redis.client);
    const commands = await clientCommands(this.redis, () => send(20));
    const each = (name) => (after[name] - before[name]) / COUNTED_REQUESTS;
    return {
      commands: commands / 20,
      // Our own INFO is one of them.
      roundTrips: (after.reads - before.reads - 1) / COUNTED_REQUESTS,
      sent: each('received') - INFO_BYTES / COUNTED_REQUESTS,
      received: each('sent') - after.infoReplyBytes / COUNTED_REQUESTS,
    };
  }

  async #seed(kib, attributes) {
    const response = await this.#request(`/seed?kib=${kib}&attributes=${attributes}`, 'POST');
    // Some peers send a cookie for the session before the login too: the last one counts.
    const cookie = response.headers.getSetCookie().at(-1);
    if (cookie === undefined)
      throw new Error(`${this.name} on ${this.adapter} set no cookie when it was seeded.`);
    return cookie.split(';', 1)[0];
  }

  async #request(path, method, cookie) {
    const response = await globalThis.fetch(this.url + path, { method, headers: cookie ? { cookie } : {} });
    const body = await response.text();
    if (!response.ok)
      throw new Error(`${this.name}, ${this.adapter}: ${path} answered ${response.status}: ${body}`);
    return response;
  }
}

/** `*1\r\n$4\r\ninfo\r\n` */
const INFO_BYTES = 14;
