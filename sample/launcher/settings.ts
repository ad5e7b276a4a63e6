import { existsSync, readFileSync } from 'node:fs';
import { parseArgs, parseEnv } from 'node:util';

type Environment = Record<string, string | undefined>;

const REDIS_NAMES = [
  'REDIS_SESSION_URL',
  'REDIS_SESSION_CLUSTER_NODES',
  'REDIS_SESSION_HOST',
  'REDIS_SESSION_PORT',
  'REDIS_SESSION_SENTINEL_MASTER',
  'TOMCAT_REDIS_SESSION_HOST',
  'TOMCAT_REDIS_SESSION_PORT',
  'TOMCAT_REDIS_SESSION_SENTINEL_MASTER',
];
const ENABLED_NAMES = ['REDIS_SESSION_ENABLED', 'TOMCAT_REDIS_SESSION_ENABLED'];
const NO = /^(false|0|no|off)$/i;

/** Where the settings want the sessions; `undecided` leaves it to the launcher. `setting` names what decided. */
export type RedisChoice =
  | { readonly kind: 'named'; readonly setting: string }
  | { readonly kind: 'switched-off'; readonly setting: string }
  | { readonly kind: 'undecided' };

/** The settings of a .env file under those of the environment, as the nodes will see them. */
export function readSettings(envFile: string, environment: Environment): Environment {
  const file = existsSync(envFile) ? parseEnv(readFileSync(envFile, 'utf8')) : {};
  return { ...file, ...environment };
}

/** What the settings say about Redis. They are only looked at: the nodes read and check them themselves. */
export function chooseRedis(settings: Environment): RedisChoice {
  const isSet = (name: string): boolean => (settings[name] ?? '') !== '';
  const switched = ENABLED_NAMES.find(isSet);
  if (switched !== undefined && NO.test(settings[switched] ?? '')) {
    return { kind: 'switched-off', setting: switched };
  }
  const setting = REDIS_NAMES.find(isSet) ?? switched;
  return setting === undefined ? { kind: 'undecided' } : { kind: 'named', setting };
}

/** Whether a Redis may be installed or downloaded where there is none. @param args The arguments of the launcher. */
export function mayInstall(settings: Environment, args: readonly string[]): boolean {
  const { values } = parseArgs({ args: [...args], options: { 'no-install': { type: 'boolean' } } });
  const refusal = settings.SAMPLE_NO_INSTALL ?? '';
  return values['no-install'] !== true && (refusal === '' || NO.test(refusal));
}

/** The port of the shop. Throws if PORT is not one. */
export function portOf(settings: Environment): number {
  const text = settings.PORT ?? '';
  if (text === '') return 3000;
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65535) {
    throw new Error(`PORT is "${text}": give a port from 1 to 65535, or 0 for any free one.`);
  }
  return port;
}
