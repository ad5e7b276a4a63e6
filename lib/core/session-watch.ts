import type { SessionEvent } from './events.js';
import type { SessionStore } from './store.js';
import type { SessionId } from './token.js';

/** Somebody who keeps something for as long as a session lives: a socket, as a rule. */
interface Watcher {
  id: SessionId;
  readonly ended: () => void;
  readonly moved: ((id: SessionId) => void) | undefined;
}

/**
 * Tells who keeps something of a session that it is over, on whichever node it was ended. Follows id changes. Events are
 * heard at most once: after a gap in them it is looked which sessions are still there. A session that expires is told of
 * where Redis tells (see EndedEvent), else found out by whoever uses it next.
 */
export class SessionWatch {
  readonly #store: Pick<SessionStore, 'load'>;
  readonly #watchers = new Map<SessionId, Set<Watcher>>();

  constructor(store: Pick<SessionStore, 'load'>) {
    this.#store = store;
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
        return void this.#lookAgain();
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

  async #lookAgain(): Promise<void> {
    for (const id of [...this.#watchers.keys()]) await this.#lookAt(id).catch(noop);
  }

  async #lookAt(id: SessionId): Promise<void> {
    const outcome = await this.#store.load(id, { touch: false, only: [] });
    if (outcome.status === 'absent') this.#end(id);
    else if (outcome.status === 'ended' && outcome.movedTo === undefined) this.#end(id);
    else if (outcome.status === 'ended') {
      this.#move(id, outcome.movedTo as SessionId);
      await this.#lookAt(outcome.movedTo as SessionId);
    }
  }
}

function noop(): void {
  // The store is not there: with its return comes the next gap.
}
