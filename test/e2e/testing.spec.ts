import { describe, expect, it } from '@jest/globals';
import { Controller, Get, Inject } from '@nestjs/common';
import { ConfigModule } from '@nestjs/config';
import { ExpressAdapter } from '@nestjs/platform-express';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import {
  REDIS_SESSION_OPTIONS,
  RedisSessionModule,
  Session,
  SessionService,
  type HttpSession,
  type SessionModuleOptions,
  type SessionStore,
} from 'nestjs-redis-session';
import { loginAs, MemoryStore, type LoginAsOptions } from 'nestjs-redis-session/testing';
import { randomBytes } from 'node:crypto';
import { eachAdapter, LogSink, startApp, type Adapter, type StartedApp } from '../support/apps.js';
import { onCleanup } from '../support/cleanup.js';
import { Browser } from '../support/cookie-jar.js';
import { freePort } from '../support/free-port.js';
import { startRedis } from '../support/redis-server.js';
import { configModule, probe, type SessionView } from './fixtures/probe.js';

const SECRET = 'Tr0ub4dor-horse-battery-lamp-moon-7';

function start(adapter: Adapter, options: SessionModuleOptions, logger = new LogSink()): Promise<StartedApp> {
  return startApp(adapter, probe(RedisSessionModule.forRoot(options)), { logger });
}

/** What a request with these headers sees. */
async function seen({ url }: StartedApp, headers: Record<string, string>): Promise<SessionView> {
  return (await new Browser(url).get('/session', { headers })).json();
}

eachAdapter('loginAs', (adapter) => {
  it.each<[string, SessionModuleOptions, LoginAsOptions?]>([
    ['by default', {}],
    ['with signed cookies', { secrets: [SECRET] }],
    ['with a Secure cookie', { cookie: { secure: true } }],
    ['with a name and a path', { cookie: { name: 'shop', path: '/session' } }],
  ])('logs in %s', async (_how, options) => {
    const started = await start(adapter, options);
    const cookie = await loginAs(started.app, 'ann', { cart: ['tea'] });
    expect(cookie).toMatch(/^[\w-]+=\S+$/);
    expect(await seen(started, { cookie })).toMatchObject({
      principal: 'ann',
      attributes: { cart: ['tea'] },
      isNew: false,
    });
  });

  it('logs in for requests over HTTPS, whose cookie has another name', async () => {
    const started = await start(adapter, {});
    expect(await loginAs(started.app, 7, {}, { secure: true })).toMatch(/^__Host-sid=/);
    expect(await loginAs(started.app, 7)).toMatch(/^sid=/);
  });

  it.each([
    ['authorization', /^Session \S+$/],
    ['x-session', /^\S+$/],
  ])('answers the header %s where the token travels in that', async (header, shape) => {
    const started = await start(adapter, { transport: { header }, secrets: [SECRET] });
    const value = await loginAs(started.app, 'ann');
    expect(value).toMatch(shape);
    expect(await seen(started, { [header]: value })).toMatchObject({ principal: 'ann' });
  });

  it('logs in, in Redis, for its whole life, and each time somebody else', async () => {
    const redis = await startRedis();
    const started = await start(adapter, { redis: { url: redis.url } });
    const [ann, bob] = [await loginAs(started.app, 'ann'), await loginAs(started.app, 'bob')];
    const other = await start(adapter, { redis: { url: redis.url } });
    expect(await seen(other, { cookie: ann })).toMatchObject({ principal: 'ann', attributes: {} });
    expect(await seen(other, { cookie: bob })).toMatchObject({ principal: 'bob' });
  });

  it('rejects with what a handler would get', async () => {
    const started = await start(adapter, {});
    await expect(loginAs(started.app, '')).rejects.toThrow(/takes who logs in as a non-empty string/);
    const without = await startApp(adapter, {});
    await expect(loginAs(without.app, 'ann')).rejects.toThrow(/imports RedisSessionModule/);
    await expect(loginAs(undefined as never, 'ann')).rejects.toThrow(/takes the Nest application/);
  });
});

