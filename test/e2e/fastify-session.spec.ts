import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { inspect } from 'node:util';
import {
  SessionDestroyedError,
  SessionReservedMemberError,
  SessionService,
  SessionUsageError,
} from 'nestjs-redis-session';
import { fastifySession } from 'nestjs-redis-session/fastify';
import { MemoryStore } from 'nestjs-redis-session/testing';
import { startApp } from '../support/apps.js';
import { Browser } from '../support/cookie-jar.js';
import { startFastifySite, type FastifySite } from './helpers/fastify-site.js';

let site: FastifySite;
beforeAll(async () => {
  site = await startFastifySite({});
});
afterAll(() => site.close());

const browser = (): Browser => new Browser(site.url);

/** Calls a method with a callback; resolves once that is called, rejects with its error. */
const called = (method: (callback: (error?: unknown) => void) => unknown): Promise<void> =>
  new Promise((resolve, reject) => {
    method((error) => {
      if (error === undefined) resolve();
      else reject(error instanceof Error ? error : new Error('A callback got an error that is none.'));
    });
  });

/** A visitor who has a session with something in it. */
async function returning(attributes: Record<string, unknown> = { cart: 'tea' }): Promise<Browser> {
  const visitor = browser();
  await site.visit(visitor, ({ session }) => void Object.assign(session, attributes));
  return visitor;
}

/** What another request sees. */
const stored = (visitor: Browser): Promise<object> =>
  site.visit(visitor, ({ session }) => ({ ...session, cookie: undefined })).then(({ result }) => result);

describe('request.session', () => {
  it('has get and set, and attributes as properties, which the next request sees', async () => {
    const visitor = browser();
    const { response } = await site.visit(visitor, ({ session }) => {
      session.set('cart', ['tea']);
      session['views'] = 1;
      session.set('gone', 1);
      session.set('gone', undefined);
      expect([session.get('cart'), session.get('views'), session.get('other')]).toEqual([
        ['tea'],
        1,
        undefined,
      ]);
    });
    expect(response.setCookies).toHaveLength(1);
    expect(await stored(visitor)).toEqual({ cart: ['tea'], views: 1 });
  });

  it('sets no cookie for a new session that stays empty', async () => {
    const { response } = await site.visit(browser(), ({ session }) => Object.keys(session));
    expect(response.setCookies).toEqual([]);
    expect(response.json()).toEqual(['cookie']);
  });

  it('is a view of the one session that @Session() and guards see', async () => {
    const visitor = await returning();
    const { result } = await site.visit(visitor, async (request) => {
      const own = await site.app.get(SessionService).of<Record<string, unknown>>(request as never);
      own['views'] = 5;
      expect([request.session['views'], request.session.id]).toEqual([5, own.id]);
      return request.session.sessionId;
    });
    expect(await site.seenByNest(visitor)).toMatchObject({
      id: result,
      attributes: { cart: 'tea', views: 5 },
    });
  });

  it('has a sessionId that opens nothing, and neither the value of the cookie nor a store', async () => {
    const visitor = await returning();
    await site.visit(visitor, (request) => {
      const { session } = request;
      expect(visitor.jar.header('/')).not.toContain(session.sessionId);
      expect(() => Reflect.get(session, 'encryptedSessionId')).toThrow(SessionUsageError);
      expect(() => request.sessionStore).toThrow(SessionUsageError);
      expect(() => (session['sessionId' as string] = 'mine')).toThrow(SessionReservedMemberError);
      expect(() => (request.session = null as never)).toThrow(/cannot be assigned to/);
      expect(inspect(session)).toBe(`Session ${JSON.stringify({ id: session.id, attributes: ['cart'] })}`);
    });
  });

  it('tells whether it has changes, and whether it was saved', async () => {
    await site.visit(await returning(), async ({ session }) => {
      expect([session.isModified(), session.isSaved()]).toEqual([false, false]);
      session.set('cart', 'milk');
      expect(session.isModified()).toBe(true);
      await session.save();
      expect([session.isModified(), session.isSaved()]).toEqual([false, true]);
    });
  });

  it('has a cookie whose life is set by options() or itself, in milliseconds', async () => {
    const visitor = await returning();
    const { response } = await site.visit(visitor, ({ session }) => {
      session.options({ maxAge: 3_600_000, path: '/' });
      expect(session.cookie.originalMaxAge).toBe(3_600_000);
      expect(() => session.options({ path: '/elsewhere' })).toThrow(/COOKIE_PATH/);
      expect(() => session.options({ signed: true } as never)).toThrow(/no option 'signed'/);
      expect(session.touched).toBe(false);
      session.touch();
      expect(session.touched).toBe(true);
    });
    expect(response.setCookies).toMatchObject([{ maxAge: 3600 }]);
    const { result } = await site.visit(visitor, ({ session }) => session.maxInactiveInterval);
    expect(result).toBe(3600);
  });
});

