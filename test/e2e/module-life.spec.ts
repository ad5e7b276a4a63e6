import {
  Catch,
  Controller,
  Get,
  Inject,
  Module,
  type ArgumentsHost,
  type ExceptionFilter,
} from '@nestjs/common';
import { APP_FILTER, HttpAdapterHost, NestFactory } from '@nestjs/core';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { Redis as RedisOfVersion5 } from 'ioredis-v5';
import {
  RedisSessionModule,
  SessionLimitError,
  SessionService,
  type SessionModuleOptions,
} from 'nestjs-redis-session';
import { eachAdapter, LogSink, startApp } from '../support/apps.js';
import { onCleanup } from '../support/cleanup.js';
import { Browser } from '../support/cookie-jar.js';
import { eventually } from '../support/eventually.js';
import { startRedis, type RedisProcess } from '../support/redis-server.js';
import { observer, probe, type SessionView } from './fixtures/probe.js';

let redis: RedisProcess;
let store: Redis;

beforeAll(async () => {
  redis = await startRedis();
  store = observer(redis.port);
});

function options(clusterId: string): SessionModuleOptions {
  return { clusterId, storeGuests: true, redis: { host: redis.host, port: redis.port } };
}

eachAdapter('isGlobal', (adapter) => {
  @Controller('feature')
  class FeatureController {
    constructor(@Inject(SessionService) readonly sessions: SessionService) {}
    @Get() greet(): string {
      return 'served';
    }
  }

  it('lets every module inject SessionService', async () => {
    @Module({ controllers: [FeatureController] })
    class FeatureModule {}
    const { url } = await startApp(adapter, probe(RedisSessionModule.forRoot(), FeatureModule));
    expect((await new Browser(url).get('/feature')).text).toBe('served');
  });

  it('set to false, only those that import the module', async () => {
    const sessions = RedisSessionModule.forRoot({ isGlobal: false });
    @Module({ controllers: [FeatureController] })
    class WithoutImport {}
    @Module({ imports: [sessions], controllers: [FeatureController] })
    class WithImport {}
    await expect(startApp(adapter, probe(sessions, WithoutImport))).rejects.toThrow(/SessionService/);
    const { url } = await startApp(adapter, probe(sessions, WithImport));
    const browser = new Browser(url);
    expect((await browser.get('/feature')).text).toBe('served');
    await browser.post('/session', { fruit: 'apple' });
    expect((await browser.get('/session')).json<SessionView>().attributes).toEqual({ fruit: 'apple' });
  });
});

eachAdapter('globalInterceptor', (adapter) => {
  @Catch(SessionLimitError)
  class TooMuch implements ExceptionFilter {
    constructor(@Inject(HttpAdapterHost) readonly host: HttpAdapterHost) {}
    catch(_error: unknown, host: ArgumentsHost): void {
      this.host.httpAdapter.reply(host.switchToHttp().getResponse(), 'too much', 507);
    }
  }

  it.each([
    [true, 507],
    [false, 500],
  ])('%s: a save that fails is answered %i, by the exception filter or without it', async (on, status) => {
    const logger = new LogSink();
    const sessions = RedisSessionModule.forRoot({ maxSessionBytes: 50, globalInterceptor: on });
    const metadata = { ...probe(sessions), providers: [{ provide: APP_FILTER, useClass: TooMuch }] };
    const { url } = await startApp(adapter, metadata, { logger });
    const browser = new Browser(url);
    expect((await browser.post('/session', { fruit: 'apple' })).status).toBe(201);
    expect((await browser.get('/session')).json<SessionView>().attributes).toEqual({ fruit: 'apple' });
    expect((await browser.post('/session', { fruit: 'x'.repeat(100) })).status).toBe(status);
    expect((await browser.get('/session')).json<SessionView>().attributes).toEqual({ fruit: 'apple' });
    const attached = logger.messages().filter((message) => message.includes(' attached to '));
    expect(attached).toHaveLength(1);
    expect(/^RedisSessionInterceptor attached/m.test(attached[0] ?? '')).toBe(on);
  });
});

