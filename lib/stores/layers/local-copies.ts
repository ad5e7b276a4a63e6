import type { SessionChange, SessionRecord, SessionRenewal } from '../../core/store.js';
import type { SessionId } from '../../core/token.js';
import { changed, type MemoryStore } from '../memory-store.js';

/** What the copies of one process need to know. */
export interface LocalCopyRules {
  /**
   * How long a copy may be served after Redis has last said that its session is alive, in milliseconds. Less than the
   * life of the tombstone of an end.
   */
  readonly lifeMs: number;
  /** Monotonic, in milliseconds; the memory store's own. */
  readonly now: () => number;
}

/**
 * Copies in this process of sessions that Redis holds for a short while only. Two rules keep them true.
 *
 * **Newest wins.** Replies arrive in any order: each connection of a pool has its own. What this node has been told to have
 * written must be in its copy, whichever load comes in after it, and a load that was overtaken must not put back what is
 * older. So everything that is asked of Redis about a session while something else is under way is a {@link Visit} of one
 * {@link Order}, in which replies are put in the order in which Redis has executed what they answer: by Redis' time of a
 * write, and by the time of the last use that a loaded record tells. What is asked when nothing is under way is
 * newer than the copy without a question, wherever the clock of Redis stands, so that an order is forgotten with its last visit.
 *
 * **A copy never outlives the tombstone that would stop it.** Redis is asked before a copy is served or put back, and a
 * tombstone that it finds ends the copy. That can fail only where the tombstone has expired meanwhile. A copy lives for
 * `lifeMs` from the *question* by which Redis was last seen to have no end of the session. An end that came
 * before the question would have been found by it; one that came after it left a tombstone after it, which lives longer than
 * `lifeMs`: when that expires, the copy is gone. Each question that finds no end starts the life anew. It is counted by
 * a monotonic clock, and the tombstone lives a minute longer, for what clocks differ in how fast they go.
 */
export class LocalCopies {
  readonly #memory: MemoryStore;
  readonly #rules: LocalCopyRules;
  readonly #orders = new Map<SessionId, Order>();
  #visits = 0;

  constructor(memory: MemoryStore, rules: LocalCopyRules) {
    this.#memory = memory;
    this.#rules = rules;
  }

