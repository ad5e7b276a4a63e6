import { Bag, type Placed } from './bag.js';
import type { ManagedSession } from './session.js';
import type { SessionStore } from './store.js';

/** Time and timers, as a parameter: tests have their own. */
export interface UseClock {
  /** Milliseconds that never go back. */
  readonly now: () => number;
  /** Calls once after some milliseconds, unless the process has ended by then. */
  readonly after: (milliseconds: number, call: () => void) => void;
}

/** What is asked of a session that is open. */
export interface OpenSession extends Pick<ManagedSession, 'phase' | 'id'> {
  readonly state: Pick<ManagedSession['state'], 'times'>;
}

/** How often open sessions are looked at: a quarter of the shortest idle life there is, which is a second. */
const BEAT_MS = 250;
/** Touches under way at a time, so that a node with thousands of streams leaves room for requests. */
const MAX_TOUCHES = 100;

/**
 * Keeps the sessions of requests and sockets alive that last longer than a session lives unused: an event stream, a slow
 * upload, a long computation. A session is touched when half of its idle life has passed since the request had it or it was last
 * touched here, until the response closes.
 *
 * One timer looks at all of them, and only while there are any: a request that is over sooner costs a place
 * in a list and no timer of its own.
 */
export class SessionsInUse {
  readonly #store: Pick<SessionStore, 'touch'>;
  readonly #clock: UseClock;
  readonly #open = new Bag<Use>();
  #isWatched = false;
  #touches = 0;

  constructor(store: Pick<SessionStore, 'touch'>, clock: UseClock) {
    this.#store = store;
    this.#clock = clock;
  }

  /**
   * Keeps a session alive until the returned function is called or `isOver` returns true. Where a client has left before its
   * response began, nobody calls the function.
   */
  during(session: OpenSession, isOver: () => boolean): () => void {
    const use: Use = { session, isOver, usedAt: this.#clock.now(), isTouched: false, place: -1 };
    this.#open.add(use);
    if (!this.#isWatched) this.#watch();
    return () => this.#open.delete(use);
  }

  #watch(): void {
    this.#isWatched = this.#open.size > 0;
    if (this.#isWatched) this.#clock.after(BEAT_MS, this.#look);
  }

  readonly #look = (): void => {
    for (const use of this.#open.list()) {
      if (use.isOver()) this.#open.delete(use);
      else this.#touchIfDue(use);
    }
    this.#watch();
  };

  /** One that is not touched now, since too many are, has half of its life left for another try. */
  #touchIfDue(use: Use): void {
    const { session, usedAt, isTouched } = use;
    const halfLifeMs = (session.state.times.maxInactiveInterval * 1000) / 2;
    const now = this.#clock.now();
    if (session.phase !== 'stored' || halfLifeMs <= 0 || now - usedAt < halfLifeMs) return;
    if (isTouched || this.#touches >= MAX_TOUCHES) return;
    use.isTouched = true;
    this.#touches += 1;
    void this.#store
      .touch(session.id)
      .then(
        () => (use.usedAt = now),
        // Tried again at the next look; the store itself tells of its failures.
        () => undefined,
      )
      .finally(() => {
        use.isTouched = false;
        this.#touches -= 1;
      });
  }
}

interface Use extends Placed {
  readonly session: OpenSession;
  readonly isOver: () => boolean;
  usedAt: number;
  /** A touch is under way. */
  isTouched: boolean;
}
