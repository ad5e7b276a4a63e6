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
  /**
   * Lineages of the tokens that it brought, as far as they are known in the end: a session that a form has begun gets its name by a
   * later write, which others see before that is answered.
   */
  readonly brought: () => readonly Lineage[];
}

export interface CrowdHistory {
  readonly writes: CrowdWrite[];
  readonly sights: Sight[];
  /** Names of one session, each with another of them: two requests at once may name one that only a form has begun. */
  readonly aliases: Map<Lineage, Lineage>;
  /** The same, or its name after a login or an id change beside the request that named it: each may have what the other wrote. */
  readonly kin: Map<Lineage, Lineage>;
  /** Who has logged in to a lineage. */
  readonly owners: Map<Lineage, string>;
  /** When the end of a lineage was acknowledged. */
  readonly ends: Map<Lineage, number>;
  /** Whatever was seen to be wrong at the moment itself. */
  readonly wrong: string[];
}

export function emptyCrowdHistory(): CrowdHistory {
  return {
    writes: [],
    sights: [],
    aliases: new Map(),
    kin: new Map(),
    owners: new Map(),
    ends: new Map(),
    wrong: [],
  };
}

/** What the contract (design.md, Concurrency) cannot explain; empty if all is well. */
export function crowdViolations(told: CrowdHistory): string[] {
  const history = withOneName(told);
  return [
    ...history.wrong,
    ...history.sights.flatMap((sight) => [
      ...strangersThings(sight, history),
      ...afterTheEnd(sight, history),
      ...lostWrites(sight, history),
    ]),
  ];
}

/** The first name that a session got, of those that it has. */
export function firstOf(names: ReadonlyMap<Lineage, Lineage>, lineage: Lineage): Lineage {
  const earlier = names.get(lineage);
  return earlier === undefined ? lineage : firstOf(names, earlier);
}

function withOneName(history: CrowdHistory): CrowdHistory {
  const { aliases, kin } = history;
  const first = (lineage: Lineage): Lineage => firstOf(kin, lineage);
  const ends = new Map<Lineage, number>();
  for (const [lineage, at] of history.ends) {
    const name = firstOf(aliases, lineage);
    ends.set(name, Math.min(at, ends.get(name) ?? Infinity));
  }
  return {
    ...history,
    writes: history.writes.map((write) => ({ ...write, lineage: first(write.lineage) })),
    sights: history.sights.map((sight) => ({ ...sight, brought: () => sight.brought().map(first) })),
    owners: new Map([...history.owners].map(([lineage, who]) => [first(lineage), who])),
    ends,
  };
}

/** Nobody sees what is another's: neither another session's, nor what somebody else wrote before he logged in to it. */
function strangersThings(
  { start, principal, values, ...sight }: Sight,
  { owners, writes, kin }: CrowdHistory,
): string[] {
  if (sight.lineage === undefined) return [];
  const lineage = firstOf(kin, sight.lineage);
  const found: string[] = [];
  const brought = sight.brought();
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
function afterTheEnd({ start, lineage }: Sight, { ends, aliases }: CrowdHistory): string[] {
  const end = lineage === undefined ? undefined : ends.get(firstOf(aliases, lineage));
  return end !== undefined && start > end ? [`${lineage} ended at ${end} and was there at ${start}`] : [];
}

/** A value that was read was not overwritten before, by a write that was acknowledged before the request began. */
function lostWrites({ start, end, values, ...sight }: Sight, { writes, kin }: CrowdHistory): string[] {
  const lineage = sight.lineage === undefined ? undefined : firstOf(kin, sight.lineage);
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