eachAdapter('the option store', (adapter) => {
  it('is where sessions live, of two applications if they share it, and after one is closed', async () => {
    const store = new MemoryStore();
    const log = new LogSink();
    const [one, two] = [await start(adapter, { store }, log), await start(adapter, { store })];
    const cookie = await loginAs(one.app, 'ann', { cart: ['tea'] });
    expect(store.size).toBeGreaterThan(0);
    await one.close();
    expect(await seen(two, { cookie })).toMatchObject({ principal: 'ann', attributes: { cart: ['tea'] } });
    expect(log.text()).toMatch(/Sessions in the store that code gives[^]*\[✓\] store: MemoryStore/);
    expect(log.text()).not.toMatch(/ENABLED|HOST|MEMORY_MAX|end with it|Without effect/);
  });

  it('is behind the encryption that is asked for', async () => {
    const store = new MemoryStore();
    const key = randomBytes(32).toString('base64');
    const encrypted = await start(adapter, { store, codec: 'json', encryptionKeys: [key] });
    const cookie = await loginAs(encrypted.app, 'ann', { cart: ['tea'] });
    expect(await seen(encrypted, { cookie })).toMatchObject({ principal: 'ann' });
    // Who has no key reads nothing of it.
    expect(await seen(await start(adapter, { store, codec: 'json' }), { cookie })).not.toHaveProperty(
      'principal',
    );
  });

  it('answers 503 when it fails', async () => {
    const store: SessionStore = new MemoryStore();
    const started = await start(adapter, { store });
    const cookie = await loginAs(started.app, 'ann');
    await store.close();
    const answer = await new Browser(started.url).get('/session', { headers: { cookie } });
    expect(answer.status).toBe(503);
  });
});

describe('Test.createTestingModule', () => {
  it('takes other options of the session module, also where ConfigService says where Redis is', async () => {
    const nowhere = String(await freePort());
    const config = configModule({ REDIS_SESSION_ENABLED: 'true', REDIS_SESSION_PORT: nowhere });
    const application = probe(config, RedisSessionModule.forRootAsync());
    const module = await Test.createTestingModule(application)
      .overrideProvider(REDIS_SESSION_OPTIONS)
      .useValue({ store: new MemoryStore() })
      .compile();
    const logger = new LogSink();
    const app = module.createNestApplication<NestFastifyApplication>(new FastifyAdapter(), { logger });
    onCleanup(() => app.close());
    await app.init();
    const headers = { cookie: await loginAs(app, 'ann', { views: 3 }) };
    const answer = await app.inject({ url: '/session', headers });
    expect(answer.json()).toMatchObject({ principal: 'ann', attributes: { views: 3 } });
    expect(logger.text()).not.toMatch(/Successful/);
  });

  it('takes them where code decides', async () => {
    const application = probe(
      ConfigModule.forRoot({ ignoreEnvFile: true }),
      RedisSessionModule.forRootAsync({ useFactory: () => ({ redis: { host: 'nowhere.invalid' } }) }),
    );
    const module = await Test.createTestingModule(application)
      .overrideProvider(REDIS_SESSION_OPTIONS)
      .useValue({ cookie: { name: 'tested' } })
      .compile();
    const app = await module.createNestApplication(new FastifyAdapter()).init();
    onCleanup(() => app.close());
    expect(await loginAs(app, 'ann')).toMatch(/^tested=/);
  });

  it.each([
    ['express', () => new ExpressAdapter(), { globalInterceptor: true }],
    ['express', () => new ExpressAdapter(), { globalInterceptor: false }],
    ['fastify', () => new FastifyAdapter(), { globalInterceptor: true }],
    ['fastify', () => new FastifyAdapter(), { globalInterceptor: false }],
  ])('takes a SessionService that has only what the test needs: %s, %#', async (_name, adapter, options) => {
    class CountController {
      constructor(readonly sessions: SessionService) {}
      async count(session: HttpSession): Promise<unknown> {
        return { who: session.principal, count: await this.sessions.count('ann') };
      }
    }
    Get('count')(
      CountController.prototype,
      'count',
      Object.getOwnPropertyDescriptor(CountController.prototype, 'count') ?? {},
    );
    Session()(CountController.prototype, 'count', 0);
    Inject(SessionService)(CountController, undefined, 0);
    Controller()(CountController);
    const module = await Test.createTestingModule({
      imports: [RedisSessionModule.forRoot(options)],
      controllers: [CountController],
    })
      .overrideProvider(SessionService)
      .useValue({ of: () => Promise.resolve({ principal: 'ann' }), count: () => Promise.resolve(3) })
      .compile();
    const app = module.createNestApplication(adapter(), { logger: new LogSink() });
    await app.listen(0, '127.0.0.1');
    const answer = await new Browser(await app.getUrl()).get('/count');
    expect([answer.status, answer.json()]).toEqual([200, { who: 'ann', count: 3 }]);
    await app.close();
  });
});
