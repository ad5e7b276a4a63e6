import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { REDIS_SERVER } from '../support/redis-server.js';

const ROOT = new URL('../../', import.meta.url);
const read = (name: string): string => readFileSync(new URL(name, ROOT), 'utf8');

/** As the manual says below the line: Redis 6.2 refuses a user with `+quit`. */
function hasRightToQuit(): boolean {
  return !/ v=6\./.test(execFileSync(REDIS_SERVER, ['--version'], { encoding: 'utf8' }));
}

/** The rules that the manual tells an operator to give to Redis, from wherever it does; everywhere the same. */
function documentedRules(): string {
  const pages = readdirSync(new URL('docs', ROOT), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md') && !name.includes('node_modules'))
    .map((name) => `docs/${name}`);
  const lines = ['README.md', 'SECURITY.md', ...pages].flatMap((page) =>
    [...read(page).matchAll(/^user \S+ on >\S+ ~(\S+)\* resetchannels &(\S+)events (.+)$/gm)].map(
      ([, keys, channel, rules]) => ({ page, isOnePrefix: keys === channel, rules: String(rules) }),
    ),
  );
  const [first, ...rest] = lines;
  if (first === undefined) throw new Error('No page of the manual has a line for an ACL user.');
  const odd =
    lines.find(({ isOnePrefix }) => !isOnePrefix) ?? rest.find(({ rules }) => rules !== first.rules);
  if (odd !== undefined) throw new Error(`${odd.page} and ${first.page} differ in the line for an ACL user.`);
  return hasRightToQuit() ? first.rules : first.rules.replace(' +quit', '');
}

/** What Redis has to allow, for any topology. */
export const DOCUMENTED_RULES = documentedRules();

/** A user who has what the manual says, and nothing else: a line of an ACL file. */
export function aclLine(user: string, password: string, prefix: string): string {
  return `user ${user} on >${password} ~${prefix}* resetchannels &${prefix}events ${DOCUMENTED_RULES}`;
}

/** The same as words of a command: `ACL SETUSER …`. */
export function aclSetUser(...user: Parameters<typeof aclLine>): string[] {
  const [, ...words] = aclLine(...user).split(' ');
  return ['ACL', 'SETUSER', ...words];
}

/** Names of the commands it allows. */
export const ALLOWED = DOCUMENTED_RULES.split(' ').flatMap((rule) =>
  rule.startsWith('+') ? [rule.slice(1)] : [],
);
