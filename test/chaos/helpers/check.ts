import { type Cluster, Redis } from 'ioredis';
import { type Shown } from '../apps/chaos-node.js';
import { allOf, atMostMs, none, type Finding } from '../row.js';
import { onCleanup } from '../../support/cleanup.js';
import { type Ledger } from './ledger.js';
import { type User } from './load.js';
import { keyOf } from '../../support/records.js';

const OPEN_P99_MS = 50;

export interface CheckOptions {
  /** Of the server that holds the sessions now: what it has is compared with what reads show. */
  readonly admin?: Redis | Cluster | undefined;
  /** From when on a refused write that is there counts as a zombie in any case; see {@link Ledger.zombies}. */
  readonly strictFrom?: number | undefined;
}

/**
 * What must hold after every fault, once it is over and the load has stopped: each user reads once more, and what was
 * acknowledged is compared with what is answered and stored.
 */
export async function checkUsers(users: readonly User[], options: CheckOptions = {}): Promise<Finding[]> {
  const ledger = users[0]?.ledger;
  if (ledger === undefined) throw new Error('Chaos helper: there are no users to check.');
  const { admin, strictFrom } = options;
  const revived: string[] = [];
  const unequal: string[] = [];
  let served = 0;
  for (const user of users) {
    const { status, shown } = await user.ask('read');
    if (status === 200) served += 1;
    if (shown && admin && !(await isStored(admin, shown))) unequal.push(`${user.name}: ${shown.value}`);
    for (const cookie of user.ended.slice(-3)) {
      const answer = await user.browser.get('/read', { cookie });
      const { who, value } = answer.status === 200 ? answer.json<Shown>() : { who: null, value: null };
      if (who !== null || value !== null) revived.push(user.name);
    }
  }
  return [
    allOf('users served afterwards', served, users.length),
    none('requests that hang', ledger.hanging),
    none('acknowledged and lost', ledger.lost),
    none('refused and applied later', ledger.zombies(strictFrom)),
    none("saw another's session", ledger.foreign),
    none('logged out and back', revived),
    none('refusals with a cookie or without Retry-After', ledger.dishonest),
    ...(admin ? [none('stored is not what is read', unequal)] : []),
  ];
}

/** Whether Redis holds what an answer showed. */
async function isStored(admin: Redis | Cluster, { id, who, value }: Shown): Promise<boolean> {
  const stored = await admin.hgetallBuffer(keyOf(id));
  if (who === null && value === null) return stored['value'] === undefined;
  return value === null ? stored['value'] === undefined : stored['value']?.includes(value) === true;
}

/** A plain client for the row's own commands, closed with the row. */
export function adminOf(port: number, more: { username?: string; password?: string } = {}): Redis {
  const client = new Redis({ host: '127.0.0.1', port, retryStrategy: () => 20, ...more });
  client.on('error', () => undefined);
  onCleanup(() => client.disconnect());
  return client;
}

/** How many answers of each status there were. */
export function statuses(answers: readonly { readonly status: number }[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

/** A percentile (0 to 1), by the nearest rank; NaN of nothing. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? NaN;
}

/** How soon a session is refused while the breaker is open, beside what routes without one take at the same time. */
export function fastOnceOpen(
  refused: readonly { readonly ms: number }[],
  freeMs: readonly number[],
): Finding {
  const p99 = percentile(
    refused.map(({ ms }) => ms),
    0.99,
  );
  return atMostMs('p99 once the breaker is open', p99, OPEN_P99_MS, percentile(freeMs, 0.99));
}

export type { Ledger };