describe('the methods of request.session', () => {
  it.each([
    ['a promise', false],
    ['a callback', true],
  ])('regenerate, save, reload and destroy tell that they are done by %s', async (_how, byCallback) => {
    const visitor = await returning({ cart: 'tea', views: 1 });
    const old = visitor.clone();
    await site.visit(visitor, async (request) => {
      const before = request.session;
      await (byCallback ? called((done) => before.regenerate(done)) : before.regenerate());
      const after = request.session;
      expect([after === before, after['cart'], before['cart']]).toEqual([false, undefined, 'tea']);
      expect(after.sessionId).not.toBe(before.sessionId);
      after.set('n', 1);
      await (byCallback ? called((done) => after.save(done)) : after.save());
      after.set('n', 2);
      await (byCallback ? called((done) => after.reload(done)) : after.reload());
      expect([request.session === after, request.session.get('n')]).toEqual([false, 1]);
    });
    expect(await stored(old)).toEqual({});
    expect(await stored(visitor)).toEqual({ n: 1 });
    const { response } = await site.visit(visitor, async (request) => {
      const { session } = request;
      await (byCallback ? called((done) => session.destroy(done)) : session.destroy());
      expect(request.session).toBeNull();
      await expect(session.save()).rejects.toThrow(SessionDestroyedError);
      await expect(called((done) => session.reload(done))).rejects.toThrow(/Use request\.session/);
    });
    expect(response.setCookies).toMatchObject([{ maxAge: 0 }]);
  });

  it('regenerate() keeps the attributes that are named, and the life that options() has said', async () => {
    const visitor = await returning({ cart: 'tea', views: 1 });
    const { response } = await site.visit(visitor, async (request) => {
      request.session.options({ maxAge: 60_000 });
      await request.session.regenerate(['cart', 'unknown', 'cookie']);
      await called((done) => request.session.regenerate(['cart', 'cookie'], done));
    });
    expect(response.setCookies).toMatchObject([{ maxAge: 60 }]);
    expect(await stored(visitor)).toEqual({ cart: 'tea' });
  });

  it('of an object whose session has ended elsewhere tell so, and the process goes on', async () => {
    const visitor = await returning();
    await site.visit(visitor, async ({ session }) => {
      await site.visit(visitor.clone(), (other) => other.session.destroy());
      session.set('late', true);
      await expect(called((done) => session.save(done))).rejects.toThrow(/ended/);
      void session.save();
    });
    expect(await stored(visitor)).toEqual({});
  });
});

