import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, Get, Header, Req, type INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter, type NestExpressApplication } from '@nestjs/platform-express';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import {
  RedisSessionModule,
  Session,
  SessionService,
  type AnyRequest,
  type CookieOptions,
  type SessionModuleOptions,
} from 'nestjs-redis-session';
import { type IncomingMessage, type ServerResponse } from 'node:http';
import { eachAdapter, type Adapter } from '../support/apps.js';
import { onCleanup } from '../support/cleanup.js';
import { watchCommands, type CommandWatch } from '../support/commands.js';
import { Browser } from '../support/cookie-jar.js';
import { startRedis, type RedisProcess } from '../support/redis-server.js';
import { redisAt, startPlayground, type AnySession, type Playground } from './helpers/playground.js';
import { takeTraffic } from './helpers/traffic.js';

const SECRETS = ['first', 'second'].map((name) => `${name}-0f8c1d6e2b7a4953-8d21c4f7b6a3e590`) as [
  string,
  string,
];

let redis: RedisProcess;
let watch: CommandWatch;
beforeAll(async () => {
  redis = await startRedis();
  watch = await watchCommands(redis.port);
});

@Controller()
class CachedController {
  @Get('cached')
  @Header('cache-control', 'public, max-age=60')
  @Header('vary', 'Accept-Encoding')
  cached(@Session() session: AnySession): unknown {
    return session.value ?? 'none';
  }
}

