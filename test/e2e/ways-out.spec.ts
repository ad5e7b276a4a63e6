import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { LogSink, adapters, startApp, type StartedApp } from '../support/apps.js';
import { Browser, type BrowserResponse } from '../support/cookie-jar.js';
import { startRedis, type RedisProcess } from '../support/redis-server.js';
import { startProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { eventually } from '../support/eventually.js';
import { Gate } from './helpers/gate.js';
import { redisAt } from './helpers/playground.js';
import { Marker, waysOutModule } from './helpers/ways-out-app.js';
import { WAYS_OUT, type WayOut } from './helpers/ways-out.js';

const DELAY_MS = 300;
/** Timers may be a little early. */
const TOLERANCE_MS = 5;

let redis: RedisProcess;
beforeAll(async () => {
  redis = await startRedis();
});

interface Answer {
  readonly browser: Browser;
  readonly response: BrowserResponse;
  /** Earliest moments at which the client can have had the first byte, and the last. On performance's clock. */
  readonly firstByteAt: number;
  readonly endAt: number;
}

async function ask(browser: Browser, { method, path }: WayOut): Promise<Answer> {
  const startedAt = performance.now();
  const response = await browser.request(method ?? 'GET', `/${path}`);
  return { browser, response, firstByteAt: startedAt + response.timeFirstByteMs, endAt: performance.now() };
}

const configurations = adapters.flatMap((adapter) =>
  [true, false].map((globalInterceptor) => ({ adapter, globalInterceptor })),
);

describe.each(configurations)(
  '$adapter, globalInterceptor $globalInterceptor',
  ({ adapter, globalInterceptor }) => {
    const log = new LogSink();
    let proxy: TcpProxy;
    let site: StartedApp;
    let marker: Marker;
    beforeAll(async () => {
      proxy = await startProxy(redis.port);
      const module = waysOutModule({ ...redisAt(proxy), globalInterceptor, storeGuests: true });
      site = await startApp(adapter, module, { logger: log });
      marker = site.app.get(Marker);
    });
    afterAll(() => site.close());

    const withSession = async (): Promise<Browser> => {
      const browser = new Browser(site.url);
      expect((await browser.post('/start')).status).toBe(201);
      return browser;
    };
    const markOf = async (browser: Browser): Promise<unknown> =>
      (await browser.get('/mark')).json<{ mark?: string }>().mark;

    /** All ways at once: each loads its session, then `disturb` is called, then each writes and answers. */
    const askAll = async (
      ways: readonly WayOut[],
      browsers: readonly Browser[],
      disturb: () => unknown,
    ): Promise<{ answers: Map<string, Answer>; changedAt: number }> => {
      const gate = (marker.gate = new Gate());
      const asked = ways.map((way, at) => ask(browsers[at] as Browser, way));
      await gate.arrivals(ways.length);
      await disturb();
      const changedAt = performance.now();
      gate.open();
      const answers = await Promise.all(asked);
      return { answers: new Map(ways.map(({ path }, at) => [path, answers[at] as Answer])), changedAt };
    };

    describe.each([
      ['a session that exists', WAYS_OUT, true],
      ['a new session', WAYS_OUT.filter(({ late }) => !late), false],
    ] as const)('with Redis answering 300 ms late, %s', (_which, ways, existing) => {
      let outcome: Awaited<ReturnType<typeof askAll>>;
      beforeAll(async () => {
        const browsers = await Promise.all(
          ways.map(async () => (existing ? withSession() : new Browser(site.url))),
        );
        outcome = await askAll(ways, browsers, () => proxy.setDelay({ toClient: DELAY_MS }));
        proxy.setDelay(0);
      });

      it.each(ways)(
        '$name: the answer is whole, left after the save, and the next request sees it',
        async (way) => {
          const { browser, response, firstByteAt, endAt } = outcome.answers.get(way.path) as Answer;
          expect(response.status).toBe(way.status);
          if (way.body instanceof RegExp) expect(response.text).toMatch(way.body);
          else if (way.body !== undefined) expect(response.text).toBe(way.body);
          expect((way.late ? endAt : firstByteAt) - outcome.changedAt).toBeGreaterThan(
            DELAY_MS - TOLERANCE_MS,
          );

          expect(response.setCookies.filter(({ name }) => name === 'sid')).toHaveLength(existing ? 0 : 1);
          if (!way.late) expect(response.headers['vary']).toMatch(/\bCookie\b/);
          expect(await markOf(browser)).toBe(way.path);
        },
      );
    });

    it('headers that @Res() gives to writeHead join the session’s own', async () => {
      marker.gate.open();
      const { response } = await ask(
        new Browser(site.url),
        WAYS_OUT.find(({ path }) => path === 'res-raw') as WayOut,
      );
      expect(response.setCookies.map(({ name }) => name).sort()).toEqual(['mine', 'sid']);
    });

    describe('with Redis dying before the save', () => {
      let outcome: Awaited<ReturnType<typeof askAll>>;
      beforeAll(async () => {
        const browsers = await Promise.all(WAYS_OUT.map(withSession));
        log.clear();
        outcome = await askAll(WAYS_OUT, browsers, () => proxy.cut({ refuse: true }));
        await proxy.restore();
        await eventually('the application is connected again', async () =>
          (await new Browser(site.url).get('/mark', { cookie: `sid=${'A'.repeat(47)}` })).status === 200
            ? true
            : undefined,
        );
      });

      it.each(WAYS_OUT.filter(({ late }) => !late))('$name: 503, a neutral body, no cookie', async (way) => {
        const { browser, response } = outcome.answers.get(way.path) as Answer;
        expect(response.status).toBe(503);
        expect(response.headers['retry-after']).toBe('1');
        expect(response.setCookies).toEqual([]);
        if (way.method !== 'HEAD') {
          expect(response.json()).toEqual({
            statusCode: 503,
            message: 'The service is temporarily unavailable. Please try again.',
          });
        }
        expect(response.headers['location']).toBeUndefined();
        expect(await markOf(browser)).toBeUndefined();
      });

      it('server-sent events that write end all the same, and the loss is warned of', async () => {
        const { browser, response } = outcome.answers.get('sse-during') as Answer;
        expect(response.status).toBe(200);
        expect(response.text).toMatch(/late/);
        expect(log.messages('warn')).toContainEqual(
          expect.stringMatching(/what changed after the response had started is not saved/),
        );
        expect(await markOf(browser)).toBeUndefined();
      });
    });
  },
);
