import { IsOptional, ValidateNested } from 'class-validator';
import type { SettingKind } from './kinds.js';

const PREFIX = 'REDIS_SESSION_';

/** What a default may depend on besides other settings. */
export interface Surroundings {
  /** NODE_ENV is `production`. */
  readonly production: boolean;
  /** Code gives `redis` options, of any kind. */
  readonly redisInCode: boolean;
}

/** When a setting does something. `holds` is asked with the section that declares it. */
export interface Condition<Section extends object = object> {
  holds(section: Section): boolean;
  /** What an operator is told who set it all the same; without it nothing is said. */
  readonly otherwise?: string;
  /** Nothing is said either where this setting is given. */
  readonly unlessGiven?: 'enabled';
}

/** What the declaration of a setting says beside its name, kind, check, type, doc comment and initial value. */
interface Details<Section extends object = object> {
  /** Names that an existing environment file may use; the new one wins where both are set. */
  readonly oldNames?: readonly string[];
  /** Names that the option had in code; the new one wins, and the old one is warned of. */
  readonly oldOptions?: readonly string[];
  /** The default, where it depends on something: asked when all that was given is in place. */
  default?(section: Section, surroundings: Surroundings): unknown;
  /** The setting is in effect, and in the banner, where all of these hold. */
  readonly when?: readonly Condition<Section>[];
  /** The value in the banner; undefined: no line. Default: as its kind shows it, no line for undefined. */
  show?(value: unknown, section: Section): string | undefined;
  /** In code it is the option of this section that says it: `true`, `false` or an object. */
  readonly switches?: string;
}

/** A property of a class of settings: a setting of its own or, with `section`, a class of more. */
export interface Declaration extends Details {
  readonly property: string;
  /** Undefined: only code can say it. */
  readonly name?: string;
  readonly kind: SettingKind;
  readonly section?: SectionType;
  /** Whether there is the section at all: asked before it is checked. */
  readonly exists?: Condition;
}

/** A class of settings. */
export type SectionType = new () => object;

const SECTION: SettingKind = { type: 'section', read: (raw) => raw, checks: [ValidateNested()] };

const declarations = new Map<unknown, Declaration[]>();

/** What a class declares, in order. */
export function declarationsOf(type: unknown): readonly Declaration[] {
  return declarations.get(type) ?? [];
}

function declare(declaration: Omit<Declaration, 'property'>): PropertyDecorator {
  return (target, property) => {
    const { constructor } = target;
    const all = declarations.get(constructor) ?? [];
    declarations.set(constructor, [...all, { ...declaration, property: String(property) }]);
    // What has neither a value nor a default is not checked.
    for (const check of [IsOptional(), ...declaration.kind.checks]) check(target, property);
  };
}

/** A setting that ConfigService is asked for as `REDIS_SESSION_<name>`, and that is an option in code. */
export function Setting<Section extends object = object>(
  name: string,
  kind: SettingKind,
  details: Details<Section> = {},
): PropertyDecorator {
  return declare({ ...details, kind, name: PREFIX + name });
}

/** An option that only code can say: no text can, or it is the programmer's business. */
export function CodeOnly(kind: SettingKind, details: Details = {}): PropertyDecorator {
  return declare({ ...details, kind });
}

/** A setting of commons-pool2, under its names: `CONNECTION_POOL_TEST_ON_BORROW` and `connectionPoolTestOnBorrow`. */
export function PoolSetting<Section extends object>(
  kind: SettingKind,
  when: Condition<Section>,
): PropertyDecorator {
  return (target, property) => {
    const { name, oldName } = poolSettingNames(String(property));
    declare({ kind, name, oldNames: [oldName], when: [when] })(target, property);
  };
}

/** Settings that belong together. */
export function Section<Owner extends object>(
  section: SectionType,
  { when = [], exists }: Pick<Details<Owner>, 'when'> & { exists?: Condition<Owner> } = {},
): PropertyDecorator {
  return declare({
    section,
    kind: SECTION,
    when: exists ? [...when, exists] : when,
    ...(exists && { exists }),
  });
}

/** The two names of a commons-pool2 property. */
export function poolSettingNames(property: string): { readonly name: string; readonly oldName: string } {
  const words = property.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
  return {
    name: `${PREFIX}CONNECTION_POOL_${words}`,
    oldName: `connectionPool${property.charAt(0).toUpperCase()}${property.slice(1)}`,
  };
}

const INSPECT = Symbol.for('nodejs.util.inspect.custom');

/** Settings whose secrets do not show in logs: `JSON.stringify` and `util.inspect` print `- Set -` for them. */
export abstract class Redacted {
  toJSON(): Record<string, unknown> {
    const shown: Record<string, unknown> = Object.fromEntries(Object.entries(this));
    for (const declaration of declarationsOf(this.constructor)) {
      const { property, kind } = declaration;
      const value = shown[property];
      if (value === undefined) continue;
      if (kind.secret) shown[property] = '- Set -';
      // What the application owns says itself how: an ioredis client carries its password in its options.
      else if (kind.type === 'code' && declaration.show) shown[property] = declaration.show(value, this);
    }
    return shown;
  }

  protected [INSPECT](): Record<string, unknown> {
    return this.toJSON();
  }
}
