import type { LoadedMark } from '../../core/store.js';
import { NEVER_MS } from '../../core/times.js';
import type { Argument } from '../../redis/executor.js';

/** Uses that are closer together than this part of a record's idle life need not be noted, however long the touch interval is. */
export const UNNOTED_SHARE = 10;

/** What a write says of the limits of a record. */
interface HeadTerms {
  /** Seconds; undefined: as it was. */
  readonly idle: number | undefined;
  /** Whether the session is stored for its whole idle life. */
  readonly lasting: boolean;
  /** Seconds that the record lives where it is not, or 0. */
  readonly copy: number;
}

/**
 * `@v` as it was loaded. A save that does not change it sends it along, with the life and deadline that follow from it. Where Redis
 * still has the same bytes, the script need not work those out. See SAVE in scripts.ts.
 */
export class RecordHead {
  readonly text: string;
  readonly idle: string;
  /** Absolute deadline, epoch milliseconds, or 0. */
  readonly until: string;
  readonly copy: string;
  readonly authenticated: string;

  constructor(text: string, idle: string, until: string, copy: string, authenticated: string) {
    this.text = text;
    this.idle = idle;
    this.until = until;
    this.copy = copy;
    this.authenticated = authenticated;
  }

  /** Whether such a write leaves `@v` unchanged, by the rule of `changeLimits` in scripts.ts. */
  isKeptBy({ idle, lasting, copy }: HeadTerms): boolean {
    if (idle !== undefined && String(idle) !== this.idle) return false;
    if (this.authenticated === '1') return this.copy === '0';
    return !lasting && String(copy) === this.copy;
  }

  /** See {@link lifeMs}. */
  lifeMs(touchIntervalMs: number): number {
    return lifeMs(Number(this.idle), Number(this.copy), touchIntervalMs);
  }
}

/**
 * The idle life of a record from a use on, in milliseconds, by the rule of `TTL` in scripts.ts.
 * @param idle Seconds; 0 or less: it does not end. @param copy Seconds, of one that is stored for a short while only; else 0.
 */
export function lifeMs(idle: number, copy: number, touchIntervalMs: number): number {
  let life = NEVER_MS;
  if (idle > 0) life = Math.min(life, idle * 1000);
  if (copy > 0) return Math.min(life, copy * 1000);
  const unnoted = Math.min(touchIntervalMs, Math.floor(life / UNNOTED_SHARE));
  return Math.min(life + unnoted, NEVER_MS);
}

/** The arguments of SAVE that come behind its deadline. */
export function headArguments(
  mark: LoadedMark | undefined,
  terms: HeadTerms,
  touchIntervalMs: number,
): Argument[] {
  const { idle = '', lasting, copy } = terms;
  const said = `${touchIntervalMs} ${idle} ${lasting ? 1 : 0} ${copy}`;
  if (!(mark instanceof RecordHead && mark.isKeptBy(terms))) return ['', '', '', said];
  return [mark.text, mark.lifeMs(touchIntervalMs), mark.until, said];
}
