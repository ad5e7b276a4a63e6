import { createHash } from 'node:crypto';
import { jsonCodec } from '../../../lib/codecs/json.js';
import { Bag } from '../../../lib/core/bag.js';
import type { ResponseContext, SessionEnvironment, SessionRules } from '../../../lib/core/environment.js';
import type { SessionEvent } from '../../../lib/core/events.js';
import { KeyedLock } from '../../../lib/core/keyed-lock.js';
import type { ManagedSession } from '../../../lib/core/session.js';
import { SessionManager } from '../../../lib/core/manager.js';
import type { HttpSession } from '../../../lib/core/members.js';
import type { CookieInstruction } from '../../../lib/core/state.js';
import type { SessionStore } from '../../../lib/core/store.js';
import type { RandomSource } from '../../../lib/core/random.js';
import type { SessionToken } from '../../../lib/core/token.js';
import { MemoryStore, type MemoryStoreOptions } from '../../../lib/stores/memory-store.js';

/** A session in which any attribute may be set. */
export type AnySession = HttpSession<Record<string, unknown>>;

/** Time that moves only when a test says so. */
export class FakeClock {
  #now = 1_700_000_000_000;

  /** Epoch milliseconds. */
  readonly now = (): number => this.#now;

  advance(seconds: number): void {
    this.#now += seconds * 1000;
  }
}

/** The same bytes in each run, and never the same twice in one. */
export function seededRandom(seed: string): RandomSource {
  let draws = 0;
  return (bytes) => {
    draws += 1;
    return createHash('shake256', { outputLength: bytes }).update(`${seed} ${draws}`).digest();
  };
}

/** A store whose calls are its own but for some: to hold one up, to let it fail, to do something in between. */
export function overriding(store: SessionStore, calls: Partial<SessionStore>): SessionStore {
  return {
    load: (...args) => store.load(...args),
    touch: (...args) => store.touch(...args),
    create: (...args) => store.create(...args),
    save: (...args) => store.save(...args),
    renew: (...args) => store.renew(...args),
    compareAndSet: (...args) => store.compareAndSet(...args),
    destroy: (...args) => store.destroy(...args),
    ids: () => store.ids(),
    health: () => store.health(),
    close: () => store.close(),
    ...calls,
  };
}

/** Notes in `calls` what is asked of a store, by the names of its methods. */
export function noting(calls: string[]): (store: SessionStore) => SessionStore {
  return (store) =>
    new Proxy(store, {
      get: (target, name: Exclude<keyof SessionStore, 'index'>) => {
        const method = target[name]?.bind(target) as ((...args: unknown[]) => unknown) | undefined;
        if (method === undefined) return undefined;
        return (...args: unknown[]) => {
          calls.push(name);
          return method(...args);
        };
      },
    });
}

/** Rules that do nothing special. */
export const RULES: SessionRules = {
  maxInactiveInterval: 1800,
  absoluteTimeout: 0,
  cookieMaxAge: undefined,
  saveOnChange: false,
  alwaysSave: false,
  manualDirtyAttribute: undefined,
  persistOnDemandAttribute: undefined,
  maxSessionBytes: 65_536,
  maxAttributes: 100,
};

/** What a test may choose. */
export interface CoreFixtureOptions {
  readonly rules?: Partial<SessionRules>;
  /** Between the sessions and the memory store: see {@link overriding}. */
  readonly wrap?: (store: MemoryStore) => SessionStore;
  readonly memory?: Partial<MemoryStoreOptions>;
  /** Whatever else of the environment. */
  readonly environment?: Partial<SessionEnvironment>;
}

/** Sessions over a memory store: no server, no framework, time and chance in the hands of the test. */
export class CoreFixture {
  readonly clock = new FakeClock();
  readonly events: SessionEvent[] = [];
  /** What was logged, `debug` and above, with its level in front. */
  readonly lines: string[] = [];
  readonly memory: MemoryStore;
  readonly store: SessionStore;
  readonly manager: SessionManager;

  constructor({ rules, wrap = (store) => store, memory, environment }: CoreFixtureOptions = {}) {
    const { now } = this.clock;
    this.memory = new MemoryStore({
      maxSessions: 1000,
      maxBytes: 10_000_000,
      tombstoneMs: 60_000,
      now,
      ...memory,
    });
    this.store = wrap(this.memory);
    this.manager = new SessionManager({
      store: this.store,
      codec: jsonCodec,
      codecByName: (name) => (name === jsonCodec.name ? jsonCodec : undefined),
      rules: { ...RULES, ...rules },
      log: {
        verbose: () => undefined,
        debug: (message) => void this.lines.push(`debug ${message}`),
        warn: (message) => void this.lines.push(`warn ${message}`),
      },
      events: { emit: (event) => void this.events.push(event) },
      locks: new KeyedLock(),
      busy: new Bag(),
      random: seededRandom('tokens'),
      now,
      sleep: () => Promise.resolve(),
      ...environment,
    });
  }

  browser(): FakeBrowser {
    return new FakeBrowser(this.manager);
  }
}

/** A browser that has at most one cookie of ours, and obeys the answers to its requests as they come. */
export class FakeBrowser {
  token: SessionToken | undefined;
  readonly #manager: SessionManager;

  constructor(manager: SessionManager, token?: SessionToken) {
    this.#manager = manager;
    this.token = token;
  }

  /** Another one with the same cookie, which goes its own way from here: a late request, a stolen cookie. */
  clone(): FakeBrowser {
    return new FakeBrowser(this.#manager, this.token);
  }

  /** Sends a request with the cookie of this moment, or with these tokens. */
  async request(tokens = this.token === undefined ? [] : [this.token]): Promise<FakeRequest> {
    const client = new FakeClient(tokens.length > 0);
    return new FakeRequest(this, client, await this.#manager.open(tokens, client));
  }

  /** One request from its beginning to its answer. */
  async visit<R>(use: (session: AnySession) => R | Promise<R>): Promise<R> {
    const request = await this.request();
    const result = await use(request.session);
    await request.answer();
    return result;
  }

  obey(instruction: CookieInstruction | undefined): void {
    if (instruction === undefined) return;
    this.token = instruction.action === 'set' ? instruction.token : undefined;
  }
}

/** What a session knows of its request. */
export class FakeClient implements ResponseContext {
  headersSent = false;
  readonly cameWithToken: boolean;

  constructor(cameWithToken = false) {
    this.cameWithToken = cameWithToken;
  }
}

/** A request that has its session and has not been answered yet. */
export class FakeRequest {
  readonly client: FakeClient;
  /** What the application's handler gets. */
  readonly session: AnySession;
  readonly managed: ManagedSession;
  readonly #browser: FakeBrowser;

  constructor(browser: FakeBrowser, client: FakeClient, managed: ManagedSession) {
    this.#browser = browser;
    this.client = client;
    this.managed = managed;
    this.session = managed.httpSession as AnySession;
  }

  /** The end of the request: saves what it owes, then the answer reaches the browser. Rejects where it would be an error. */
  async answer(): Promise<CookieInstruction | undefined> {
    const cookie = await this.answerIsLost();
    this.#browser.obey(cookie);
    return cookie;
  }

  /** The same, but the browser never hears of it. */
  async answerIsLost(): Promise<CookieInstruction | undefined> {
    await this.managed.commit();
    this.client.headersSent = true;
    return this.managed.state.cookie;
  }
}
