import { CATALOG, nameOf, type CatalogEntry } from './catalog.js';
import { setOrNot } from './kinds.js';
import type { SessionSettings } from './settings.js';

/**
 * What the module logs at boot: a heading, what was attached to what, and `[✓] NAME: value` once for each setting
 * in effect. Credentials, secrets and keys print as `- Set -` or `- Not Set -`.
 *
 * @param attached For instance `RedisSessionInterceptor attached to AppModule`.
 */
export function bannerLines(settings: SessionSettings, attached: string): string[] {
  return [
    headingOf(settings),
    attached,
    ...CATALOG.flatMap((setting) => {
      const value = shown(setting, settings);
      return value === undefined ? [] : [`[✓] ${setting.name ?? setting.path}: ${value}`];
    }),
    ...(settings.usesRedis || settings.store !== undefined
      ? []
      : [
          "Sessions live in this process's memory, within the bounds above, and end with it.",
          `Set ${nameOf('enabled')}=true to keep them in Redis.`,
        ]),
  ];
}

function headingOf({ usesRedis, store }: SessionSettings): string {
  if (store !== undefined) return 'Sessions in the store that code gives';
  return usesRedis ? 'Redis-based sessions' : 'Sessions in this process';
}

/** Logged once Redis has done what requests will ask of it. */
export function successLine(settings: SessionSettings): string {
  return `Successful! Redis-based sessions will expire after ${settings.idleTimeoutSeconds} seconds.`;
}

/** The value of a setting that is in effect, as the banner has it. */
function shown(setting: CatalogEntry, settings: SessionSettings): string | undefined {
  const { property, kind } = setting;
  const { section, unmet } = setting.find(settings);
  if (unmet) return undefined;
  const value: unknown = Reflect.get(section, property);
  if (setting.show) return setting.show(value, section);
  if (setting.name === undefined) return undefined;
  // That a secret is not set is worth a line.
  if (value === undefined && kind.show !== setOrNot) return undefined;
  return kind.show ? kind.show(value) : String(value);
}
