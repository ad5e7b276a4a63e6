import type { SessionRecord, SessionStore } from '../../lib/core/store.js';
import type { SessionId } from '../../lib/core/token.js';
import { decoded, freshId, newSession } from './builders.js';

/** What one session of each store under test may hold. */
export const LIMITS = { maxSessionBytes: 200_000, maxAttributes: 4_000 };

/** A store as the contract needs it. */
export interface StoreUnderTest {
  readonly store: SessionStore;
  /** The same sessions as another node sees them; the same object for a store of one process. */
  readonly peer: SessionStore;
  /** Milliseconds that the session has left if nobody uses it; 0: it is not there. */
  readonly lifeMs: (id: SessionId) => Promise<number>;
}

/** What sets one run of the contract apart from another. */
export interface ContractOptions {
  /** Whether its sessions are authenticated. */
  readonly authenticated: boolean;
  /** No session lives longer than this unused, in milliseconds. */
  readonly longestLifeMs?: number | undefined;
}

/** A run of the contract: its store, once that has started, and what its tests ask of it again and again. */
export class ContractFixture {
  readonly options: ContractOptions;
  /** What every session and change of the run has in common. */
  readonly rest: { readonly authenticated: boolean };
  readonly #start: () => Promise<StoreUnderTest>;
  #test: StoreUnderTest | undefined;

  constructor(options: ContractOptions, start: () => Promise<StoreUnderTest>) {
    this.options = options;
    this.rest = { authenticated: options.authenticated };
    this.#start = start;
  }

  async start(): Promise<void> {
    this.#test = await this.#start();
  }

  /** One more like it, for a test that breaks it. */
  another(): Promise<StoreUnderTest> {
    return this.#start();
  }

  get store(): SessionStore {
    return this.#started.store;
  }

  get peer(): SessionStore {
    return this.#started.peer;
  }

  lifeMs(id: SessionId): Promise<number> {
    return this.#started.lifeMs(id);
  }

  /** The id of a new session. */
  async created(...[attributes, more]: Parameters<typeof newSession>): Promise<SessionId> {
    const id = freshId();
    await this.store.create(id, newSession(attributes, { ...this.rest, ...more }));
    return id;
  }

  async recordOf(id: SessionId, from = this.store): Promise<SessionRecord> {
    const outcome = await from.load(id);
    if (outcome.status !== 'found') throw new Error(`Expected a session, the store says ${outcome.status}.`);
    return outcome.record;
  }

  async attributesOf(id: SessionId, from = this.store): Promise<Record<string, string>> {
    return decoded((await this.recordOf(id, from)).attributes);
  }

  /** What each node says of it. */
  async statusesOf(id: SessionId): Promise<string[]> {
    return [(await this.store.load(id)).status, (await this.peer.load(id)).status];
  }

  get #started(): StoreUnderTest {
    if (this.#test === undefined) throw new Error('The store is started in beforeAll.');
    return this.#test;
  }
}
