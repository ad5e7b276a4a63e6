import { type Redis } from 'ioredis';
import { type Shown } from '../apps/chaos-node.js';
import { allOf, exactly, none, type ChaosRow, type Finding } from '../row.js';
import { setPart } from '../../support/record-fields.js';
import { checkUsers, statuses } from '../helpers/check.js';
import { startScene, type Scene } from '../helpers/scene.js';
import { type User } from '../helpers/load.js';
import { keyOf } from '../../support/records.js';

const READS = 9;

type Damage = (admin: Redis, key: string) => Promise<unknown>;

const DAMAGES: readonly (readonly [string, Damage])[] = [
  ['wrong type', async (admin, key) => [await admin.del(key), await admin.set(key, 'x', 'EX', 600)]],
  ['foreign hash', async (admin, key) => [await admin.del(key), await admin.hset(key, 'a', 'b')]],
  ["another's record", (admin, key) => setPart(admin, key, 'name', 'x'.repeat(24))],
  ['own field gone', (admin, key) => admin.hdel(key, '@info')],
  ['own field damaged', (admin, key) => setPart(admin, key, 'created', 'yesterday')],
];

/** Records that are not what this version wrote. */
export const row: ChaosRow = {
  row: 20,
  fault: 'corrupt payload, wrong type, newer format',
  on: 'standalone',
  run: async (context) => {
    const scene = await startScene(context, { users: 2 * DAMAGES.length + 2 });
    const { admin, users, ledger } = scene;
    const findings: Finding[] = [];
    for (const [at, [name, damage]] of DAMAGES.entries()) {
      findings.push(await anonymousAfter(scene, name, damage, users[2 * at], users[2 * at + 1]));
    }
    const [attribute, newer] = users.slice(2 * DAMAGES.length);
    if (attribute === undefined || newer === undefined) throw new Error('Chaos helper: too few users.');
    await admin.hset(keyOf(ledger.idOf(attribute.name) ?? ''), 'value', Buffer.from([0xc1]));
    const partly = await readsOf(attribute);
    const key = keyOf(ledger.idOf(newer.name) ?? '');
    const before = await admin.hgetall(key);
    await setPart(admin, key, 'version', 2);
    const refused = [await newer.ask('read'), await newer.ask('write'), await newer.ask('read')];
    await setPart(admin, key, 'version', 1);
    const after = await admin.hgetall(key);
    const again = [
      await attribute.ask('login'),
      ...(await Promise.all(users.map((user) => user.ask('read')))),
    ];
    return [
      ...findings,
      exactly('attribute damaged: reads', statuses(partly), { 200: READS }),
      allOf(
        'attribute damaged: still logged in',
        partly.filter(({ who }) => who === attribute.name).length,
        READS,
      ),
      exactly('newer format: answers', statuses(refused), { 503: refused.length }),
      exactly('newer format: left as it is', after['value'] === before['value'], true),
      allOf('users served afterwards', again.filter(({ status }) => status === 200).length, again.length),
      none(
        '5xx but for the newer format',
        ledger.answers.filter((it) => it.status >= 500 && !refused.includes(it)),
      ),
      ...(await checkUsers([newer, attribute], { admin })).filter(({ what }) => !/^acknowledged/.test(what)),
    ];
  },
};

/** Reads by one user and a write and a logout by another are served as for nobody, whichever node; then logins work. */
async function anonymousAfter(
  { admin, fleet, ledger }: Scene,
  name: string,
  damage: Damage,
  reader: User | undefined,
  leaver: User | undefined,
): Promise<Finding> {
  if (reader === undefined || leaver === undefined) throw new Error('Chaos helper: too few users.');
  const eventsBefore = eventsIn(fleet);
  const keys = [reader, leaver].map((user) => keyOf(ledger.idOf(user.name) ?? ''));
  for (const key of keys) await damage(admin, key);
  const reads = await readsOf(reader);
  const logout = await leaver.ask('logout');
  const asideMs = await admin.pttl(`${keys[0]}:unreadable`);
  const logins = [await reader.ask('login'), await leaver.ask('login')];
  const outcome = {
    reads: statuses(reads),
    strangers: reads.filter(({ who, value }) => who === null && value === null).length,
    logout: logout.status,
    aside: asideMs > 0 ? 'with an expiry' : asideMs,
    told: eventsIn(fleet) - eventsBefore,
    logins: logins.map(({ status }) => status),
  };
  const expected = {
    reads: { 200: READS },
    strangers: READS,
    logout: 200,
    aside: 'with an expiry',
    told: 2,
    logins: [200, 200],
  };
  const finding = exactly(`${name}: anonymous, set aside, told once; login works`, outcome, expected);
  return finding.met ? { ...finding, figure: `${READS} reads, 0 errors` } : finding;
}

/** How often the application was told of a record that cannot be used. */
function eventsIn(fleet: Scene['fleet']): number {
  return fleet.output().match(/^event rejected corrupt$/gm)?.length ?? 0;
}

/** Past the ledger, which expects what was acknowledged. */
async function readsOf({ browser }: User): Promise<(Partial<Shown> & { status: number })[]> {
  const reads: (Partial<Shown> & { status: number })[] = [];
  for (let n = 0; n < READS; n++) {
    const answer = await browser.get('/read');
    reads.push({ ...(answer.status === 200 ? answer.json<Shown>() : {}), status: answer.status });
  }
  return reads;
}
