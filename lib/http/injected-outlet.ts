import { type ServerResponse } from 'node:http';
import type { NodeResponse } from '../compat/outgoing-message.js';
import type { Deferral, ErrorAnswer, Outlet } from './deferral.js';
import { addOwnHeaders } from './rendered-headers.js';
import { isReplaced } from './replaced-headers.js';

const METHODS = ['writeHead', 'write', 'end', 'flushHeaders'] as const;
type Method = (typeof METHODS)[number];
type Call = (...args: unknown[]) => unknown;
/** Node renders headers with it, in `writeHead`. */
type WithStoreHeader = NodeResponse & { _storeHeader: (firstLine: string, headers: unknown) => void };

/**
 * Keeps back a response that only plays the part of one of Node's: that of Fastify's `inject()`, which collects what is
 * written instead of sending it. There is no output to wait for, so the calls wait.
 */
export class InjectedOutlet implements Outlet {
  readonly #response: WithStoreHeader;
  readonly #deferral: Deferral;
  readonly #own: Record<Method, Call>;
  readonly #queue: (() => void)[] = [];
  #state: 'open' | 'waiting' | 'released' | 'replaced' = 'open';
  #running = false;
  #statusCode: number | undefined;
  #ended = false;
  #drainOwed = false;
  readonly begun: boolean;

  constructor(response: ServerResponse, deferral: Deferral) {
    this.#response = response as WithStoreHeader;
    this.#deferral = deferral;
    this.begun = response.headersSent;
    if (this.begun) this.#state = 'released';
    this.#own = Object.fromEntries(
      METHODS.map((name) => [name, response[name].bind(response) as Call]),
    ) as Record<Method, Call>;
    for (const name of METHODS) this.#defer(name);
    this.#addHeadersOnce();
    this.#pretend('headersSent', () => this.#state !== 'open');
    this.#pretend('writableEnded', () => this.#ended);
  }

  get ended(): boolean {
    return this.#ended;
  }

  get statusCode(): number {
    return this.#statusCode ?? this.#response.statusCode;
  }

  release(): void {
    this.#state = 'released';
    for (const call of this.#queue.splice(0)) call();
    if (this.#drainOwed && !this.#ended) this.#response.emit('drain');
  }

  replace({ statusCode, headers, body }: ErrorAnswer): void {
    const response = this.#response;
    this.#state = 'replaced';
    this.#queue.length = 0;
    for (const name of response.getHeaderNames()) if (isReplaced(name)) response.removeHeader(name);
    for (const [name, value] of headers) response.setHeader(name, value);
    this.#run('writeHead', [statusCode]);
    this.#run('end', [body]);
  }

  breakOff(): void {
    this.#response.destroy();
  }

  #defer(name: Method): void {
    Object.defineProperty(this.#response, name, {
      configurable: true,
      writable: true,
      value: (...args: unknown[]) => this.#call(name, args),
    });
  }

  #call(name: Method, args: unknown[]): unknown {
    // What plays the part may call one of its methods in another.
    if (this.#running) return this.#own[name](...args);
    if (this.#state === 'replaced') return name === 'write' ? true : this.#response;
    if (this.#state === 'open')
      this.#statusCode = name === 'writeHead' ? Number(args[0]) : this.#response.statusCode;
    const ends = name === 'end' && !this.#ended;
    const starts = this.#state === 'open';
    this.#ended ||= ends;
    if (starts) this.#state = 'released';
    if (starts ? this.#deferral.begin(ends) : ends && this.#deferral.end()) this.#state = 'waiting';
    if (this.#state === 'released') return this.#run(name, args);
    this.#queue.push(() => void this.#run(name, args));
    if (name !== 'write') return this.#response;
    this.#drainOwed = true;
    return false;
  }

  #run(name: Method, args: unknown[]): unknown {
    this.#running = true;
    try {
      return this.#own[name](...args);
    } finally {
      this.#running = false;
    }
  }

  #addHeadersOnce(): void {
    const response = this.#response;
    const render = response._storeHeader.bind(response);
    response._storeHeader = (firstLine, headers) => {
      render(firstLine, headers);
      if (this.#state === 'released') addOwnHeaders(response, this.#deferral);
    };
  }

  #pretend(name: 'headersSent' | 'writableEnded', during: () => boolean): void {
    const own = Object.getPrototypeOf(this.#response) as object;
    Object.defineProperty(this.#response, name, {
      configurable: true,
      get: () => during() || Boolean(Reflect.get(own, name, this.#response)),
    });
  }
}
