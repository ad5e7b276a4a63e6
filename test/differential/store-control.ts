import { SessionStoreUnavailableError } from '../../lib/index.js';
import type { SessionStore } from '../../lib/core/store.js';
import { Gate } from '../e2e/helpers/gate.js';
import { turns } from './patience.js';
import type { State } from './program.js';

/** When a write is answered. `gate`: when the program opens it. */
type Pace = 'at once' | 'a turn later' | 'gate';

const PACES: Readonly<Record<State, Pace>> = {
  untouched: 'at once',
  read: 'at once',
  changed: 'at once',
  gone: 'at once',
  new: 'a turn later',
  fails: 'a turn later',
  slow: 'gate',
  'fails late': 'gate',
};

/** Turns that a response may take to leave after its save is done. */
export const RELEASE_TURNS = 3;
const WRITES = ['create', 'save', 'renew', 'compareAndSet', 'destroy'] as const;

/** Decides when a store answers, and how. */
export class StoreControl {
  #pace: Pace = 'at once';
  #refuses = false;
  #underWay = 0;
  #gate = new Gate();
  /** Writes that were begun since {@link begin}. */
  begun = 0;
  /** Writes that were refused since then. */
  refused = 0;

  constructor(store: SessionStore) {
    for (const name of WRITES) {
      const original = store[name].bind(store) as (...args: unknown[]) => Promise<unknown>;
      const controlled = (...args: unknown[]): Promise<unknown> => this.#write(() => original(...args));
      Object.assign(store, { [name]: controlled });
    }
  }

  /** A program starts. */
  begin(state: State): void {
    this.#pace = PACES[state];
    this.#refuses = state === 'fails' || state === 'fails late';
    this.#gate = new Gate();
    this.begun = 0;
    this.refused = 0;
  }

  /** No program any more: writes are done. */
  rest(): void {
    this.openGate();
    this.#pace = 'at once';
    this.#refuses = false;
  }

  openGate(): void {
    this.#gate.open();
  }

  /** Whether a write is under way, or was a moment ago. */
  get busy(): boolean {
    return this.#underWay > 0;
  }

  async #write(write: () => Promise<unknown>): Promise<unknown> {
    this.begun += 1;
    this.#underWay += 1;
    const refuses = this.#refuses;
    try {
      if (this.#pace === 'gate') await this.#gate.pass();
      if (this.#pace === 'a turn later') await turns(1);
      if (!refuses) return await write();
      this.refused += 1;
      throw new SessionStoreUnavailableError('The store refuses, as the program has it.');
    } finally {
      void turns(RELEASE_TURNS).then(() => (this.#underWay -= 1));
    }
  }
}
