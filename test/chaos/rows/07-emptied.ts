import { setTimeout as delay } from 'node:timers/promises';
import { type Shown } from '../apps/chaos-node.js';
import { allOf, atLeast, exactly, none, type ChaosRow } from '../row.js';
import { statuses } from '../helpers/check.js';
import { answered, askAll, share, startScene } from '../helpers/scene.js';
import { keyOf } from '../../support/records.js';

/** How long the handlers take in whose middle Redis loses everything. */
const HANDLER_MS = 1000;

/** Somebody runs FLUSHALL while requests are under way. */
export const row: ChaosRow = {
  row: 7,
  fault: 'emptied (FLUSHALL)',
  on: 'standalone',
  run: async (context) => {
    const { admin, fleet, users, ledger } = await startScene(context, { users: context.scale(60, 24) });
    const [flying = [], readers = [], writers = [], leavers = []] = share(users, 4);
    const ids = users.map(({ name }) => ledger.idOf(name) ?? '');
    const before = await admin.exists(...ids.map(keyOf));
    const slow = flying.map(({ name, browser }) =>
      browser.post('/slow', { value: `${name}#late`, ms: HANDLER_MS }),
    );
    await delay(HANDLER_MS / 2);
    await admin.flushall();
    const flushed = performance.now();
    const saved = await Promise.all(slow);
    const loaded = saved.filter((it, at) => it.json<Partial<Shown>>().who === flying[at]?.name);

    const kinds = [askAll(readers, 'read'), askAll(writers, 'write'), askAll(leavers, 'logout')];
    await Promise.all([...kinds, askAll(readers.slice(0, 3), 'plain')]);
    const after = ledger.between(flushed);
    const seen = await Promise.all(
      [...flying, ...readers].map(async ({ browser }) => (await browser.get('/read')).json<Shown>()),
    );
    const again = await askAll(users, 'login');
    const dropped = fleet.output().match(/^event rejected gone$/gm) ?? [];
    return [
      allOf('sessions before', before, users.length),
      allOf('saves in flight when it was emptied', loaded.length, flying.length),
      exactly('their answers', statuses(saved), { 200: saved.length }),
      atLeast('saves that were dropped, told by an event', dropped.length, flying.length),
      none('sessions that reappeared', await existing(admin, ids)),
      exactly('answers afterwards', answered(after), 'plain 200, read 200, write 200, logout 200'),
      none(
        'users who are not anonymous',
        seen.filter(({ who, value }) => who !== null || value !== null),
      ),
      allOf('logins afterwards', again.filter(({ status }) => status === 200).length, users.length),
      none('keys without an expiry', await withoutExpiry(admin)),
    ];
  },
};

type Admin = Awaited<ReturnType<typeof startScene>>['admin'];

async function existing(admin: Admin, ids: readonly string[]): Promise<string[]> {
  const there = await Promise.all(ids.map(async (id) => (await admin.exists(keyOf(id))) === 1));
  return ids.filter((_, at) => there[at]);
}

async function withoutExpiry(admin: Admin): Promise<string[]> {
  const keys = await admin.keys('*');
  const lives = await Promise.all(keys.map((key) => admin.pttl(key)));
  return keys.filter((_, at) => lives[at] === -1);
}