  /** Redis is going to be asked about a session. To be ended with `done()`. */
  visit(id: SessionId): Visit {
    const order = this.#orders.get(id) ?? this.#begin(id);
    this.#visits += 1;
    return order.opened(new Visit(order, this.#visits, this.#rules.now() + this.#rules.lifeMs));
  }

  /** Whether there is a copy. */
  has(id: SessionId): boolean {
    return this.#memory.peek(id) !== undefined;
  }

  /** There is to be no copy of a session any more, whatever is under way. */
  end(id: SessionId): void {
    this.#orders.get(id)?.end();
    this.#memory.forget(id);
  }

  /** Drops all copies, and those that what is under way would make. */
  clear(): void {
    for (const order of this.#orders.values()) order.end();
    this.#memory.clear();
  }

  close(): Promise<void> {
    return this.#memory.close();
  }

  /** The visit that was begun last. */
  get latestVisit(): number {
    return this.#visits;
  }

  /** A session goes on under another id. @returns False: that has an order already. */
  moved(order: Order, to: SessionId): boolean {
    if (this.#orders.has(to)) return false;
    this.#orders.set(to, order);
    return true;
  }

  /** Nobody asks for the session any more. */
  over(order: Order): void {
    for (const id of order.ids) this.#orders.delete(id);
  }

  #begin(id: SessionId): Order {
    const order = new Order(id, this.#memory, this);
    this.#orders.set(id, order);
    return order;
  }
}

/** A write that Redis has acknowledged while others were under way. */
interface Landed {
  /** Redis' time of it. */
  readonly at: number;
  readonly change: SessionChange;
  /** The visit begun last when it was acknowledged: those after it have seen it. */
  readonly latestVisit: number;
}

const NONE: readonly Landed[] = [];
const NOBODY: Visit[] = [];

/** What is known of a session while Redis is being asked about it: see {@link LocalCopies}. */
class Order {
  /** The ids that it has had meanwhile. */
  readonly ids: SessionId[];
  /** Oldest first. One as a rule, for which there is no list to grow. */
  #open: Visit[] = NOBODY;
  readonly #memory: MemoryStore;
  readonly #copies: Pick<LocalCopies, 'latestVisit' | 'moved' | 'over'>;
  /** Undefined: there is to be no copy any more. */
  #id: SessionId | undefined;
  /** The last use that the newest loaded record tells of: it has every write before that. */
  #base: number | undefined;
  #landed: readonly Landed[] = NONE;

  constructor(
    id: SessionId,
    memory: MemoryStore,
    copies: Pick<LocalCopies, 'latestVisit' | 'moved' | 'over'>,
  ) {
    this.#id = id;
    this.ids = [id];
    this.#memory = memory;
    this.#copies = copies;
  }

  get copy(): SessionRecord | undefined {
    return this.#id === undefined ? undefined : this.#memory.peek(this.#id);
  }

  keep(record: SessionRecord, now: number, until: number): void {
    if (this.#id === undefined) return;
    if (isLasting(record)) this.end();
    else this.#memory.keep(this.#id, record, now, until);
  }

  /** A record as Redis had it some time ago. */
  loaded(record: SessionRecord, now: number, until: number): void {
    const base = record.lastAccessedAt;
    if (this.#base !== undefined && base < this.#base) return;
    this.#base = base;
    if (this.#landed.length > 0) this.#landed = this.#landed.filter(({ at }) => at >= base);
    if (isLasting(record)) return this.end();
    // The mark is good as long as Redis has the record, and weighs a third of a small session.
    this.keep(withAll({ ...record, mark: undefined }, this.#landed), now, until);
  }

  /** A write that Redis has executed some time ago. */
  wrote(change: SessionChange, at: number, until: number): void {
    if (this.#base !== undefined && at < this.#base) return;
    // Nothing to keep it in, and nobody under way who could bring something older.
    if (this.#open.length === 1 && this.copy === undefined) return;
    this.#forgetSettled();
    const place = this.#landed.findLastIndex((other) => other.at <= at) + 1;
    this.#landed = this.#landed.toSpliced(place, 0, { at, change, latestVisit: this.#copies.latestVisit });
    const { copy } = this;
    if (copy !== undefined) this.keep(withAll(copy, this.#landed.slice(place)), at, until);
  }

  /** The session goes on under another id, and so does what is still under way. */
  moved(to: SessionId, change: SessionChange, at: number, until: number): void {
    const { copy } = this;
    this.end();
    if (copy === undefined || change.authenticated || !this.#copies.moved(this, to)) return;
    this.#id = to;
    this.ids.push(to);
    this.keep(copy, at, until);
    this.wrote(change, at, until);
  }

  /** Nothing that arrives from now on makes a copy. */
  end(): void {
    if (this.#id !== undefined) this.#memory.forget(this.#id);
    this.#id = undefined;
  }

  opened(visit: Visit): Visit {
    if (this.#open.length === 0) this.#open = [visit];
    else this.#open.push(visit);
    return visit;
  }

  done(visit: Visit): void {
    if (this.#open.length === 1) this.#copies.over(this);
    else this.#open.splice(this.#open.indexOf(visit), 1);
  }

  /** Visits that began after a write was acknowledged cannot bring anything older. */
  #forgetSettled(): void {
    const first = this.#open[0]?.number ?? Infinity;
    if (this.#landed.length > 0)
      this.#landed = this.#landed.filter(({ latestVisit }) => latestVisit >= first);
  }
}

/** One question to Redis about a session, and what its answer makes of the copy. */
export class Visit {
  readonly number: number;
  readonly #order: Order;
  /** A copy that this question confirms is gone by then. */
  readonly #until: number;

  constructor(order: Order, number: number, until: number) {
    this.#order = order;
    this.number = number;
    this.#until = until;
  }

  get copy(): SessionRecord | undefined {
    return this.#order.copy;
  }

  /** Redis has it; this is what it had. */
  loaded(record: SessionRecord, now: number): void {
    this.#order.loaded(record, now, this.#until);
  }

  /** Redis has nothing of it, an end neither: the copy, if there is one, which has been used now. */
  served(now: number): SessionRecord | undefined {
    const { copy } = this;
    if (copy !== undefined) this.#order.keep({ ...copy, lastAccessedAt: now }, now, this.#until);
    return copy;
  }

  created(record: SessionRecord, now: number): void {
    this.#order.keep(record, now, this.#until);
  }

  wrote(change: SessionChange, now: number): void {
    this.#order.wrote(change, now, this.#until);
  }

  renewed(renewal: SessionRenewal, now: number): void {
    this.#order.moved(renewal.newId, renewal, now, this.#until);
  }

  ended(): void {
    this.#order.end();
  }

  done(): void {
    this.#order.done(this);
  }
}

/** Whether a session lives in Redis alone: no copy is made of it. */
export function isLasting({ authenticated, kept }: Pick<SessionRecord, 'authenticated' | 'kept'>): boolean {
  return authenticated || kept === true;
}

function withAll(record: SessionRecord, landed: readonly Landed[]): SessionRecord {
  return landed.reduce((before, { change, at }) => changed(before, change, at), record);
}
