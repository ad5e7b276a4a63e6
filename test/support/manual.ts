import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The pages of the manual, as paths from the root; README is the first of them. */
export const PAGES: readonly string[] = [
  'README.md',
  ...readdirSync(join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

/** A file of the checkout. */
export function textOf(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

/** What a page has between a heading and the next one of its level or above. */
export function sectionOf(page: string, title: string): string {
  const text = textOf(page);
  const at = new RegExp(`^(#+) ${title}$`, 'm').exec(text);
  if (!at) throw new Error(`${page} has no section '${title}'.`);
  const rest = text.slice(at.index + at[0].length);
  const next = new RegExp(`^#{1,${at[1]?.length}} `, 'm').exec(rest);
  return next ? rest.slice(0, next.index) : rest;
}

/** The cells of a section's table, row by row, its head left out. */
export function tableOf(page: string, title: string): string[][] {
  const rows = sectionOf(page, title)
    .split('\n')
    .filter((line) => line.startsWith('|'));
  return rows.slice(2).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

/** What a cell has in code style. */
export function codesIn(cell = ''): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, code]) => code ?? '');
}
