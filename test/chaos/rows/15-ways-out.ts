import { waysOutModule, Marker } from '../../e2e/helpers/ways-out-app.js';
import { WAYS_OUT } from '../../e2e/helpers/ways-out.js';
import { Browser } from '../../support/cookie-jar.js';
import { startRedis } from '../../support/redis-server.js';
import { startApp } from '../../support/start-app.js';
import { allOf, none, type ChaosRow, type Finding } from '../row.js';

/** Of one kind of configuration: each way out with a session that exists and with a new one. */
async function waysOut(
  start: () => Promise<{ url: string; marker: Marker }>,
  title: string,
): Promise<Finding[]> {
  const { url, marker } = await start();
  marker.gate.open();
  const wrong: string[] = [];
  const counts = { existing: 0, fresh: 0 };
  // A new session must be written to before the headers leave: those that write later are row 16.
  const early = WAYS_OUT.filter(({ late }) => !late);
  for (const [kind, ways] of [
    ['existing', WAYS_OUT],
    ['fresh', early],
  ] as const) {
    for (const { path, method = 'GET', status, name } of ways) {
      const browser = new Browser(url);
      if (kind === 'existing') await browser.post('/start');
      const answer = await browser.request(method, `/${path}`);
      const cookies = answer.setCookies.filter((cookie) => cookie.name === 'sid').length;
      const { mark } = (await browser.get('/mark')).json<{ mark?: string }>();
      if (answer.status === status && mark === path && cookies === (kind === 'fresh' ? 1 : 0))
        counts[kind] += 1;
      else wrong.push(`${kind}: ${name}`);
    }
  }
  return [
    allOf(`${title}: ways out that save a session`, counts.existing, WAYS_OUT.length),
    allOf(`${title}: ways out that save a new session and set its cookie`, counts.fresh, early.length),
    none(`${title}: ways out that do not`, wrong),
  ];
}

export const row: ChaosRow = {
  row: 15,
  fault: 'guard rejects, 404, filter writes, middleware ends, @Res, StreamableFile, HEAD, redirect, SSE',
  on: 'standalone',
  run: async ({ adapter }) => {
    const { host, port } = await startRedis();
    const start = async (globalInterceptor: boolean): Promise<{ url: string; marker: Marker }> => {
      const options = { redis: { host, port }, storeGuests: true, globalInterceptor };
      const { url, app } = await startApp(adapter, waysOutModule(options));
      return { url, marker: app.get(Marker) };
    };
    return [
      ...(await waysOut(() => start(true), 'with the interceptor')),
      ...(await waysOut(() => start(false), 'without')),
    ];
  },
};
