import {
  declarationsOf,
  type Condition,
  type Declaration,
  type Redacted,
  type SectionType,
} from './declare.js';
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
  /** The section that holds it in these settings, and the first condition on the way there that is not met, if any. */
  find(settings: SessionSettings): { readonly section: object; readonly unmet?: Condition | undefined };
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
        find: (settings) => find(steps, settings),
      } satisfies CatalogEntry,
    ];
  });
}

function find(steps: readonly Declaration[], settings: SessionSettings): ReturnType<CatalogEntry['find']> {
  let section: object = settings;
  for (const step of steps) {
    const within = section;
    const unmet = step.when?.find((condition) => !condition.holds(within));
    if (unmet || !step.section) return { section, unmet };
    // That there is such a section is one of the conditions.
    section = Reflect.get(section, step.property) as object;
  }
  return { section };
}