eachAdapter('the cookie', (adapter) => {
  const sites: Playground[] = [];
  afterEach(async () => {
    await Promise.all(sites.splice(0).map((site) => site.close()));
  });

  const start = async (options: SessionModuleOptions = {}): Promise<Playground> => {
    const all = { ...redisAt(redis), storeGuests: true, ...options };
    const site = await startPlayground(adapter, all, { module: { controllers: [CachedController] } });
    sites.push(site);
    return site;
  };
  const store = async (site: Playground, value: string): Promise<Browser> => {
    const browser = new Browser(site.url);
    await site.visit(browser, (session) => void (session.value = value));
    return browser;
  };
  const valueOf = async (site: Playground, browser: Browser): Promise<unknown> =>
    (await site.visit(browser, ({ value }) => value)).result;
  /** A browser that always sends these, whatever it is told. */
  const sending = (site: Playground, ...values: string[]): Browser => {
    const browser = new Browser(site.url);
    values.forEach((value, at) => browser.jar.store({ name: 'sid', value, path: at === 0 ? '/visit' : '/' }));
    return browser;
  };

  describe('its attributes', () => {
    it.each<[string, CookieOptions, string, Record<string, unknown>, readonly string[]]>([
      [
        'by default',
        {},
        'sid',
        { path: '/', httpOnly: true, sameSite: 'lax' },
        ['secure', 'domain', 'maxAge', 'expires'],
      ],
      ['named', { name: 'shop' }, 'shop', { path: '/' }, []],
      ['for a path', { path: '/visit' }, 'sid', { path: '/visit' }, []],
      ['for a domain', { domain: 'shop.example' }, 'sid', { domain: 'shop.example' }, []],
      ['strict', { sameSite: 'strict' }, 'sid', { sameSite: 'strict' }, []],
      ['for a time', { maxAgeSeconds: 3600 }, 'sid', { maxAge: 3600 }, ['expires']],
      ['secure', { secure: true }, '__Host-sid', { secure: true, path: '/' }, ['domain']],
      ['secure, with a domain', { secure: true, domain: 'shop.example' }, 'sid', { secure: true }, []],
      ['secure and named', { secure: true, name: 'shop' }, 'shop', { secure: true }, []],
      [
        'for other sites',
        { secure: true, sameSite: 'none' },
        '__Host-sid',
        { sameSite: 'none', secure: true },
        [],
      ],
      ['partitioned', { secure: true, partitioned: true }, '__Host-sid', { partitioned: true }, []],
    ])('%s', async (_name, cookie, name, present, absent) => {
      const site = await start({ cookie });
      const browser = new Browser(site.url);
      const { response } = await site.visit(browser, (session) => void (session.value = 'kept'));
      const [received] = response.setCookies;
      expect(response.setCookies).toHaveLength(1);
      expect(received).toMatchObject({ name, httpOnly: true, ...present });
      for (const attribute of absent) expect(received).not.toHaveProperty(attribute);
      expect(await valueOf(site, browser)).toBe('kept');

      const { response: goodbye } = await site.visit(browser, (session) => session.destroy());
      expect(goodbye.setCookies[0]).toMatchObject({ name, value: '', ...present, maxAge: 0 });
      expect(browser.cookie(name)).toBeUndefined();
    });

    it('is set when the session begins or changes its name, and not again', async () => {
      const site = await start();
      const browser = await store(site, 'a');
      const { response } = await site.visit(browser, (session) => void (session.value = 'b'));
      expect(response.setCookies).toEqual([]);
      const renewed = await site.visit(browser, (session) => session.regenerateId());
      expect(renewed.response.setCookies).toHaveLength(1);
    });

    it('leaves the application’s own Cache-Control and joins its Vary', async () => {
      const site = await start();
      const response = await new Browser(site.url).get('/cached');
      expect(response.headers['cache-control']).toBe('public, max-age=60');
      expect(response.headers.vary).toMatch(/Accept-Encoding/);
      expect(response.headers.vary).toMatch(/Cookie/);
    });
  });

  describe('several of the same name (cookie tossing)', () => {
    it.each([
      ['bad;good', (good: string) => ['B'.repeat(47), good]],
      ['good;bad', (good: string) => [good, 'B'.repeat(47)]],
      ['garbage;good', (good: string) => ['"; drop', good]],
      ['good;good', (good: string) => [good, good]],
    ])('%s finds the good one', async (_name, values) => {
      const site = await start();
      const good = (await store(site, 'mine')).cookie('sid') ?? '';
      expect(await valueOf(site, sending(site, ...values(good)))).toBe('mine');
    });

    it('two live ones are nobody’s: anonymous, with a warning, and both sessions untouched', async () => {
      const site = await start();
      const [one, two] = [await store(site, 'one'), await store(site, 'two')];
      const browser = sending(site, one.cookie('sid') ?? '', two.cookie('sid') ?? '');
      site.log.clear();
      expect(await valueOf(site, browser)).toBeUndefined();
      expect(site.log.messages('warn')).toHaveLength(1);
      expect([await valueOf(site, one), await valueOf(site, two)]).toEqual(['one', 'two']);
    });

    it.each([
      [16, 16],
      [17, 0],
      [50, 0],
    ])("of %i, %i are looked at: more than 16 are somebody's attack", async (count, looks) => {
      const site = await start();
      await watch.take();
      const tokens = Array.from({ length: count }, (_, at) => String(at).padStart(47, 'A'));
      const cookie = tokens.map((token) => `sid=${token}`).join('; ');
      expect((await new Browser(site.url).get('/cached', { cookie })).text).toBe('none');
      expect((await takeTraffic(watch)).filter((name) => name === 'load')).toHaveLength(looks);
    });
  });

  describe('signed', () => {
    it('carries a signature, and the session is found by it', async () => {
      const site = await start({ secrets: [SECRETS[0]] });
      const browser = await store(site, 'signed');
      expect(browser.cookie('sid')).toMatch(/^[\w-]{47}\.[\w-]{43}$/);
      expect(await valueOf(site, browser)).toBe('signed');
    });

    it('secrets are rotated without logging anyone out: the first signs, all verify', async () => {
      const before = await start({ secrets: [SECRETS[0]] });
      const cookie = (await store(before, 'kept')).cookie('sid') ?? '';
      const during = await start({ secrets: [SECRETS[1], SECRETS[0]] });
      expect(await valueOf(during, sending(during, cookie))).toBe('kept');
      const fresh = (await store(during, 'new')).cookie('sid') ?? '';
      const after = await start({ secrets: [SECRETS[1]] });
      expect(await valueOf(after, sending(after, fresh))).toBe('new');
      expect(await valueOf(after, sending(after, cookie))).toBeUndefined();
    });

    it.each([
      ['unsigned', (token: string) => token],
      ['with another signature', (token: string) => `${token}.${'A'.repeat(43)}`],
      ['with an empty signature', (token: string) => `${token}.`],
      ['of another token', (token: string, mac: string) => `${'C'.repeat(47)}.${token === '' ? '' : mac}`],
    ])('a token %s never reaches Redis', async (_name, forge) => {
      const site = await start({ secrets: [SECRETS[0]] });
      const [token = '', mac = ''] = ((await store(site, 'mine')).cookie('sid') ?? '').split('.');
      await watch.take();
      expect(await valueOf(site, sending(site, forge(token, mac)))).toBeUndefined();
      expect(await takeTraffic(watch)).toEqual([]);
    });
  });
});

