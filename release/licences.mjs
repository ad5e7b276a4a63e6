import { nameOf, production } from './production.mjs';

/** Licences that ask for no more than to be named: what an application ships with us it may ship under any terms. */
const ALLOWED = new Set([
  '0BSD',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'ISC',
  'MIT',
]);

/** Each package that an installation brings has one of them. */
export async function checkLicences() {
  return production.flatMap(([path, { version, license }]) =>
    ALLOWED.has(license)
      ? []
      : [
          `${nameOf(path)}@${version} has the licence "${license ?? 'none'}", which release/licences.mjs does not allow. ` +
            'Take another package, or allow it there and say why.',
        ],
  );
}
