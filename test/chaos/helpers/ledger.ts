import { type Shown } from '../apps/chaos-node.js';

/** What a request does: without session; read, write, log in, log out. */
export type Kind = 'plain' | 'read' | 'write' | 'login' | 'logout';

/** What became of one request. */
export interface Answer {
  readonly user: string;
  readonly kind: Kind;
  /** 0: the connection broke before the answer was complete. */
  readonly status: number;
  /** Until the first byte. */
  readonly ms: number;
  /** On the clock of `performance.now()`. */
  readonly startedAt: number;
  readonly setsCookie: boolean;
  /** The value that a write or a login sent. */
  readonly sent?: string | undefined;
  /** What a success showed of the session; for a write, what was there before. */
  readonly shown?: Shown | undefined;
  /** What is wrong with a refusal, in words: it sets a cookie, tells of the inside, … */
  readonly dishonest?: string | undefined;
}

/** A session as one read shows it: `user:value`, or that there is none. */
type State = string;
const ANONYMOUS: State = 'nobody';

interface Book {
  who: string | null;
  /** What was acknowledged last, or seen since. */
  certain: State;
  /** What it may be instead: requests since then that were not acknowledged. */
  readonly possible: Map<State, Answer>;
  /** All that were not acknowledged, ever. */
  readonly attempts: Map<State, Answer>;
  id: string | undefined;
}

/**
 * What was acknowledged to whom, and whether later answers agree. Each user sends one request after the other, so that
 * what a read may show is known: what was acknowledged last, or a request since then whose outcome nobody told.
 */
export class Ledger {
  readonly answers: Answer[] = [];
  /** An acknowledged write, login or logout that is not there. */
  readonly lost: string[] = [];
  /** A user saw what is another's. */
  readonly foreign: string[] = [];
  /** Refusals that set a cookie or tell of the inside. */
  readonly dishonest: string[] = [];
  /** Requests that were given up without an answer. */
  readonly hanging: string[] = [];
  /** Not acknowledged, seen not to be applied, and applied later. */
  readonly #revived: Answer[] = [];
  /** Not acknowledged, and applied by the time somebody looked. */
  readonly #surfaced: Answer[] = [];
  readonly #books = new Map<string, Book>();

  add(answer: Answer): void {
    this.answers.push(answer);
    const { user, kind, status, sent, shown, dishonest } = answer;
    if (dishonest !== undefined) this.dishonest.push(`${kind} ${status}: ${dishonest}`);
    if (kind === 'plain') return;
    const book = this.#book(user);
    if (status !== 200) {
      if (kind === 'read') return;
      // A login may have moved what a guest had to an id whose cookie nobody got.
      const state = kind === 'write' ? stateOf(book.who, sent) : ANONYMOUS;
      // The first of several stays: one of them did it, and which one it was nobody can tell.
      if (!book.possible.has(state)) book.possible.set(state, answer);
      if (kind === 'write') book.attempts.set(state, answer);
      return;
    }
    if (kind === 'logout') {
      settle(book, null, ANONYMOUS);
      return;
    }
    if (shown === undefined)
      throw new Error(`Chaos helper: a ${kind} was answered 200 and shows no session.`);
    // After a refused logout or login the cookie may be that of a session which has just ended: what is written with it is
    // not stored, and says so by setting no cookie. See docs/reliability.md, Limits.
    const mayBeStraggler = !answer.setsCookie && book.possible.has(ANONYMOUS);
    if (kind === 'login') settle(book, shown.who, stateOf(shown.who, shown.value));
    else this.#see(user, book, shown);
    const isStored = kind === 'write' && !(mayBeStraggler && book.certain === ANONYMOUS);
    if (isStored) settle(book, shown.who, stateOf(shown.who, sent));
    book.id = shown.id;
  }

  /** Who this user is as far as the browser knows. */
  who(user: string): string | null {
    return this.#book(user).who;
  }

  /** The public id of the session, as last shown. */
  idOf(user: string): string | undefined {
    return this.#book(user).id;
  }

  /** Answers to requests that began in a span of time. */
  between(from: number, to = Infinity): Answer[] {
    return this.answers.filter(({ startedAt }) => startedAt >= from && startedAt < to);
  }

  /**
   * Refused writes that were applied later. Those sent before `from` count only if an answer in between showed that
   * they had not been applied: a server that dies may have applied what it did not answer any more.
   */
  zombies(from = Infinity): string[] {
    const certain = this.#surfaced.filter(({ startedAt, status }) => status !== 0 && startedAt >= from);
    return [...this.#revived, ...certain].map(({ user, kind, status }) => `${kind} of ${user} (${status})`);
  }

  #see(user: string, book: Book, shown: Shown): void {
    const state = stateOf(shown.who, shown.value);
    const attempt = book.possible.get(state);
    const isForeign =
      (shown.who !== null && shown.who !== user) ||
      (shown.value !== null && !shown.value.startsWith(`${user}#`));
    if (isForeign) this.foreign.push(`${user} saw ${state}`);
    else if (attempt !== undefined && state !== book.certain) this.#surfaced.push(attempt);
    else if (state !== book.certain) {
      const earlier = book.attempts.get(state);
      if (earlier !== undefined) this.#revived.push(earlier);
      else this.lost.push(`${user} has ${state} instead of ${book.certain}`);
    }
    settle(book, shown.who, state);
  }

  #book(user: string): Book {
    const found = this.#books.get(user);
    if (found !== undefined) return found;
    const book: Book = {
      who: null,
      certain: ANONYMOUS,
      possible: new Map(),
      attempts: new Map(),
      id: undefined,
    };
    this.#books.set(user, book);
    return book;
  }
}

function settle(book: Book, who: string | null, state: State): void {
  book.who = who;
  book.certain = state;
  book.possible.clear();
}

function stateOf(who: string | null, value: string | null | undefined): State {
  return who === null && (value ?? null) === null ? ANONYMOUS : `${who ?? 'a guest'}:${value ?? 'nothing'}`;
}
