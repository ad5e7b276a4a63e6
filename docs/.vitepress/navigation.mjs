import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where each page stands, by the name of its file. One that is not there is left out; one that is not named comes last. */
const GROUPS = [
  ['Start here', ['getting-started', 'sessions', 'login', 'guests', 'storing', 'saving']],
  ['Users', ['users-sessions', 'admin', 'guards']],
  ['With others', ['passport', 'graphql', 'websockets', 'testing', 'tools']],
  ['Moving from', ['from-express-session', 'from-fastify-session', 'from-tomcat', 'migration']],
  [
    'Running',
    [
      'settings',
      'redis',
      'servers',
      'operations',
      'security',
      'reliability',
      'performance',
      'troubleshooting',
    ],
  ],
  ['Inside', ['architecture', 'users-sessions-protocol']],
];

/**
 * The pages of a folder, in groups.
 *
 * @param {string} docs
 * @returns {{ title: string, pages: { name: string, title: string, description: string }[] }[]}
 */
export function navigation(docs) {
  const placed = new Set(['index', ...GROUPS.flatMap(([, names]) => names)]);
  const others = readdirSync(docs)
    .filter((file) => file.endsWith('.md') && !placed.has(file.slice(0, -3)))
    .map((file) => file.slice(0, -3));
  return [...GROUPS, ['More', others]]
    .map(([title, names]) => ({
      title,
      pages: names.filter((name) => existsSync(join(docs, `${name}.md`))).map((name) => pageOf(docs, name)),
    }))
    .filter(({ pages }) => pages.length > 0);
}

function pageOf(docs, name) {
  const text = readFileSync(join(docs, `${name}.md`), 'utf8');
  const [, head = ''] = /^---\n([\s\S]*?)\n---\n/.exec(text) ?? [];
  const title = /^title: (.+)$/m.exec(head)?.[1] ?? /^# (.+)$/m.exec(text)?.[1] ?? name;
  return {
    name,
    title: title.replaceAll('`', ''),
    description: /^description: (.+)$/m.exec(head)?.[1] ?? '',
  };
}
