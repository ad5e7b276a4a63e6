/** What sessions weigh: anonymous ones in the application's process, stored ones in Redis. */
import { Contest } from './contest.js';
import { startNode, startRedis } from './processes.js';
import { serverUsage } from './redis-usage.js';

/** Heap per anonymous session of 200 bytes, in the default mode and in memory alone: a table, and the larger of the two. */
export async function anonymousMemory(count) {
  const lines = [
    '## memory per anonymous session of 200 bytes',
    '',
    '| contestant | bytes per session |',
    '|---|--:|',
  ];
  let bytes = 0;
  for (const name of ['module', 'module-memory']) {
    const redis = await startRedis();
    const load = await startNode('load-generator.js');
    const contest = await new Contest(name, 'fastify', redis, 32).start({ nodeArguments: ['--expose-gc'] });
    const make = async (sessions) => {
      let made = 0;
      while (made < sessions) made += await requests(load, contest);
      return made;
    };
    await make(count / 10);
    const before = await settled(contest);
    const made = await make(count);
    const after = await settled(contest);
    const each = (after - before) / made;
    bytes = Math.max(bytes, each);
    lines.push(`| ${name} | ${Math.round(each)} |`);
    await Promise.all([contest.stop(), load.stop()]);
    await redis.stop();
  }
  return { lines: [...lines, ''], bytes };
}

/** Each request without a cookie makes a session. */
async function requests(load, contest) {
  const target = await contest.target({ requests: [{ method: 'POST', path: '/anonymous' }] });
  const { requests: count } = await load.ask({ targets: [target], connections: 32, durationMs: 500 });
  return count;
}

async function settled(contest) {
  await contest.memory();
  const { heapUsed, external } = await contest.memory();
  return heapUsed + external;
}

/** Bytes of Redis per session, the module's hashes against the JSON text of a peer. */
export async function redisMemory() {
  const kinds = [
    { about: 'one small attribute and the user', kib: 0 },
    { about: '10 small attributes', kib: 0, attributes: 10 },
    { about: '100 small attributes', kib: 0, attributes: 100 },
    { about: 'a cart of 1 KiB', kib: 1 },
    { about: 'a cart of 10 KiB', kib: 10 },
  ];
  const names = ['module', 'module-json', '@fastify/session'];
  const lines = [
    '## Redis memory per session, in bytes',
    '',
    `| session | ${names.join(' | ')} |`,
    `|---|${names.map(() => '--:').join('|')}|`,
  ];
  const columns = [];
  for (const name of names) {
    const redis = await startRedis();
    const contest = await new Contest(name, 'fastify', redis, 1000).start();
    const column = [];
    // The first fills the server's own tables.
    for (const { kib, attributes } of [{ kib: 2 }, ...kinds]) {
      const before = (await serverUsage(redis.client)).memory;
      await contest.cookies(kib, attributes);
      column.push(((await serverUsage(redis.client)).memory - before) / contest.connections);
    }
    columns.push(column.slice(1));
    await contest.stop();
    await redis.stop();
  }
  kinds.forEach(({ about }, row) => {
    lines.push(`| ${about} | ${columns.map((column) => Math.round(column[row])).join(' | ')} |`);
  });
  return [...lines, ''];
}
