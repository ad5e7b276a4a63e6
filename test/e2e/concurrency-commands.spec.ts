import { performance } from 'node:perf_hooks';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { jsonCodec, type SessionCodec, type SessionPolicy } from 'nestjs-redis-session';
import { eachAdapter } from '../support/apps.js';
import { inputBytesOf, watchCommands, type CommandWatch } from '../support/commands.js';
import { Browser } from '../support/cookie-jar.js';
import { startRedis, type RedisProcess } from '../support/redis-server.js';
import { startProxy } from '../support/tcp-proxy.js';
import { redisAt, startPlayground, type AnySession, type Playground } from './helpers/playground.js';
import { takeTraffic } from './helpers/traffic.js';

/** What a request does, whether it brings a session, and what that costs by policy. */
interface Row {
  readonly request: string;
  readonly begins: 'without a session' | 'with a session' | 'logged in';
  readonly use: (session: AnySession) => unknown;
  readonly commands: readonly string[];
  readonly always?: readonly string[];
  readonly roundTrips: number;
}

const LOAD = ['load'];
const ROWS: Row[] = [
  {
    request: 'anonymous and untouched',
    begins: 'without a session',
    use: () => undefined,
    commands: [],
    roundTrips: 0,
  },
  {
    request: 'anonymous, reads what is not there',
    begins: 'without a session',
    use: (session) => session.value,
    commands: [],
    roundTrips: 0,
  },
  {
    request: 'reads only',
    begins: 'with a session',
    use: (session) => JSON.stringify(session),
    commands: LOAD,
    always: [...LOAD, 'save'],
    roundTrips: 1,
  },
  {
    request: 'changes one attribute',
    begins: 'with a session',
    use: (session) => (session.value = 'changed'),
    commands: [...LOAD, 'save'],
    roundTrips: 2,
  },
  {
    request: 'changes ten attributes',
    begins: 'with a session',
    use: (session) => {
      for (let i = 0; i < 10; i += 1) session[`a${i}`] = i;
      delete session.value;
    },
    commands: [...LOAD, 'save'],
    roundTrips: 2,
  },
  {
    request: 'changes inside a value',
    begins: 'with a session',
    use: (session) => (session.other as string[]).push('more'),
    commands: [...LOAD, 'save'],
    roundTrips: 2,
  },
  {
    request: 'begins a session',
    begins: 'without a session',
    use: (session) => {
      session.value = 'new';
      session.other = ['new'];
    },
    commands: ['create'],
    roundTrips: 1,
  },
  {
    request: 'logs in',
    begins: 'with a session',
    use: (session) => session.authenticate('anna'),
    commands: [...LOAD, 'renewListed'],
    roundTrips: 2,
  },
  {
    request: 'logs in with changes',
    begins: 'with a session',
    use: (session) => {
      session.value = 'changed';
      return session.authenticate('anna');
    },
    commands: [...LOAD, 'renewListed'],
    roundTrips: 2,
  },
  {
    request: 'logs in without a session before',
    begins: 'without a session',
    use: (session) => session.authenticate('anna'),
    commands: ['createListed'],
    roundTrips: 1,
  },
  {
    request: 'logs in once more',
    begins: 'logged in',
    use: (session) => session.authenticate('anna'),
    commands: [...LOAD, 'renewListed'],
    roundTrips: 2,
  },
  {
    request: 'changes its id, logged in',
    begins: 'logged in',
    use: (session) => session.regenerateId(),
    commands: [...LOAD, 'renewListed'],
    roundTrips: 2,
  },
  {
    request: 'logs out, logged in',
    begins: 'logged in',
    use: (session) => session.destroy(),
    commands: [...LOAD, 'destroy', 'forget'],
    roundTrips: 2,
  },
  {
    request: 'changes its id',
    begins: 'with a session',
    use: (session) => session.regenerateId(),
    commands: [...LOAD, 'renew'],
    roundTrips: 2,
  },
  {
    request: 'updates an attribute',
    begins: 'with a session',
    use: (session) => session.update('value', () => 'changed'),
    commands: [...LOAD, 'compareAndSet'],
    roundTrips: 2,
  },
  {
    request: 'logs out',
    begins: 'with a session',
    use: (session) => session.destroy(),
    commands: [...LOAD, 'destroy'],
    roundTrips: 2,
  },
];

let redis: RedisProcess;
let watch: CommandWatch;
beforeAll(async () => {
  redis = await startRedis();
  watch = await watchCommands(redis.port);
});

/** A browser as the row begins. */
async function beginning(row: Row, node: Playground): Promise<Browser> {
  const browser = new Browser(node.url);
  if (row.begins !== 'without a session') {
    await node.visit(browser, async (session) => {
      session.value = 'begun';
      session.other = ['begun'];
      if (row.begins === 'logged in') await session.authenticate('anna');
    });
  }
  await watch.take();
  return browser;
}

