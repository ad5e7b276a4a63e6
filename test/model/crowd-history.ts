import { NAMES, type Name } from './crowd-program.js';

/**
 * The life of one session under whatever ids it had, for one person: an id change and a guest's login continue it; a logout, an
 * expiry, a revoke and a login as somebody else end it. Its name is an attribute that its first write sets.
 */
export type Lineage = string;

/** Moments are counted, not timed: each is one more than the one before. */
export interface CrowdWrite {
  readonly lineage: Lineage;
  readonly name: Name;
  readonly value: string;
  readonly start: number;
  /** When the answer that acknowledged it left; Infinity: none has, or it was told that it is dropped. */
  end: number;
}

/** What one request found when its session was loaded. */
export interface Sight {
  readonly start: number;
  readonly end: number;
  readonly principal: string | undefined;
  readonly lineage: Lineage | undefined;
  readonly values: Readonly<Partial<Record<Name, string>>>;
  /** Lineages of the tokens that it brought. */
  readonly brought: readonly Lineage[];
}

export interface CrowdHistory {
  readonly writes: CrowdWrite[];
  readonly sights: Sight[];
  /** Who has logged in to a lineage. */
  readonly owners: Map<Lineage, string>;
  /** When the end of a lineage was acknowledged. */
  readonly ends: Map<Lineage, number>;
  /** Whatever was seen to be wrong at the moment itself. */
  readonly wrong: string[];
}

export function emptyCrowdHistory(): CrowdHistory {
  return { writes: [], sights: [], owners: new Map(), ends: new Map(), wrong: [] };
}

/** What the contract (design.md, Concurrency) cannot explain; empty if all is well. */
export function crowdViolations(history: CrowdHistory): string[] {
  return [
    ...history.wrong,
    ...history.sights.flatMap((sight) => [
      ...strangersThings(sight, history),
      ...afterTheEnd(sight, history),
      ...lostWrites(sight, history),
    ]),
  ];
}

/** Nobody sees what is another's: neither another session's, nor what somebody else wrote before he logged in to it. */
function strangersThings(
  { start, principal, lineage, values, brought }: Sight,
  { owners, writes }: CrowdHistory,
): string[] {
  if (lineage === undefined) return [];
  const found: string[] = [];
  if (!brought.includes(lineage))
    found.push(`a request of ${start} saw ${lineage} and brought ${brought.join()}`);
  const owner = owners.get(lineage);
  if (principal !== undefined && owner !== principal)
    found.push(`${principal} at ${start} saw ${lineage}, which is of ${owner ?? 'a guest'}`);
  for (const name of NAMES) {
    const source = writes.find(({ value }) => value === values[name]);
    if (source !== undefined && source.lineage !== lineage)
      found.push(`${lineage} at ${start} shows what was written to ${source.lineage}`);
  }
  return found;
}

/** The end of a session is final. */
function afterTheEnd({ start, lineage }: Sight, { ends }: CrowdHistory): string[] {
  const end = lineage === undefined ? undefined : ends.get(lineage);
  return end !== undefined && start > end ? [`${lineage} ended at ${end} and was there at ${start}`] : [];
}

/** A value that was read was not overwritten before, by a write that was acknowledged before the request began. */
function lostWrites({ start, end, lineage, values }: Sight, { writes }: CrowdHistory): string[] {
  return NAMES.flatMap((name) => {
    const here = writes.filter((write) => write.lineage === lineage && write.name === name);
    const isOverwritten = (at: number): boolean =>
      here.some((later) => at < later.start && later.end < start);
    const value = values[name];
    const explained =
      value === undefined
        ? !isOverwritten(-1)
        : here.some((write) => write.value === value && write.start < end && !isOverwritten(write.end));
    return explained
      ? []
      : [`${name} of ${lineage} was ${value} at ${start}, and something else was acknowledged`];
  });
}
