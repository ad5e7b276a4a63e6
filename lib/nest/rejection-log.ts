import type { SessionLog } from '../core/environment.js';
import type { RejectionReason, SessionEvent } from '../core/events.js';

/** Milliseconds between two lines. */
const INTERVAL_MS = 1000;

/** Everyday life: a cookie that outlived its session, a request that overlapped with a login or a logout. */
const HARMLESS: ReadonlySet<RejectionReason> = new Set(['unknown', 'gone']);

export type Rejection = Extract<SessionEvent, { type: 'rejected' }>;

/** Time, as a parameter: milliseconds that only grow, and a call after some of them. */
export interface LogClock {
  readonly now: () => number;
  readonly after: (milliseconds: number, call: () => void) => void;
}

/**
 * Writes rejections to the log, at most one line a second whatever arrives: the first at once, what follows within
 * the second as one line with the number of each. A flood of bad cookies must not become a flood of lines.
 */
export class RejectionLog {
  readonly #log: SessionLog;
  readonly #clock: LogClock;
  readonly #untold = new Map<RejectionReason, number>();
  #latest: Rejection | undefined;
  #toldAt = -Infinity;
  #scheduled = false;

  constructor(log: SessionLog, clock: LogClock) {
    this.#log = log;
    this.#clock = clock;
  }

  note(rejection: Rejection): void {
    const { reason } = rejection;
    this.#untold.set(reason, (this.#untold.get(reason) ?? 0) + 1);
    // Of many the one that matters most is shown, and of those the latest.
    if (this.#latest === undefined || !HARMLESS.has(reason) || HARMLESS.has(this.#latest.reason)) {
      this.#latest = rejection;
    }
    this.#tell();
  }

  /** Now, or as soon as a second has passed since the line before. */
  #tell(): void {
    if (this.#latest === undefined) return;
    const waitMs = this.#toldAt + INTERVAL_MS - this.#clock.now();
    if (waitMs <= 0) {
      this.flush();
    } else if (!this.#scheduled) {
      this.#scheduled = true;
      this.#clock.after(waitMs, () => {
        this.#scheduled = false;
        // Asked again: in a busy process this comes late, when another line may just have been written.
        this.#tell();
      });
    }
  }

  /** Tells what is still untold. */
  flush(): void {
    const latest = this.#latest;
    if (latest === undefined) return;
    const reasons = [...this.#untold.keys()];
    const line = this.#line(latest);
    this.#untold.clear();
    this.#latest = undefined;
    this.#toldAt = this.#clock.now();
    if (reasons.every((reason) => HARMLESS.has(reason))) this.#log.debug(line);
    else this.#log.warn(line);
  }

  #line({ reason, id, detail }: Rejection): string {
    const counts = [...this.#untold].map(([name, count]) => `${count} ${name}`);
    const total = [...this.#untold.values()].reduce((sum, count) => sum + count, 0);
    const subject = id === undefined ? '' : `Session ${id}: `;
    const what = `${subject}${MEANING[reason]}${detail === undefined ? '' : ` (${detail})`}`;
    return total === 1
      ? `${what}.`
      : `${what}. ${total} rejections since the line before: ${counts.join(', ')}.`;
  }
}

const MEANING: Readonly<Record<RejectionReason, string>> = {
  forged: 'A request brought a session cookie or token that cannot be ours; it is ignored',
  ambiguous: 'A request brought the tokens of two live sessions; it is treated as anonymous',
  unknown: 'unknown or expired; the request starts with an empty one',
  corrupt: 'its record cannot be used; the request is anonymous',
  gone: 'it was renewed or ended meanwhile; a late request is anonymous, a late change is dropped',
};