describe('a login', () => {
  let shop: FastifySite;
  beforeAll(async () => {
    shop = await startFastifySite(
      {},
      { fastify: { principal: (session) => session['userId'] as string | undefined } },
    );
  });
  afterAll(() => shop.close());

  it('is a user who is put into a regenerated session: before the response, under a token of its own', async () => {
    const visitor = new Browser(shop.url);
    await shop.visit(visitor, ({ session }) => session.set('cart', 'tea'));
    const { result: anonymous } = await shop.visit(visitor, async (request) => {
      await request.session.regenerate(['cart']);
      const { sessionId } = request.session;
      request.session.set('userId', 'ann');
      return sessionId;
    });
    const seen = await shop.seenByNest(visitor);
    expect(seen).toMatchObject({ principal: 'ann', attributes: { cart: 'tea', userId: 'ann' } });
    expect(seen.id).not.toBe(anonymous);
  });

  it('is a user who is taken along by regenerate(): the same one again, now, under a token of its own', async () => {
    const visitor = new Browser(shop.url);
    await shop.visit(visitor, ({ session }) =>
      session.authenticate('ann').then(() => session.set('userId', 'ann')),
    );
    const before = await shop.seenByNest(visitor);
    await shop.visit(visitor, ({ session }) => session.regenerate(['userId']));
    const after = await shop.seenByNest(visitor);
    expect(after).toMatchObject({ principal: 'ann', attributes: { userId: 'ann' } });
    expect(after.id).not.toBe(before.id);
    expect(shop.events.at(-1)).toMatchObject({ type: 'authenticated', principal: 'ann', id: after.id });
  });

  it('is a user who is saved', async () => {
    const visitor = new Browser(shop.url);
    await shop.visit(visitor, async ({ session }) => {
      session.set('userId', 'bob');
      await session.save();
      expect(session.principal).toBe('bob');
    });
    expect(await shop.seenByNest(visitor)).toMatchObject({ principal: 'bob' });
  });

  it('is not one who is only assigned, which is told', async () => {
    const visitor = new Browser(shop.url);
    await shop.visit(visitor, ({ session }) => session.set('userId', 'eve'));
    expect(await shop.seenByNest(visitor)).not.toHaveProperty('principal');
    expect(shop.log.text()).toMatch(/holds a user who has not logged in by it[^]*request\.logIn\(\)/);
  });

  it('ends when the user is taken out of the session', async () => {
    const visitor = new Browser(shop.url);
    await shop.visit(visitor, ({ session }) =>
      session.authenticate('ann').then(() => session.set('userId', 'ann')),
    );
    await shop.visit(visitor, ({ session }) => session.set('userId', undefined));
    expect(await shop.seenByNest(visitor)).toMatchObject({ attributes: {} });
    expect(shop.events.at(-1)).toMatchObject({ type: 'destroyed' });
  });
});

describe('fastifySession()', () => {
  it('is there for the routes of the context that registers it', async () => {
    const { url, close } = await startPlain(async (app) => {
      const instance = app.getHttpAdapter().getInstance();
      await instance.register(async (scope) => {
        await scope.register(fastifySession(app));
        scope.get('/within', (request) => 'session' in request);
      });
      instance.get('/outside', (request) => 'session' in request);
    });
    const visitor = new Browser(url);
    expect([(await visitor.get('/within')).text, (await visitor.get('/outside')).text]).toEqual([
      'true',
      'false',
    ]);
    await close();
  });

  it('does nothing where it is registered already', async () => {
    const twice = await startFastifySite(
      {},
      { plugins: async (app) => void (await app.register(fastifySession(app))) },
    );
    const visitor = new Browser(twice.url);
    await twice.visit(visitor, ({ session }) => session.set('n', 1));
    expect((await twice.visit(visitor, ({ session }) => session.get('n'))).result).toBe(1);
    await twice.close();
  });

  it('refuses a request.session of another plugin', async () => {
    const taken = startFastifySite(
      {},
      { before: async (app) => void app.getHttpAdapter().getInstance().decorateRequest('session', null) },
    );
    await expect(taken).rejects.toThrow(/another session plugin \(@fastify\/session/);
  });

  it('refuses the options of @fastify/session, and what is no application on Fastify with the module', async () => {
    expect(() => fastifySession(site.app, { secret: 'x' } as never)).toThrow(/REDIS_SESSION_SECRETS/);
    expect(() => fastifySession(site.app, { principal: 'x' } as never)).toThrow(
      /principal of fastifySession\(\)/,
    );
    expect(() => fastifySession(undefined as never)).toThrow(/await app\.register\(fastifySession\(app\)\)/);
    const express = await startApp('express', {});
    expect(() => fastifySession(express.app)).toThrow(
      /is for applications on Fastify; this one is on express/,
    );
    const without = await startApp('fastify', {});
    expect(() => fastifySession(without.app)).toThrow(/needs the session module/);
  });

  it('answers 503 where the session cannot be loaded', async () => {
    const store = new MemoryStore();
    const down = await startFastifySite({ store });
    const visitor = new Browser(down.url);
    await down.visit(visitor, ({ session }) => session.set('n', 1));
    await store.close();
    const { status, headers } = await visitor.get('/anywhere');
    expect([status, headers['retry-after']]).toEqual([503, '1']);
    await down.close();
  });
});

/** One with the module and nothing else. */
async function startPlain(
  configure: (app: NestFastifyApplication) => Promise<void>,
): ReturnType<typeof startApp> {
  const { RedisSessionModule } = await import('nestjs-redis-session');
  return startApp(
    'fastify',
    { imports: [RedisSessionModule.forRoot({})] },
    { configure: (app) => configure(app as NestFastifyApplication) },
  );
}
