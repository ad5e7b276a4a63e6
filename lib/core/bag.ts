/** Where it is in a {@link Bag}; -1: in none. Belongs to the bag. */
export interface Placed {
  place: number;
}

/**
 * Some of many things that come and go with each request, in no order. Not a Set: the table of one is replaced again and again
 * while it is in use, and where old tables have outlived their use, what they still hold (sessions, and by them requests and
 * responses) outlives its own in the garbage collector.
 */
export class Bag<T extends Placed> {
  readonly #things: T[] = [];

  get size(): number {
    return this.#things.length;
  }

  add(thing: T): void {
    if (this.has(thing)) return;
    thing.place = this.#things.length;
    this.#things.push(thing);
  }

  delete(thing: T): void {
    if (!this.has(thing)) return;
    const last = this.#things.pop() as T;
    last.place = thing.place;
    if (last !== thing) this.#things[thing.place] = last;
    thing.place = -1;
  }

  has(thing: T): boolean {
    const { place } = thing;
    // An array is slow to say that there is nothing before its first element.
    return place >= 0 && this.#things[place] === thing;
  }

  /** What is in it at this moment: it may change while somebody goes through it. */
  list(): T[] {
    return [...this.#things];
  }
}
