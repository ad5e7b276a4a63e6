import { type RedisStore } from '../../../lib/stores/redis/redis-store.js';
import type { SessionId } from '../../../lib/core/token.js';
import { change, decoded, encoded, freshId, newSession, renewal } from '../../contract/builders.js';

const WORKERS = 32;

/** What came of many operations. */
export interface OperationsOutcome {
  readonly done: number;
  /** Messages of those that were rejected. */
  readonly failures: readonly string[];
  /** Lives whose session was not what had been written to it. */
  readonly wrong: readonly string[];
}

/** One life of a session, each step after the one before. */
type Step = (store: RedisStore) => Promise<unknown>;

function life(): { steps: readonly Step[]; expected: readonly unknown[] } {
  const id = freshId();
  const next = freshId(id);
  const look =
    (of = id): Step =>
    async (store) => {
      const found = await store.load(of);
      return found.status === 'found' ? decoded(found.record.attributes) : found.status;
    };
  const status = async (outcome: Promise<{ status: string }>): Promise<string> => (await outcome).status;
  const { n } = Object.fromEntries(encoded({ n: 'saved' }));
  const { other } = Object.fromEntries(encoded({ other: 'swapped' }));
  const plan: readonly [Step, unknown][] = [
    [(store) => status(store.create(id, newSession({ n: 'made' }))), 'written'],
    [(store) => status(store.save(id, change({ n: 'saved' }))), 'written'],
    [look(), { n: 'saved' }],
    [(store) => status(store.compareAndSet(id, 'n', n, other, true)), 'written'],
    [(store) => status(store.renew(id, renewal(next, { more: 'yes' }))), 'written'],
    [look(next), { n: 'swapped', more: 'yes' }],
    [(store) => store.destroy(next).then(() => 'gone'), 'gone'],
    // Every end leaves a tombstone.
    [look(next), 'ended'],
  ];
  return { steps: plan.map(([step]) => step), expected: plan.map(([, outcome]) => outcome) };
}

/** Leads lives of sessions in all slots, many at a time, until so many operations were done. */
export async function runOperations(store: RedisStore, total: number): Promise<OperationsOutcome> {
  const failures: string[] = [];
  const wrong: string[] = [];
  let done = 0;
  const work = async (): Promise<void> => {
    while (done < total) {
      const { steps, expected } = life();
      for (const [at, step] of steps.entries()) {
        done += 1;
        try {
          const seen = JSON.stringify(await step(store));
          if (seen !== JSON.stringify(expected[at])) wrong.push(`step ${at + 1}: ${seen}`);
        } catch (error) {
          failures.push(`step ${at + 1}: ${error instanceof Error ? error.message : String(error)}`);
        }
      }
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, work));
  return { done, failures, wrong };
}

/** Sessions that stay, in all slots. */
export async function createSessions(store: RedisStore, count: number): Promise<SessionId[]> {
  const ids = Array.from({ length: count }, () => freshId());
  await inTurns(ids, (id) => store.create(id, newSession()));
  return ids;
}

/** Those that are not there. */
export async function missingOf(store: RedisStore, ids: readonly SessionId[]): Promise<SessionId[]> {
  const missing: SessionId[] = [];
  await inTurns(ids, async (id) => {
    if ((await store.load(id)).status !== 'found') missing.push(id);
  });
  return missing;
}

async function inTurns<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  const left = [...items];
  const worker = async (): Promise<void> => {
    for (let next = left.pop(); next !== undefined; next = left.pop()) await work(next);
  };
  await Promise.all(Array.from({ length: WORKERS }, worker));
}
