import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, Get } from '@nestjs/common';
import { type SessionPolicy } from 'nestjs-redis-session';
import { eachAdapter } from '../support/apps.js';
import { watchCommands, type CommandWatch } from '../support/commands.js';
import { Browser } from '../support/cookie-jar.js';
import { startRedis, type RedisProcess } from '../support/redis-server.js';
import { eventually } from '../support/eventually.js';
import { redisAt, startPlayground, type AnySession, type Playground } from './helpers/playground.js';
import { takeTraffic, takeWrites } from './helpers/traffic.js';

@Controller()
class PlainController {
  @Get('plain')
  plain(): string {
    return 'no session here';
  }
}

let redis: RedisProcess;
let watch: CommandWatch;
beforeAll(async () => {
  redis = await startRedis();
  watch = await watchCommands(redis.port);
});

const tick = (): Promise<void> => Promise.resolve();

/** What a request does, and what that writes under each choice of policies. */
const TABLE: readonly {
  readonly name: string;
  readonly use: (session: AnySession) => unknown;
  readonly writes: Readonly<Record<string, readonly string[]>>;
}[] = [
  {
    name: 'a request that only reads',
    use: (session) => session.value,
    writes: {
      DEFAULT: [],
      SAVE_ON_CHANGE: [],
      ALWAYS_SAVE_AFTER_REQUEST: ['save'],
      'SAVE_ON_CHANGE,ALWAYS_SAVE_AFTER_REQUEST': ['save'],
      'DEFAULT,ALWAYS_SAVE_AFTER_REQUEST': ['save'],
    },
  },
  {
    name: 'two assignments in one tick',
    use: (session) => {
      session.value = 'new';
      session.other = 'new';
    },
    writes: {
      DEFAULT: ['save'],
      SAVE_ON_CHANGE: ['save'],
      ALWAYS_SAVE_AFTER_REQUEST: ['save'],
      'SAVE_ON_CHANGE,ALWAYS_SAVE_AFTER_REQUEST': ['save'],
      'DEFAULT,ALWAYS_SAVE_AFTER_REQUEST': ['save'],
    },
  },
  {
    name: 'a set and a delete, a tick apart',
    use: async (session) => {
      session.other = 'new';
      await tick();
      await tick();
      delete session.value;
    },
    writes: {
      DEFAULT: ['save'],
      SAVE_ON_CHANGE: ['save', 'save'],
      ALWAYS_SAVE_AFTER_REQUEST: ['save'],
      'SAVE_ON_CHANGE,ALWAYS_SAVE_AFTER_REQUEST': ['save', 'save'],
      'DEFAULT,ALWAYS_SAVE_AFTER_REQUEST': ['save'],
    },
  },
  {
    name: 'a change inside a value',
    use: (session) => (session.value as string[]).push('more'),
    writes: {
      DEFAULT: ['save'],
      SAVE_ON_CHANGE: ['save'],
      ALWAYS_SAVE_AFTER_REQUEST: ['save'],
      'SAVE_ON_CHANGE,ALWAYS_SAVE_AFTER_REQUEST': ['save'],
      'DEFAULT,ALWAYS_SAVE_AFTER_REQUEST': ['save'],
    },
  },
];
const COMBINATIONS = Object.keys(TABLE[0]?.writes ?? {});

eachAdapter('policies', (adapter) => {
  let site: Playground;
  afterEach(() => site.close());

  const start = async (policies: readonly SessionPolicy[], globalInterceptor = true): Promise<void> => {
    const options = { ...redisAt(redis), policies, globalInterceptor, storeGuests: true };
    site = await startPlayground(adapter, options, { module: { controllers: [PlainController] } });
  };
  const storedVisitor = async (): Promise<Browser> => {
    const browser = new Browser(site.url);
    await site.visit(browser, (session) => void (session.value = ['old']));
    await watch.take();
    return browser;
  };

  describe.each([true, false])('with globalInterceptor %s', (globalInterceptor) => {
    it.each(COMBINATIONS)('%s writes as the table says, and loses nothing', async (combination) => {
      await start(combination.split(',') as SessionPolicy[], globalInterceptor);
      for (const { name, use, writes } of TABLE) {
        const browser = await storedVisitor();
        const expected = await site.visit(browser, async (session) => {
          await use(session);
          return { value: session.value, other: session.other };
        });
        expect([name, await takeWrites(watch)]).toEqual([name, writes[combination]]);
        const { result } = await site.visit(browser, ({ value, other }) => ({ value, other }));
        expect(result).toEqual(expected.result);
        await watch.take();
      }
    });

    it.each(COMBINATIONS)('%s costs nothing where no session is used', async (combination) => {
      await start(combination.split(',') as SessionPolicy[], globalInterceptor);
      const browser = await storedVisitor();
      await browser.get('/plain');
      expect(await takeTraffic(watch)).toEqual([]);
      const { response } = await site.visit(new Browser(site.url), (session) => session.value);
      expect(await takeTraffic(watch)).toEqual([]);
      expect(response.setCookies).toEqual([]);
    });
  });

  it.each([true, false])(
    'ALWAYS_SAVE_AFTER_REQUEST answers 409 where the session ended meanwhile, and DEFAULT tells (interceptor: %p)',
    async (globalInterceptor) => {
      const late = async (policy: SessionPolicy): Promise<unknown> => {
        await start([policy], globalInterceptor);
        const browser = await storedVisitor();
        return site.visit(browser.clone(), async (session) => {
          await site.visit(browser, (other) => other.authenticate('ann'));
          session.value = 'late';
        });
      };
      await expect(late('ALWAYS_SAVE_AFTER_REQUEST')).rejects.toThrow(
        'answered 409: {"statusCode":409,"message":"The session ended meanwhile. Please sign in again."}',
      );
      await site.close();
      await expect(late('DEFAULT')).resolves.toBeDefined();
      const line = /logged in meanwhile, and what this one changed is dropped \("value"\)/;
      await eventually('the log tells of it', async () =>
        site.log.messages('warn').some((message) => line.test(message)) ? true : undefined,
      );
    },
  );

  it('SAVE_ON_CHANGE saves while the handler still runs', async () => {
    await start(['SAVE_ON_CHANGE']);
    const browser = await storedVisitor();
    await site.visit(browser, async (session) => {
      session.value = 'during';
      const elsewhere = await eventually('the change is stored', async () => {
        const other = await site.sessions.open<{ value: unknown }>(session.id);
        return other?.value === 'during' ? other : undefined;
      });
      expect(elsewhere.value).toBe('during');
    });
  });

  it('SAVE_ON_CHANGE creates a new session at its first attribute, once', async () => {
    await start(['SAVE_ON_CHANGE']);
    const { response } = await site.visit(new Browser(site.url), async (session) => {
      session.value = 1;
      await eventually('the session is stored', () => site.sessions.open(session.id));
      await watch.take();
      session.other = 2;
    });
    expect(await takeWrites(watch)).toEqual(['save']);
    expect(response.setCookies).toHaveLength(1);
  });

  it('DEFAULT saves nothing before the handler has ended', async () => {
    await start(['DEFAULT']);
    const browser = await storedVisitor();
    await site.visit(browser, async (session) => {
      session.value = 'during';
      await site.sessions.open(session.id);
      expect(await takeWrites(watch)).toEqual([]);
    });
    expect(await takeWrites(watch)).toEqual(['save']);
  });
});
