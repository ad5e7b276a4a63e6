import type { Name } from './program.js';

/**
 * The life of one session under whatever ids it had: an id change continues it, a logout or an expiry ends it, and
 * a login on one that has ended begins another. Named by an attribute that only the first request sets.
 */
export type Lineage = string;

/** Moments are counted, not timed: each is one more than the one before. */
interface Interval {
  /** When the request was sent. */
  readonly start: number;
  /** When its response was there, or its work in the background was done; Infinity: neither has happened. */
  end: number;
}

export interface Write extends Interval {
  readonly lineage: Lineage;
  readonly name: Name;
  /** As JSON; undefined: removed. */
  readonly value: string | undefined;
}

export interface Read extends Interval {
  readonly lineage: Lineage;
  readonly name: Name;
  readonly value: string | undefined;
}

/** An id change or an end, which a request that overlaps with it may have lost a race against. */
export interface Turn extends Interval {
  readonly lineage: Lineage;
  readonly kind: 'renewed' | 'ended';
  /** Whether it was a login that changed the id. */
  readonly login: boolean;
}

/** A request that was told 409. */
export interface Refusal extends Interval {
  /** Of the sessions that it had, one after the other. */
  readonly lineages: ReadonlySet<Lineage>;
}

/** What was seen of one program. */
export interface History {
  readonly refusals: Refusal[];
  readonly writes: Write[];
  readonly reads: Read[];
  readonly turns: Turn[];
  /** Acknowledged `update()` calls, by lineage. */
  readonly updates: Map<Lineage, number>;
  /** What `count` was, and in whose session, when everything was over. */
  readonly final: { lineage: Lineage | undefined; count: number; principal: string | undefined };
  /** Logins that were acknowledged. */
  readonly logins: string[];
  /** Lineages that a key in Redis still held in the end. */
  readonly stored: Lineage[];
}

export function emptyHistory(): History {
  return {
    refusals: [],
    writes: [],
    reads: [],
    turns: [],
    updates: new Map(),
    final: { lineage: undefined, count: 0, principal: undefined },
    logins: [],
    stored: [],
  };
}

/** What the documented rules (design.md, Concurrency) cannot explain; empty if all is well. */
export function violations(history: History): string[] {
  return [
    ...inexplicableReads(history),
    ...resurrections(history),
    ...wrongCounts(history),
    ...lostLogins(history),
    ...lostSessions(history),
    ...unfoundedRefusals(history),
  ];
}

/**
 * A value that was read was written by a request that is not known to have been overwritten before the reading one
 * began: of concurrent writes any may win, of successive ones the later.
 */
function inexplicableReads({ reads, writes, turns }: History): string[] {
  return reads.flatMap((read) => {
    const here = writes.filter(({ lineage, name }) => lineage === read.lineage && name === read.name);
    const before: Write = { ...read, value: undefined, start: -1, end: -1 };
    const overwritten = (candidate: Write): boolean =>
      here.some((later) => candidate.end < later.start && later.end < read.start && isCertain(later, turns));
    const sources = [before, ...here].filter(({ value, start }) => value === read.value && start < read.end);
    if (sources.some((source) => !overwritten(source))) return [];
    return [`${read.name} of ${read.lineage} was read as ${read.value} by a request begun at ${read.start}`];
  });
}

/**
 * Whether a write that was answered must be there: only an end or a login by another request may have kept it out. It
 * follows an id change.
 */
function isCertain(write: Write, turns: readonly Turn[]): boolean {
  return !turns.some(
    ({ lineage, kind, login, start, end }) =>
      (kind === 'ended' || login) &&
      lineage === write.lineage &&
      start !== write.start &&
      start < write.end &&
      write.start < end,
  );
}

/** Only a request whose session was ended, or taken away by a login, while it was under way is told 409. */
function unfoundedRefusals({ refusals, turns }: History): string[] {
  return refusals
    .filter(
      (refusal) =>
        !turns.some(
          ({ lineage, kind, login, start, end }) =>
            (kind === 'ended' || login) &&
            refusal.lineages.has(lineage) &&
            start <= refusal.end &&
            refusal.start <= end,
        ),
    )
    .map(
      ({ lineages, start }) =>
        `a request in ${[...lineages].join()} begun at ${start} was told 409 though nothing ended`,
    );
}

/** An end that was acknowledged is final. */
function resurrections({ turns, reads, stored }: History): string[] {
  return turns
    .filter(({ kind }) => kind === 'ended')
    .flatMap(({ lineage, end }) => [
      ...reads
        .filter((read) => read.lineage === lineage && read.start > end)
        .map(({ start }) => `${lineage} ended at ${end} and was read by a request begun at ${start}`),
      ...(end < Infinity && stored.includes(lineage)
        ? [`${lineage} ended at ${end} and is still stored`]
        : []),
    ]);
}

/** Each acknowledged update counts, once. */
function wrongCounts({ updates, final }: History): string[] {
  if (final.lineage === undefined) return [];
  const expected = updates.get(final.lineage) ?? 0;
  return final.count === expected
    ? []
    : [`count is ${final.count} after ${expected} updates of ${final.lineage}`];
}

/**
 * Who logs in once stays logged in, if nobody logs out and nothing else changes the id: of two requests that each
 * get an id of their own at the same time, the browser keeps the one whose answer comes last.
 */
function lostLogins({ logins, turns, final }: History): string[] {
  if (logins.length !== 1 || turns.some(({ kind, login }) => kind === 'ended' || !login)) return [];
  return final.principal === logins[0] ? [] : [`the login of ${logins[0]} is lost: ${final.principal}`];
}

/** A session that was never ended, by whoever, is what the browser has in the end. */
function lostSessions({ logins, turns, final, writes }: History): string[] {
  const first = writes[0]?.lineage;
  if (first === undefined || logins.length > 0 || turns.some(({ kind }) => kind === 'ended')) return [];
  return final.lineage === first ? [] : [`the browser began with ${first} and ended with ${final.lineage}`];
}
