import { readFile } from 'node:fs/promises';
import { fileURLToPath, URL } from 'node:url';

/** The checkout. */
export const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** The package's own package.json. */
export const manifest = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'));

/** Its doors with types: `health` (`main` for the first) and the path of its declarations from the root. */
export const doors = Object.entries(manifest.exports).flatMap(([path, target]) =>
  typeof target === 'string'
    ? []
    : [{ name: path === '.' ? 'main' : path.slice(2), types: target.types, code: target.default }],
);
