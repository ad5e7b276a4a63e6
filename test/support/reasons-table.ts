import type { StoreUnavailableReason } from '../../lib/core/errors.js';
import { remedyOf } from '../../lib/redis/failure.js';
import { textOf } from './manual.js';

const [, COMMENT = '', UNION = ''] =
  /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\nexport type StoreUnavailableReason =([\s\S]*?);/.exec(
    textOf('lib/core/errors.ts'),
  ) ?? [];

/** Every reason, in the order of its declaration. */
export const REASONS = [...UNION.matchAll(/'(\w+)'/g)].map(([, name]) => name as StoreUnavailableReason);

/** What the doc comment of the type says of reasons: several may share a meaning. */
function meanings(): { under: string; names: string[]; meaning: string }[] {
  const lines = COMMENT.replaceAll(/^ ?\* ?/gm, '').replaceAll(/\n {2,}/g, ' ');
  let under = '';
  return lines.split('\n').flatMap((line) => {
    if (/^\w.*:$/.test(line)) under = line.slice(0, -1);
    if (!line.startsWith('- ')) return [];
    const parts = line.slice(2).matchAll(/(`\w+`(?:, `\w+`)*): (.*?)\.(?= `|$)/g);
    return [...parts].map(([, names = '', meaning = '']) => ({
      under,
      names: [...names.matchAll(/`(\w+)`/g)].map(([, name = '']) => name),
      meaning,
    }));
  });
}

/** The manual's table of why a store cannot serve a session: what its type says of each reason, and the remedy of its message. */
export function reasonsTable(): string {
  const rows: string[] = [];
  let last = '';
  for (const { under, names, meaning } of meanings()) {
    if (under !== last) rows.push(`| **${under}** | | |`);
    last = under;
    const remedies = new Map<string, string[]>();
    for (const name of names) {
      const remedy = remedyOf(name as StoreUnavailableReason, { address: '', via: 'host', tls: true });
      remedies.set(remedy, [...(remedies.get(remedy) ?? []), name]);
    }
    for (const [remedy, those] of remedies)
      rows.push(`| ${those.map((name) => `\`${name}\``).join(', ')} | ${meaning} | ${remedy} |`);
  }
  return ['| reason | it means | do |', '|---|---|---|', ...rows].join('\n');
}
