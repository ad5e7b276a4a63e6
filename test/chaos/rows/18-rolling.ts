import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { adminOf, checkUsers } from '../helpers/check.js';
import { startFleetNode, type FleetNode, type FleetOptions } from '../helpers/fleet.js';
import { logIn, startLoad, type Load } from '../helpers/load.js';
import { allOf, atLeast, exactly, none, type ChaosContext, type ChaosRow, type Finding } from '../row.js';
import { type EditSource } from '../../support/compile-tree.mjs';
import { onCleanup } from '../../support/cleanup.js';
import { startRedis } from '../../support/redis-server.js';
import { startBalancer } from '../../support/round-robin.js';
import { Balancer as SampleBalancer } from '../../../sample/launcher/balancer.js';

const NODES = 3;
/** Users who log in at the next version and stay. */
const KEEPERS = 5;
/** Nodes that start cost the machine more than the row is about. */
const PATIENT = { REDIS_SESSION_TIMEOUT: '5000' };
/** The field of its own that the next version writes and this one does not know. */
const LATER_FIELD = '@later';

/** A node of the next version: each write of a record adds an own field that this version does not know. */
const nextVersion: EditSource = (file, source) => {
  if (file !== 'lib/stores/redis/scripts.ts') return source;
  const place = /function script\((\w+): string\): Script \{\n/.exec(source);
  if (place === null) throw new Error(`Chaos helper: ${file} has no place for a field of the next version.`);
  const [head, name] = place as unknown as [string, string];
  const lua = `local function as_known()\n\${${name}}\nend
local reply = as_known()
local record = KEYS[#KEYS]
if string.find(record, 'user:{', 1, true) then record = KEYS[#KEYS - 1] end
if type(reply) == 'table' and reply[1] == 1 then redis.call('HSET', record, '${LATER_FIELD}', 1) end
return reply`;
  return source.replace(head, () => `${head}  ${name} = \`${lua}\`;\n`);
};

/** The nodes of one application, one of which can be replaced at a time, behind two balancers at once. */
class Cluster {
  readonly #context: ChaosContext;
  readonly #place: FleetOptions;
  readonly #nodes: FleetNode[] = [];
  readonly #balancers: readonly ((urls: readonly string[]) => void)[];
  readonly exits = new Set<string>();
  restarts = 0;

  constructor(
    context: ChaosContext,
    place: FleetOptions,
    balancers: readonly ((urls: readonly string[]) => void)[],
  ) {
    this.#context = context;
    this.#place = place;
    this.#balancers = balancers;
  }

  async start(secrets: string, script?: string): Promise<void> {
    const options = this.#options(secrets, script);
    const starting = Array.from({ length: NODES }, (_, at) => startFleetNode(this.#context, options, at));
    this.#nodes.push(...(await Promise.all(starting)));
    this.#tell();
  }

  /** One node after the other: out of the balancers, SIGTERM, the new one in. */
  async roll(secrets: string, script?: string): Promise<void> {
    for (let at = 0; at < NODES; at++) {
      const [old] = this.#nodes.splice(0, 1);
      this.#tell();
      const { signal, code } = (await old?.process.kill('SIGTERM')) ?? {};
      this.exits.add(signal ?? `code ${code}`);
      this.#nodes.push(await startFleetNode(this.#context, this.#options(secrets, script), at));
      this.#tell();
      this.restarts += 1;
      await delay(this.#context.scale(500, 100));
    }
  }

  #options(secrets: string, script: string | undefined): FleetOptions {
    return { ...this.#place, script, env: { REDIS_SESSION_SECRETS: secrets, ...PATIENT } };
  }

  #tell(): void {
    for (const balancer of this.#balancers) balancer(this.#nodes.map(({ url }) => url));
  }
}

/** The balancer of the sample: a connection for each request, and no idea of sessions either. */
async function startSampleBalancer(): Promise<{
  url: string;
  setUpstreams: (urls: readonly string[]) => void;
}> {
  const balancer = new SampleBalancer();
  const port = await balancer.listen(0);
  onCleanup(() => balancer.close());
  const known = new Set<string>();
  return {
    url: `http://127.0.0.1:${port}`,
    setUpstreams: (urls) => {
      for (const url of urls) known.add(url);
      for (const url of known)
        balancer.setNode(url, urls.includes(url) ? Number(new URL(url).port) : undefined);
    },
  };
}

async function findingsOf(name: string, load: Load, port: number): Promise<Finding[]> {
  const { answers } = load.ledger;
  const bad = answers.filter(({ status }) => status !== 200);
  const checks = await checkUsers(load.users, { admin: adminOf(port) });
  return [
    { ...allOf(`${name}: requests answered 2xx`, answers.length - bad.length, answers.length) },
    none(
      `${name}: other answers`,
      bad.map(({ kind, status }) => `${kind} ${status}`),
    ),
    ...checks.map((finding) => ({ ...finding, what: `${name}: ${finding.what}` })),
  ];
}

/** Nodes are replaced one by one under load: as they are, with another secret, by another version and back. */
export const row: ChaosRow = {
  row: 18,
  fault: `rolling restart of ${NODES} nodes under load, with a rotation of the secret, to the next version and back`,
  on: 'standalone',
  run: async (context) => {
    const [old, fresh] = [1, 2].map(() => randomBytes(32).toString('base64'));
    const redis = await startRedis();
    const next = await context.compileApp('test/chaos/apps/chaos-node.ts', nextVersion);
    const pooled = await startBalancer([], { keepAlive: true });
    const sample = await startSampleBalancer();
    const cluster = new Cluster(context, { redis }, [pooled.setUpstreams, sample.setUpstreams]);
    await cluster.start(`${old}`);
    const users = context.scale(15, 8);
    const loads = await Promise.all([
      startLoad({ url: pooled.url, users, prefix: 'pooled-' }),
      startLoad({ url: sample.url, users, prefix: 'sample-' }),
    ]);

    // First all can read what the new secret signs, then it signs.
    await cluster.roll(`${old},${fresh}`);
    await cluster.roll(`${fresh},${old}`, next);
    const later = await countOf(redis.port, LATER_FIELD);
    const keepers = await logIn({ url: pooled.url, users: KEEPERS, prefix: 'keeper-' });
    await cluster.roll(`${fresh},${old}`);
    await Promise.all(loads.map((load) => load.stop()));
    for (const keeper of keepers) await keeper.ask('write');
    const kept = await countOf(redis.port, LATER_FIELD);

    const after = await checkUsers(keepers, { admin: adminOf(redis.port) });
    return [
      exactly('nodes replaced', cluster.restarts, 3 * NODES),
      exactly('ended by', [...cluster.exits].join(), 'SIGTERM'),
      atLeast('sessions that the next version wrote to', later, users),
      atLeast('its fields that the version before kept through its writes', kept, KEEPERS),
      ...after.map((finding) => ({ ...finding, what: `logged in at the next version: ${finding.what}` })),
      ...(await findingsOf('kept connections', loads[0], redis.port)),
      ...(await findingsOf("the sample's balancer", loads[1], redis.port)),
    ];
  },
};

/** How many records have a field. */
async function countOf(port: number, field: string): Promise<number> {
  const admin = adminOf(port);
  const keys = await admin.keys('*');
  const found = await Promise.all(keys.map((key) => admin.hexists(key, field)));
  return found.filter((is) => is === 1).length;
}
