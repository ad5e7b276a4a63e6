import { setTimeout as delay } from 'node:timers/promises';
import { allOf, exactly, type ChaosRow } from '../row.js';
import { Browser } from '../../support/cookie-jar.js';
import { startRedis } from '../../support/redis-server.js';
import { adminOf } from '../helpers/check.js';
import { PATIENT } from '../helpers/edge.js';
import { startFleetNode } from '../helpers/fleet.js';

const STREAMS = 50;
/** Streams are closed in turns of the event loop, not within the answer. */
const CLOSED_WITHIN_MS = 3000;

/** Files are piped to responses whose save a full Redis refuses. */
export const row: ChaosRow = {
  row: 29,
  fault: 'a save fails while a stream is piped to the response',
  on: 'standalone',
  run: async (context) => {
    const redis = await startRedis();
    const script = await context.compileApp('test/chaos/apps/response-node.ts');
    const node = await startFleetNode(context, { redis, script, env: PATIENT }, 0);
    const producersOf = async (): Promise<number> =>
      (await new Browser(node.url).get('/health')).json<{ producers: number }>().producers;
    const sound = await new Browser(node.url).post('/file');
    const admin = adminOf(redis.port);
    await admin.config('SET', 'maxmemory', '1');
    const answers = await Promise.all(
      Array.from({ length: STREAMS }, () => new Browser(node.url).post('/file')),
    );
    const until = performance.now() + CLOSED_WITHIN_MS;
    while ((await producersOf()) > 0 && performance.now() < until) await delay(20);
    const left = await producersOf();
    await admin.config('SET', 'maxmemory', '0');
    const again = await new Browser(node.url).post('/file');
    const count = answers.filter(({ status }) => status === 503).length;
    return [
      exactly('bytes of a file before', sound.text.length > 1_000_000, true),
      allOf('streams answered 503', count, STREAMS),
      exactly('producers and descriptors left waiting', left, 0),
      exactly('status once there is room', again.status, sound.status),
    ];
  },
};
