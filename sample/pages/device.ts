import { type SessionDevice } from 'nestjs-redis-session';
import { type Html } from './html.js';
import { COMPUTER_ICON, PHONE_ICON } from './icons.js';

const BROWSERS = ['Edg', 'OPR', 'Firefox', 'Chrome', 'Safari'] as const;
const NAMES: Record<string, string> = { Edg: 'Edge', OPR: 'Opera' };
const SYSTEMS = ['Android', 'iPhone', 'iPad', 'Windows', 'Mac OS X', 'Linux'] as const;

/** What its user calls a device, by what it says of itself: `Firefox on Linux`. */
export function deviceName({ userAgent = '' }: SessionDevice = {}): string {
  const browser = BROWSERS.find((name) => userAgent.includes(`${name}/`));
  const system = SYSTEMS.find((name) => userAgent.includes(name));
  const named = browser === undefined ? 'A device' : (NAMES[browser] ?? browser);
  return system === undefined ? named : `${named} on ${system}`;
}

/** A picture of it. */
export function deviceIcon({ userAgent = '' }: SessionDevice = {}): Html {
  return /Mobile|Android|iPhone/.test(userAgent) ? PHONE_ICON : COMPUTER_ICON;
}
