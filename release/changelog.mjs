import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { manifest, ROOT } from './package-info.mjs';

/** CHANGELOG.md has a section of the version in package.json, and tells something in it. */
export async function checkChangelog() {
  const text = await readFile(join(ROOT, 'CHANGELOG.md'), 'utf8');
  const { version } = manifest;
  const section = text.split(/^## /m).find((part) => part.startsWith(`[${version}]`));
  if (section === undefined)
    return [`CHANGELOG.md has no section [${version}], the version in package.json.`];
  const faults = [];
  if (!/^\[[^\]]+\] - \d{4}-\d\d-\d\d\n/.test(section))
    faults.push(`CHANGELOG.md tells no day of version ${version}: "## [${version}] - 2026-01-31".`);
  if (!/^- /m.test(section)) faults.push(`CHANGELOG.md tells nothing of version ${version}.`);
  return faults;
}
