import { realTimer, type Timer } from './clock.js';
import type { SessionEvent } from './events.js';
import type { SessionStore } from './store.js';
import type { SessionId } from './token.js';

/** Somebody who keeps something for as long as a session lives: a socket, as a rule. */
interface Watcher {
  id: SessionId;
  readonly ended: () => void;
  readonly moved: ((id: SessionId) => void) | undefined;
}

/** Sessions that are looked at, at the same time: thousands of sockets are to hear of their end within a second. */
const AT_ONCE = 64;
/** Between two tries to look at sessions after a gap. */
const AGAIN_MS = 200;

/**
 * Tells who keeps something of a session that it is over, on whichever node it was ended. Follows id changes. Events are
 * heard at most once: after a gap in them it is looked which sessions are still there, as often as it takes to get an answer, since
 * the store may come back later than the events. A session that expires is told of
 * where Redis tells (see EndedEvent), else found out by whoever uses it next.
 */
export class SessionWatch {
  readonly #store: Pick<SessionStore, 'load'>;
  readonly #timer: Timer;
  readonly #watchers = new Map<SessionId, Set<Watcher>>();
  /** To be looked at once more: events of them may have been missed, and the store gave no answer. */
  readonly #unsure = new Set<SessionId>();
  #isLooking = false;
  /** Calls the next try off. */
  #notAgain: (() => void) | undefined;

  /** @param timer Of {@link realTimer}'s kind; a test has one that it moves. */
  constructor(store: Pick<SessionStore, 'load'>, timer: Timer = realTimer) {
    this.#store = store;
    this.#timer = timer;
  }

  /**
   * @param ended Called once, when the session has ended; must not throw.
   * @param moved Called when it has another id; must not throw.
   * @returns Stops watching.
   */
  during(id: SessionId, ended: () => void, moved?: (id: SessionId) => void): () => void {
    const watcher = { id, ended, moved };
    this.#add(watcher);
    return () => this.#remove(watcher);
  }

  /** Every event of this node and of others. */
  note(event: SessionEvent): void {
    switch (event.type) {
      case 'destroyed':
      case 'evicted':
      case 'expired':
        return this.#end(event.id as SessionId);
      case 'regenerated':
        return this.#move(event.previousId as SessionId, event.id as SessionId);
      case 'authenticated':
        // Somebody else, or the same one with another token: what was opened before that is over.
        if (event.previousId !== undefined) this.#end(event.previousId as SessionId);
        return;
      case 'gap':
        return this.#lookAgain();
      default:
        return;
    }
  }

  #add(watcher: Watcher): void {
    const there = this.#watchers.get(watcher.id);
    if (there === undefined) this.#watchers.set(watcher.id, new Set([watcher]));
    else there.add(watcher);
  }

  #remove(watcher: Watcher): void {
    const there = this.#watchers.get(watcher.id);
    there?.delete(watcher);
    if (there?.size === 0) this.#watchers.delete(watcher.id);
  }

  #end(id: SessionId): void {
    const watchers = this.#watchers.get(id);
    this.#watchers.delete(id);
    watchers?.forEach(({ ended }) => ended());
  }

  #move(from: SessionId, to: SessionId): void {
    const watchers = this.#watchers.get(from);
    this.#watchers.delete(from);
    watchers?.forEach((watcher) => {
      watcher.id = to;
      this.#add(watcher);
      watcher.moved?.(to);
    });
  }

  #lookAgain(): void {
    for (const id of this.#watchers.keys()) this.#unsure.add(id);
    void this.#look();
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    this.#notAgain?.();
    let isAnswered = true;
    // Some at a time, and none any more once one was not answered.
    const some = async (): Promise<void> => {
      for (const id of this.#unsure) {
        if (!isAnswered) return;
        this.#unsure.delete(id);
        await this.#lookAt(id).catch(() => {
          isAnswered = false;
          this.#unsure.add(id);
        });
      }
    };
    while (isAnswered && this.#unsure.size > 0) await Promise.all(Array.from({ length: AT_ONCE }, some));
    this.#isLooking = false;
    if (!isAnswered) this.#notAgain = this.#timer(AGAIN_MS, () => void this.#look());
  }

  async #lookAt(id: SessionId): Promise<void> {
    if (!this.#watchers.has(id)) return;
    const outcome = await this.#store.load(id, { touch: false, only: [] });
    if (outcome.status === 'absent') this.#end(id);
    else if (outcome.status === 'ended' && outcome.movedTo === undefined) this.#end(id);
    else if (outcome.status === 'ended') {
      this.#move(id, outcome.movedTo as SessionId);
      this.#unsure.add(outcome.movedTo as SessionId);
    }
  }
}
