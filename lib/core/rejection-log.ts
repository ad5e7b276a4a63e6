import type { SessionLog } from './environment.js';
import type { RejectionReason, SessionEvent } from './events.js';
import { ThrottledLines } from './throttled-lines.js';
import type { Timer } from './clock.js';

/** Milliseconds between two lines. */
const INTERVAL_MS = 1000;

/** Of attributes that are named in a line, and of letters of each name. */
const MOST_NAMES = 5;
const MOST_LETTERS = 40;

/** Everyday life: a cookie that outlived its session, a request that overlapped with a login or a logout. */
const HARMLESS: ReadonlySet<Kind> = new Set(['unknown', 'gone']);

/** What lines are counted by. */
type Kind = RejectionReason | 'dropped';

/** One thing to tell. */
interface Entry {
  readonly kind: Kind;
  readonly id: string | undefined;
  readonly detail: string | undefined;
}

export type Rejection = Extract<SessionEvent, { type: 'rejected' }>;
type Drop = Extract<SessionEvent, { type: 'dropped' }>;

/**
 * Writes rejections, and changes that a login has made void, to the log, at most one line a second whatever arrives: the first at once, what follows within
 * the second as one line with the number of each. A flood of bad cookies must not become a flood of lines.
 */
export class RejectionLog {
  readonly #log: SessionLog;
  readonly #throttle: ThrottledLines;
  readonly #untold = new Map<Kind, number>();
  #latest: Entry | undefined;

  constructor(log: SessionLog, timer: Timer) {
    this.#log = log;
    const tell = (): void => this.flush();
    this.#throttle = new ThrottledLines({ first: tell, again: tell }, timer, INTERVAL_MS);
  }

  note(event: Rejection | Drop): void {
    const entry = entryOf(event);
    if (entry === undefined) return;
    const { kind } = entry;
    this.#untold.set(kind, (this.#untold.get(kind) ?? 0) + 1);
    // Of many the one that matters most is shown, and of those the latest.
    if (this.#latest === undefined || !HARMLESS.has(kind) || HARMLESS.has(this.#latest.kind)) {
      this.#latest = entry;
    }
    this.#throttle.note('rejections', '');
  }

  /** Tells what is still untold. */
  flush(): void {
    const latest = this.#latest;
    if (latest === undefined) return;
    const kinds = [...this.#untold.keys()];
    const line = this.#line(latest);
    this.#untold.clear();
    this.#latest = undefined;
    if (kinds.every((kind) => HARMLESS.has(kind))) this.#log.debug(line);
    else this.#log.warn(line);
  }

  #line({ kind, id, detail }: Entry): string {
    const counts = [...this.#untold].map(([name, count]) => `${count} ${name}`);
    const total = [...this.#untold.values()].reduce((sum, count) => sum + count, 0);
    const subject = id === undefined ? '' : `Session ${id}: `;
    const what = `${subject}${MEANING[kind]}${detail === undefined ? '' : ` (${detail})`}`;
    return total === 1
      ? `${what}.`
      : `${what}. ${total} rejections since the line before: ${counts.join(', ')}.`;
  }
}

function entryOf(event: Rejection | Drop): Entry | undefined {
  if (event.type === 'rejected') return { kind: event.reason, id: event.id, detail: event.detail };
  // That a session had ended is told as such; what a request had still to write to it is void by intent.
  if (event.reason !== 'login') return undefined;
  const names = event.attributes
    .slice(0, MOST_NAMES)
    .map((name) => JSON.stringify(name.slice(0, MOST_LETTERS)));
  const more = event.attributes.length > MOST_NAMES ? ', …' : '';
  return { kind: 'dropped', id: event.id, detail: names.join(', ') + more };
}

const MEANING: Readonly<Record<Kind, string>> = {
  forged: 'A request brought a session cookie or token that cannot be ours; it is ignored',
  ambiguous:
    'A request brought the tokens of two live sessions, or of more than 16; it is treated as anonymous',
  unknown: 'unknown or expired; the request starts with an empty one',
  corrupt: 'its record cannot be used; the request is anonymous',
  dropped: 'another request logged in meanwhile, and what this one changed is dropped',
  gone: 'it was renewed or ended meanwhile; a late request is anonymous, a late change is dropped',
};
