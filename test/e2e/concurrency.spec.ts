import { beforeAll, expect, it } from '@jest/globals';
import { eachAdapter } from '../support/apps.js';
import { Browser } from '../support/cookie-jar.js';
import { startRedis, type RedisProcess } from '../support/redis-server.js';
import { Gate } from './helpers/gate.js';
import { redisAt, startPlayground, type AnySession, type Playground } from './helpers/playground.js';

const NODES = 3;
const ATTRIBUTES = 100;
const REQUESTS = 10_000;
const IN_FLIGHT = 200;

let redis: RedisProcess;
beforeAll(async () => {
  redis = await startRedis();
});

const times = <T>(count: number, make: (i: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i));

eachAdapter('Concurrent requests of one session, on three nodes', (adapter) => {
  let nodes: Playground[];
  beforeAll(async () => {
    const options = { ...redisAt(redis), storeGuests: true };
    nodes = await Promise.all(times(NODES, () => startPlayground(adapter, options)));
  });
  const node = (i: number): Playground => nodes[i % NODES] as Playground;
  const begin = async (value: unknown): Promise<Browser> => {
    const browser = new Browser(node(0).url);
    await node(0).visit(browser, (session) => (session.value = value));
    return browser;
  };
  const read = async (browser: Browser): Promise<Record<string, unknown>> =>
    (await node(1).visit(browser, (session) => ({ ...session }))).result;
  /** All have the session in hand before the first of them goes on. */
  const together = async (
    browser: Browser,
    count: number,
    use: (session: AnySession, i: number) => unknown,
  ) => {
    const gate = new Gate();
    const visits = times(count, (i) =>
      node(i).visit(browser, async (session) => {
        await gate.pass();
        await use(session, i);
      }),
    );
    await Promise.race([gate.arrivals(count), Promise.all(visits)]);
    gate.open();
    await Promise.all(visits);
  };

  it('keep each of 100 different attributes, in 20 rounds', async () => {
    for (let round = 0; round < 20; round += 1) {
      const browser = await begin('kept');
      await together(browser, ATTRIBUTES, (session, i) => {
        session[`a${i}`] = i;
      });
      const expected = Object.fromEntries(times(ATTRIBUTES, (i) => [`a${i}`, i]));
      expect(await read(browser)).toEqual({ value: 'kept', ...expected });
    }
  });

  it('keep each of 100 different deletions', async () => {
    const browser = await begin('kept');
    await node(0).visit(browser, (session) => {
      for (let i = 0; i < ATTRIBUTES; i += 1) session[`a${i}`] = i;
    });
    await together(browser, ATTRIBUTES, (session, i) => {
      delete session[`a${i}`];
    });
    expect(await read(browser)).toEqual({ value: 'kept' });
  });

  it('leave one of the values written where all write the same attribute, and all else alone', async () => {
    const browser = await begin({ by: -1 });
    await together(browser, 50, (session, i) => {
      session.value = { by: i };
      session[`own${i}`] = i;
    });
    const { value, ...own } = (await read(browser)) as { value: { by: number } };
    expect(value.by).toBeGreaterThanOrEqual(0);
    expect(Object.keys(own)).toHaveLength(50);
  });

  it('count to 100 by 100 updates', async () => {
    const browser = await begin(0);
    await together(browser, 100, (session) => session.update('value', (n) => (n as number) + 1));
    expect(await read(browser)).toEqual({ value: 100 });
  });

  it('count to 100 by 100 updates of what is not there yet', async () => {
    const browser = await begin('kept');
    await together(browser, 100, (session) =>
      session.update('other', (n) => ((n as number | undefined) ?? 0) + 1),
    );
    expect(await read(browser)).toEqual({ value: 'kept', other: 100 });
  });

  it(`are right in every one of 100 attributes after ${REQUESTS} requests, of which none failed`, async () => {
    const browser = await begin('kept');
    let next = 0;
    const client = async (): Promise<void> => {
      for (let i = next++; i < REQUESTS; i = next++) {
        const name = `a${i % ATTRIBUTES}`;
        await node(i).visit(browser, (session) =>
          session.update(name, (n) => ((n as number | undefined) ?? 0) + 1),
        );
      }
    };
    await Promise.all(times(IN_FLIGHT, client));
    const expected = Object.fromEntries(times(ATTRIBUTES, (i) => [`a${i}`, REQUESTS / ATTRIBUTES]));
    expect(await read(browser)).toEqual({ value: 'kept', ...expected });
  }, 600_000);
});
