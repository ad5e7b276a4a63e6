import { declarationsOf, type SectionType, type Surroundings } from './declare.js';
import type { SettingPath } from './catalog.js';
import type { Given } from './given.js';
import { pemFile } from './kinds.js';
import { SessionSettings } from './settings.js';

/** Puts what was given in its place, and the defaults where nothing was. Nothing is checked yet. */
export function buildSettings(given: Given, production: boolean): SessionSettings {
  const { values, redisInCode } = given;
  const usesRedis = (values.get('enabled') ?? redisInCode) === true && values.get('store') === undefined;
  const surroundings: Surroundings = { production, redisInCode };
  const build = (type: SectionType, above: string): object => {
    const section = new type();
    const set = (property: string, value: unknown): void => void Reflect.set(section, property, value);
    const declared = declarationsOf(type);
    for (const { property, kind, section: type } of declared) {
      const path = above + property;
      const value = type ? build(type, `${path}.`) : values.get(path as SettingPath);
      if (value === undefined) continue;
      // Files of a Redis that is not used need not be there.
      if (kind.type !== 'pem') set(property, value);
      else if (usesRedis) set(property, pemFile(value));
    }
    for (const declaration of declared) {
      const { property, exists } = declaration;
      if (declaration.default && Reflect.get(section, property) === undefined) {
        set(property, declaration.default(section, surroundings));
      }
      if (exists && !exists.holds(section)) set(property, undefined);
    }
    return section;
  };
  return build(SessionSettings, '') as SessionSettings;
}