eachAdapter('What a request costs', (adapter) => {
  describe.each<SessionPolicy>(['DEFAULT', 'SAVE_ON_CHANGE', 'ALWAYS_SAVE_AFTER_REQUEST'])('%s', (policy) => {
    describe.each(['msgpack', 'json'] as const)('%s', (codec) => {
      let node: Playground;
      beforeAll(async () => {
        node = await startPlayground(adapter, {
          ...redisAt(redis),
          storeGuests: true,
          policies: [policy],
          codec,
        });
        // Once, so that the server knows the scripts.
        for (const row of ROWS) await node.visit(await beginning(row, node), row.use);
      });

      it.each(ROWS.map((row) => [row.request, row] as const))('%s', async (_request, row) => {
        const browser = await beginning(row, node);
        await node.visit(browser, row.use);
        const always = policy === 'ALWAYS_SAVE_AFTER_REQUEST' ? row.always : undefined;
        expect(await takeTraffic(watch)).toEqual(always ?? row.commands);
      });
    });
  });

  it('waits for Redis no oftener than the table says', async () => {
    const proxy = await startProxy(redis.port);
    const node = await startPlayground(adapter, { ...redisAt(proxy), storeGuests: true });
    const roundTripsOf = async (row: Row, delayMs: number): Promise<number> => {
      const browser = await beginning(row, node);
      proxy.setDelay({ toServer: delayMs });
      const startedAt = performance.now();
      await node.visit(browser, row.use);
      const roundTrips = Math.floor((performance.now() - startedAt) / delayMs);
      proxy.setDelay(0);
      return roundTrips;
    };
    for (const row of ROWS) {
      let delayMs = 120;
      let least = await roundTripsOf(row, delayMs);
      // A busy machine can only add to it, and what it adds does not grow with the delay.
      for (let round = 1; least > row.roundTrips && round < 5; round += 1) {
        delayMs *= 2;
        least = Math.min(least, await roundTripsOf(row, delayMs));
      }
      expect([row.request, least]).toEqual([row.request, row.roundTrips]);
    }
  });

  it('makes ten assignments of one tick one write under SAVE_ON_CHANGE, before the response leaves', async () => {
    const options = { storeGuests: true, policies: ['SAVE_ON_CHANGE'] as const };
    const node = await startPlayground(adapter, { ...redisAt(redis), ...options });
    const browser = new Browser(node.url);
    await node.visit(browser, (session) => (session.value = 'begun'));
    await watch.take();
    await node.visit(browser, async (session) => {
      for (let i = 0; i < 10; i += 1) session[`a${i}`] = i;
      await Promise.resolve();
    });
    expect(await takeTraffic(watch)).toEqual([...LOAD, 'save']);
  });

  it('sends under 300 bytes to save one small attribute of a session of 10 KiB', async () => {
    const node = await startPlayground(adapter, { ...redisAt(redis), storeGuests: true });
    const browser = new Browser(node.url);
    await node.visit(browser, (session) => {
      for (let i = 0; i < 10; i += 1) session[`a${i}`] = { text: String(i).repeat(1024) };
      session.value = 1;
    });
    await node.visit(browser, (session) => (session.value = 2));
    // The least of some: now and then something in the background, a look at the server's clock, comes on top.
    let [reading, writing] = [Infinity, Infinity];
    for (let n = 3; n < 6; n += 1) {
      const read = (): Promise<unknown> => node.visit(browser, (session) => JSON.stringify(session));
      const write = (): Promise<unknown> =>
        node.visit(browser, (session) => {
          JSON.stringify(session);
          session.value = n;
        });
      reading = Math.min(reading, await inputBytesOf(redis.port, read));
      writing = Math.min(writing, await inputBytesOf(redis.port, write));
    }
    expect(writing - reading).toBeGreaterThan(0);
    expect(writing - reading).toBeLessThan(300);
  });

  it('does not decode an attribute of 256 KiB that nobody reads, nor encode it', async () => {
    const LARGE = 256 * 1024;
    const handled = { encoded: [] as number[], decoded: [] as number[] };
    const counting: SessionCodec = {
      name: 'counting',
      encode: (value) => {
        const bytes = jsonCodec.encode(value);
        handled.encoded.push(bytes.length);
        return bytes;
      },
      decode: (bytes) => {
        handled.decoded.push(bytes.length);
        return jsonCodec.decode(bytes);
      },
    };
    const node = await startPlayground(adapter, {
      ...redisAt(redis),
      storeGuests: true,
      codec: counting,
      maxSessionBytes: 2 * LARGE,
    });
    const browser = new Browser(node.url);
    await node.visit(browser, (session) => {
      session.large = { text: 'x'.repeat(LARGE) };
      session.value = { n: 1 };
    });
    handled.encoded.length = 0;
    const { result } = await node.visit(browser, (session) => {
      session.value = { n: (session.value as { n: number }).n + 1 };
      return session.value;
    });
    expect(result).toEqual({ n: 2 });
    expect(handled.decoded).toHaveLength(1);
    for (const size of [...handled.decoded, ...handled.encoded]) expect(size).toBeLessThan(100);
    // And the codec does count: here somebody reads it.
    await node.visit(browser, (session) => session.large);
    expect(Math.max(...handled.decoded)).toBeGreaterThan(LARGE);
  });
});
