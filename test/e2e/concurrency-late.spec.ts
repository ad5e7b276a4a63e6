import type { ServerResponse } from 'node:http';
import { beforeAll, expect, it } from '@jest/globals';
import { Controller, Get, Param, Res } from '@nestjs/common';
import { Session, SessionHeadersSentError, type HttpSession } from 'nestjs-redis-session';
import { connect } from '../contract/redis-helpers.js';
import type { RedisClient } from '../../lib/redis/client.js';
import { eachAdapter } from '../support/apps.js';
import { Browser } from '../support/cookie-jar.js';
import { startRedis, type RedisProcess } from '../support/redis-server.js';
import { redisAt, startPlayground, type AnySession, type Playground } from './helpers/playground.js';

type Late = (session: AnySession) => unknown;

/** What is done with a session when the headers of its response have left. */
const LATE: Record<string, Late> = {
  write: (session) => (session.value = 'late'),
  save: async (session) => {
    session.value = 'late';
    await session.save();
  },
  login: (session) => session.authenticate('anna'),
  update: (session) => session.update('value', () => 'late'),
  renew: (session) => session.regenerateId(),
  logout: (session) => session.destroy(),
};

@Controller()
class LateController {
  static failure: unknown;

  @Get('late/:what')
  async late(
    @Session() session: HttpSession,
    @Param('what') what: string,
    @Res() response: ServerResponse | { raw: ServerResponse },
  ): Promise<void> {
    const raw = 'raw' in response ? response.raw : response;
    raw.writeHead(200);
    raw.write('begun ');
    LateController.failure = undefined;
    try {
      await (LATE[what] as Late)(session as AnySession);
    } catch (error) {
      LateController.failure = error;
    }
    raw.end('done');
  }
}

let redis: RedisProcess;
let client: RedisClient;
beforeAll(async () => {
  redis = await startRedis();
  client = await connect(redis.port);
});

eachAdapter('When the headers have left', (adapter) => {
  let node: Playground;
  beforeAll(async () => {
    const options = { ...redisAt(redis), storeGuests: true };
    node = await startPlayground(adapter, options, { module: { controllers: [LateController] } });
  });
  const begun = async (): Promise<Browser> => {
    const browser = new Browser(node.url);
    await node.visit(browser, (session) => (session.value = 'begun'));
    return browser;
  };
  const valueOf = async (browser: Browser): Promise<unknown> =>
    (await node.visit(browser, (session) => session.value)).result;

  it.each(['write', 'save', 'login', 'update'])(
    'a new session cannot begin by a %s: a clear error, no key, no cookie',
    async (what) => {
      await client.flushall();
      const browser = new Browser(node.url);
      const { text, setCookies } = await browser.get(`/late/${what}`);
      expect(text).toBe('begun done');
      expect(LateController.failure).toBeInstanceOf(SessionHeadersSentError);
      expect(String(LateController.failure)).toMatch(/headers have left.*before the response starts/);
      expect(setCookies).toEqual([]);
      expect(await client.keys('*')).toEqual([]);
    },
  );

  it.each(['write', 'save', 'update'])('a session that is there takes a %s', async (what) => {
    const browser = await begun();
    const { setCookies } = await browser.get(`/late/${what}`);
    expect(LateController.failure).toBeUndefined();
    expect(setCookies).toEqual([]);
    expect(await valueOf(browser)).toBe('late');
  });

  it.each(['login', 'renew'])('a session that is there refuses a %s, and stays as it was', async (what) => {
    const browser = await begun();
    await browser.get(`/late/${what}`);
    expect(LateController.failure).toBeInstanceOf(SessionHeadersSentError);
    expect(await valueOf(browser)).toBe('begun');
    expect((await node.visit(browser, (session) => session.principal)).result).toBeUndefined();
  });

  it('a logout still ends the session', async () => {
    const browser = await begun();
    await browser.get('/late/logout');
    expect(LateController.failure).toBeUndefined();
    expect(await valueOf(browser)).toBeUndefined();
  });
});
