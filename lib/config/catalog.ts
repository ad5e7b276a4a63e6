import { declarationsOf, type Condition, type Declaration, type SectionType } from './declare.js';
import type { Redacted } from './redacted.js';
import { SessionSettings } from './settings.js';

/** The place of a setting in the options and in the settings: `redis.pool.maxIdle`. */
export type SettingPath = PathsOf<SessionSettings>;

type PathsOf<T> = {
  [P in Exclude<keyof T, keyof Redacted> & string]: NonNullable<T[P]> extends Redacted
    ? `${P}.${PathsOf<NonNullable<T[P]>>}`
    : P;
}[Exclude<keyof T, keyof Redacted> & string];

/** A declared setting and where it is. */
export interface CatalogEntry extends Declaration {
  readonly path: SettingPath;
  /** The class that declares it. */
  readonly owner: SectionType;
  /** Asks each section on the way in turn: the first condition that does not hold, if any. */
  unmet(settings: SessionSettings): Condition | undefined;
  /** The section that it is in, as it is in the settings; undefined where that one is left out. */
  sectionOf(settings: SessionSettings): object | undefined;
}

/** Everything that can be set, in the order of its declaration. */
export const CATALOG: readonly CatalogEntry[] = entriesOf(SessionSettings, []);

/** The name of a setting; of an option that has none, its path. */
export function nameOf(path: SettingPath): string {
  return CATALOG.find((entry) => entry.path === path)?.name ?? path;
}

function entriesOf(owner: SectionType, above: readonly Declaration[]): CatalogEntry[] {
  return declarationsOf(owner).flatMap((declaration) => {
    const steps = [...above, declaration];
    if (declaration.section) return entriesOf(declaration.section, steps);
    const path = steps.map(({ property }) => property).join('.') as SettingPath;
    return [
      {
        ...declaration,
        path,
        owner,
        unmet: (settings) => firstUnmet(steps, settings),
        sectionOf: (settings) => above.reduce<object | undefined>(stepInto, settings),
      } satisfies CatalogEntry,
    ];
  });
}

function firstUnmet(steps: readonly Declaration[], settings: SessionSettings): Condition | undefined {
  let section: object | undefined = settings;
  for (const step of steps) {
    const within: object | undefined = section;
    // A section is left out because of its conditions, which have been asked by then.
    if (within === undefined) return undefined;
    const unmet = step.when?.find((condition) => !condition.holds(within));
    if (unmet) return unmet;
    section = stepInto(within, step);
  }
  return undefined;
}

function stepInto(section: object | undefined, { property }: Declaration): object | undefined {
  return section && (Reflect.get(section, property) as object | undefined);
}