/** Fastify takes its trust in proxies only when it is made, so the helpers' application will not do. */
async function startBehindProxy(adapter: Adapter, trusted: boolean): Promise<string> {
  @Controller()
  class ProxiedController {
    @Get('handler')
    handler(@Session() session: AnySession): unknown {
      session.value = 'from the handler';
      return 'ok';
    }

    @Get('middleware')
    async middleware(@Req() _request: AnyRequest): Promise<string> {
      return 'ok';
    }
  }
  const module = {
    module: class ProxiedModule {},
    imports: [RedisSessionModule.forRoot({ ...redisAt(redis), storeGuests: true })],
    controllers: [ProxiedController],
  };
  let app: INestApplication;
  if (adapter === 'express') {
    const express = await NestFactory.create<NestExpressApplication>(module, new ExpressAdapter(), {
      logger: false,
    });
    express.set('trust proxy', trusted);
    app = express;
  } else {
    const fastify = new FastifyAdapter({ trustProxy: trusted });
    app = await NestFactory.create<NestFastifyApplication>(module, fastify, { logger: false });
  }
  const sessions = app.get(SessionService);
  app.use(async (request: IncomingMessage, _response: ServerResponse, next: () => void) => {
    if (request.url === '/middleware')
      (await sessions.of<{ value?: string }>(request)).value = 'from middleware';
    next();
  });
  onCleanup(() => app.close());
  await app.listen(0, '127.0.0.1');
  return app.getUrl();
}

eachAdapter('secure: auto', (adapter) => {
  const https = { headers: { 'x-forwarded-proto': 'https' } };

  it.each(['/handler', '/middleware'])(
    'is Secure and __Host- over TLS behind a trusted proxy, from %s',
    async (path) => {
      const browser = new Browser(await startBehindProxy(adapter, true));
      const first = await browser.get(path, https);
      expect(first.setCookies).toMatchObject([{ name: '__Host-sid', secure: true, path: '/' }]);
      // And it is found again, so no second one is set.
      expect((await browser.get(path, https)).setCookies).toEqual([]);
      expect((await browser.get('/handler', https)).setCookies).toEqual([]);
    },
  );

  it.each(['/handler', '/middleware'])('is plain over HTTP, from %s', async (path) => {
    const response = await new Browser(await startBehindProxy(adapter, true)).get(path);
    expect(response.setCookies).toMatchObject([{ name: 'sid' }]);
    expect(response.setCookies[0]?.secure).toBeUndefined();
  });

  it('believes no proxy that the framework does not trust', async () => {
    const response = await new Browser(await startBehindProxy(adapter, false)).get('/handler', https);
    expect(response.setCookies).toMatchObject([{ name: 'sid' }]);
  });
});
