import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT } from './package-info.mjs';

const lock = JSON.parse(await readFile(join(ROOT, 'package-lock.json'), 'utf8'));

/** What the lock file has of the packages that an installation of this one brings, peers apart: those the application brings. */
export const production = Object.entries(lock.packages).filter(
  ([path, { dev, devOptional, peer }]) => path !== '' && !dev && !devOptional && !peer,
);

/** A lock file of these alone, as their dependent has it. */
export function productionLock(dependent) {
  return { ...lock, packages: { '': dependent, ...Object.fromEntries(production) } };
}

/** `cookie` of `node_modules/cookie`. */
export function nameOf(path) {
  return path.split('node_modules/').at(-1);
}
