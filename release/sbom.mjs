/**
 * Prints what an installation brings, as CycloneDX: `node release/sbom.mjs > sbom.cdx.json`. From a lock file of these
 * packages alone: in a checkout `npm sbom --omit=dev` leaves out those that packages for development need as well.
 */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { manifest } from './package-info.mjs';
import { nameOf, production, productionLock } from './production.mjs';

const { name, version, description, license, repository, homepage, dependencies } = manifest;
const temp = await mkdtemp(join(tmpdir(), 'sbom-'));
try {
  // npm names the component after its folder.
  const folder = join(temp, name);
  await mkdir(folder);
  const dependent = { name, version, description, license, repository, homepage, dependencies };
  await writeFile(join(folder, 'package.json'), JSON.stringify(dependent));
  await writeFile(join(folder, 'package-lock.json'), JSON.stringify(productionLock(dependent)));
  const args = ['sbom', '--sbom-format', 'cyclonedx', '--package-lock-only'];
  const { stdout } = await promisify(execFile)('npm', args, { cwd: folder, maxBuffer: 2 ** 26 });
  const named = JSON.parse(stdout).components.map((component) => component.name);
  const missing = production.map(([path]) => nameOf(path)).filter((it) => !named.includes(it));
  if (missing.length > 0) throw new Error(`npm sbom left out ${missing.join(', ')}.`);
  process.stdout.write(stdout);
} finally {
  await rm(temp, { recursive: true, force: true });
}
