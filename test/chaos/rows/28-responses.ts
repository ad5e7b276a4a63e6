import { setTimeout as delay } from 'node:timers/promises';
import { atLeast, exactly, none, type ChaosRow } from '../row.js';
import { Browser } from '../../support/cookie-jar.js';
import { startRedis } from '../../support/redis-server.js';
import { PATIENT } from '../helpers/edge.js';
import { statusesOn } from '../helpers/connection.js';
import { startFleetNode } from '../helpers/fleet.js';
import { requestText } from '../helpers/raw-clients.js';

interface Health {
  readonly pid: number;
  readonly unhandled: number;
}

/** Handlers are wrong about their responses, with and without a session; a job goes on after the answer. */
export const row: ChaosRow = {
  row: 28,
  fault: 'whatever a handler does to its response, a background job to its session',
  on: 'standalone',
  run: async (context) => {
    const redis = await startRedis();
    const script = await context.compileApp('test/chaos/apps/response-node.ts');
    const node = await startFleetNode(context, { redis, script, env: PATIENT }, 0);
    const browser = new Browser(node.url);
    const healthOf = async (): Promise<Health> => (await browser.get('/health')).json<Health>();
    const mistakes = (await browser.get('/mistakes')).json<string[]>();
    const { pid } = await healthOf();

    const run = async (kind: string, mistake: string): Promise<[string, number]> => {
      const { unhandled } = await healthOf();
      const path = `/${kind}/${encodeURIComponent(mistake)}`;
      const statuses = await statusesOn(node.url, [requestText('POST', path), requestText('GET', '/fine')]);
      return [statuses.join(', then '), (await healthOf()).unhandled - unhandled];
    };
    const different: string[] = [];
    let runs = 0;
    for (const mistake of mistakes) {
      const [expected, failures] = await run('plain', mistake);
      for (const kind of ['read', 'write']) {
        const [seen, unhandled] = await run(kind, mistake);
        runs += 1;
        if (seen !== expected || unhandled > failures)
          different.push(`${mistake}, session ${kind}: ${seen}, ${unhandled} unhandled; without ${expected}`);
      }
    }
    const before = await healthOf();
    const jobs = await statusesOn(
      node.url,
      Array.from({ length: 20 }, () => requestText('POST', '/job')),
    );
    await delay(100);
    const after = await healthOf();
    return [
      atLeast('wrong responses', runs, 12),
      none('not as without a session', different),
      none(
        'jobs whose request was not answered',
        jobs.filter((status) => status !== '201'),
      ),
      exactly('errors that nobody could catch, of jobs', after.unhandled - before.unhandled, 0),
      exactly('the process lives', after.pid === pid, true),
    ];
  },
};
