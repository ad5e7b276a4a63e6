import { expect, it } from '@jest/globals';
import { textOf } from '../support/manual.js';

/** The titles of the suite, in its order. */
function titles(): string[] {
  const source = textOf('test/e2e/express-session.spec.ts');
  return [...source.matchAll(/^ {2}it\((['"])(.*?)\1, /gm)].map(([, , title = '']) => title);
}

/** The rows of the table that are no headings: what is tried, and what is said of it. */
function rows(): [string, string][] {
  const [, table = ''] = textOf('docs/passport.md').split('| what | as there |');
  return [...table.matchAll(/^\| ([^*|-].*?) \| (.*?) \|$/gm)].map(([, what = '', verdict = '']) => [
    what,
    verdict,
  ]);
}

it('the table of what is as in express-session has a row for each test of the suite, and a test for each row', () => {
  expect(rows().length).toBeGreaterThan(40);
  expect(rows().map(([what]) => what)).toEqual(titles());
});

it('says of each row whether it is as there', () => {
  expect(rows().filter(([, verdict]) => !/^(yes|differs: |beyond it: |–)/.test(verdict))).toEqual([]);
});