eachAdapter('applications', (adapter) => {
  it('two in one process have sessions of their own', async () => {
    const names = [`${adapter}-one`, `${adapter}-two`];
    const apps = await Promise.all(
      names.map((name) => startApp(adapter, probe(RedisSessionModule.forRoot(options(name))))),
    );
    const [one, two] = apps.map(({ url }) => new Browser(url));
    await one?.post('/session', { of: 'one' });
    await two?.post('/session', { of: 'two' });
    expect((await one?.get('/session'))?.json<SessionView>().attributes).toEqual({ of: 'one' });
    expect((await two?.get('/session'))?.json<SessionView>().attributes).toEqual({ of: 'two' });
    for (const name of names) expect(await store.keys(`${name}:session:{*`)).toHaveLength(1);
    // A cookie of one is nobody to the other.
    const stranger = await two?.get('/session', { cookie: `sid=${one?.cookie('sid')}` });
    expect(stranger?.json<SessionView>()).toMatchObject({ isNew: true, attributes: {} });
  });

  it('close their connections when they are closed', async () => {
    const before = await connections();
    const { url, close } = await startApp(adapter, probe(RedisSessionModule.forRoot(options('closing'))));
    await new Browser(url).post('/session', { fruit: 'apple' });
    expect(await connections()).toBeGreaterThan(before);
    await close();
    expect(await connections()).toBe(before);
  });
});

describe('an application context without HTTP', () => {
  it('opens, changes and destroys sessions by their id', async () => {
    const { url } = await startApp('express', probe(RedisSessionModule.forRoot(options('jobs'))));
    const browser = new Browser(url);
    const id = (await browser.post('/session', { state: 'queued' })).text;

    class JobModule {}
    const context = await NestFactory.createApplicationContext(
      { module: JobModule, imports: [RedisSessionModule.forRoot(options('jobs'))] },
      { logger: false, abortOnError: false },
    );
    onCleanup(() => context.close());
    const sessions = context.get(SessionService);
    const session = await sessions.open<{ state?: string }>(id);
    expect(session?.state).toBe('queued');
    if (session) session.state = 'done';
    await session?.save();
    expect((await browser.get('/session')).json<SessionView>().attributes).toEqual({ state: 'done' });
    await sessions.destroy(id);
    expect(await sessions.open(id)).toBeUndefined();
    expect((await browser.get('/session')).json<SessionView>().isNew).toBe(true);
  });
});

describe('an injected client', () => {
  it.each([
    ['ioredis 6', () => new Redis(redis.port, '127.0.0.1')],
    // Where an application uses version 5, its types are those the option has.
    ['ioredis 5', () => new RedisOfVersion5(redis.port, '127.0.0.1') as unknown as Redis],
  ])('of %s is used, and left open when the application is closed', async (version, create) => {
    const client = create();
    onCleanup(() => client.disconnect());
    await client.ping();
    const clusterId = version.replace(' ', '-');
    const module = RedisSessionModule.forRoot({ ...options(clusterId), redis: { client } });
    const before = await connections();
    const { url, close } = await startApp('express', probe(module));
    const browser = new Browser(url);
    await browser.post('/session', { cart: ['tea', new Date(0).toISOString()], ünï: '𝄞' });
    await browser.post('/login/ann');
    await browser.post('/mutate');
    const { attributes, principal } = (await browser.get('/session')).json<SessionView>();
    expect(principal).toBe('ann');
    expect(attributes).toEqual({ cart: ['tea', '1970-01-01T00:00:00.000Z', 'more'], ünï: '𝄞' });
    expect(await store.keys(`${clusterId}:session:{*`)).toHaveLength(2); // the session, and the marker of its first id
    // One more, on which this node hears what others tell.
    expect(await connections()).toBe(before + 1);
    await close();
    await eventually('it is closed', async () => ((await connections()) === before ? true : undefined));
    expect(client.status).toBe('ready');
    expect(await client.ping()).toBe('PONG');
  });
});

async function connections(): Promise<number> {
  const list = (await store.client('LIST')) as string;
  return list.trim().split('\n').length;
}
