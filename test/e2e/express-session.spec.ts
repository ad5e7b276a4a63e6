import { type ServerResponse } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  SessionDestroyedError,
  SessionReservedMemberError,
  SessionService,
  SessionUsageError,
} from 'nestjs-redis-session';
import { expressSession, type AnyExpressSession } from 'nestjs-redis-session/express';
import { startApp } from '../support/apps.js';
import { type NestExpressApplication } from '@nestjs/platform-express';
import { Browser } from '../support/cookie-jar.js';
import { called, startExpressSite, type ExpressSite, type SessionRequest } from './helpers/express-site.js';

/*
 * The shape of express-session's own suite. Each title is a row of docs/passport.md, which says of each whether it is as
 * there or differs by design: test/unit/express-session-table.spec.ts compares the two.
 */

let site: ExpressSite;
beforeAll(async () => {
  site = await startExpressSite({});
});
afterAll(() => site.close());

const browser = (): Browser => new Browser(site.url);

/** A visitor who has a session with something in it. */
async function returning(attributes: Record<string, unknown> = { cart: 'tea' }): Promise<Browser> {
  const visitor = browser();
  await site.visit(visitor, ({ session }) => void Object.assign(session, attributes));
  return visitor;
}

/** What another request sees. */
const stored = (visitor: Browser): Promise<unknown> =>
  site.visit(visitor, ({ session }) => attributesOf(session)).then(({ result }) => result);

function attributesOf(session: AnyExpressSession): object {
  const { cookie: _cookie, ...attributes } = session;
  return attributes;
}

describe('the middleware', () => {
  it('creates a session for a request without a cookie', async () => {
    const { result } = await site.visit(browser(), ({ session, sessionID }) => [
      typeof session,
      sessionID === session.id,
    ]);
    expect(result).toEqual(['object', true]);
  });

  it('loads the session of the cookie', async () => {
    const visitor = browser();
    const { result: id } = await site.visit(visitor, (request) => {
      request.session['views'] = 1;
      return request.sessionID;
    });
    const { result } = await site.visit(visitor, ({ session, sessionID }) => [session['views'], sessionID]);
    expect(result).toEqual([1, id]);
  });

  it('gives each visitor a session of their own', async () => {
    const [ann, bob] = [await returning({ name: 'ann' }), await returning({ name: 'bob' })];
    expect([await stored(ann), await stored(bob)]).toEqual([{ name: 'ann' }, { name: 'bob' }]);
  });

  it('does nothing where it has run before', async () => {
    const twice = await startExpressSite({}, { middleware: (app) => void app.use(expressSession(app)) });
    const visitor = new Browser(twice.url);
    await twice.visit(visitor, ({ session }) => void (session['n'] = 1));
    expect((await twice.visit(visitor, ({ session }) => session['n'])).result).toBe(1);
    await twice.close();
  });

  it('refuses a req.session of another middleware', async () => {
    const taken = await startExpressSite(
      {},
      {
        before: (app) =>
          void app.use((request: { session?: unknown }, _response: unknown, next: () => void) => {
            request.session = {};
            next();
          }),
      },
    );
    expect((await new Browser(taken.url).get('/seen-by-nest')).status).toBe(500);
    expect(taken.log.text()).toContain('another session middleware');
    await taken.close();
  });

  it('gives a new id to a cookie that is unknown, and adopts none', async () => {
    const visitor = await returning();
    const name = visitor.jar.header('/')?.split('=')[0] ?? '';
    const made = 'x'.repeat(47);
    const { response } = await site.visit(
      browser(),
      (request) => {
        request.session['a'] = 1;
      },
      '/',
    );
    expect(response.setCookies).toHaveLength(1);
    const refused = await new Browser(site.url).get('/seen-by-nest', { cookie: `${name}=${made}` });
    expect(refused.json<{ attributes: object }>().attributes).toEqual({});
  });

  it('sets no cookie and stores nothing for a new session that stays empty', async () => {
    const { response } = await site.visit(browser(), ({ session }) => Object.keys(session));
    expect(response.setCookies).toEqual([]);
  });

  it('sets the cookie once, and again only where its life is renewed', async () => {
    const visitor = browser();
    const first = await site.visit(visitor, ({ session }) => void (session['n'] = 1));
    const second = await site.visit(visitor, ({ session }) => void (session['n'] = 2));
    const third = await site.visit(visitor, ({ session }) => void (session.cookie.maxAge = 60_000));
    expect([first, second, third].map(({ response }) => response.setCookies.length)).toEqual([1, 0, 1]);
  });

  it('saves before the response ends, however that is ended', async () => {
    const ways: ((request: SessionRequest, response: ServerResponse) => void)[] = [
      (_request, response) => void response.end('session'),
      (_request, response) => void response.end(),
      (_request, response) => {
        response.write('a');
        response.write('b');
        response.end('c');
      },
      (_request, response) => {
        response.setHeader('Content-Length', '3');
        response.write('abc');
        response.end();
      },
      (_request, response) => {
        response.writeHead(200, { 'X-Own': '1' });
        response.end('x');
      },
    ];
    for (const way of ways) {
      const visitor = browser();
      await site.visit(visitor, (request, response) => {
        request.session['saved'] = true;
        way(request, response);
      });
      expect(await stored(visitor)).toEqual({ saved: true });
    }
  });

  it('keeps cookies that the application sets itself', async () => {
    const { response } = await site.visit(browser(), ({ session }, answer) => {
      session['n'] = 1;
      answer.setHeader('Set-Cookie', 'own=1');
      answer.writeHead(200, { 'Set-Cookie': ['own=1', 'other=2'] });
      answer.end('"ok"');
    });
    expect(response.setCookies.map(({ name }) => name)).toEqual(['own', 'other', 'sid']);
  });
});

describe('req.session', () => {
  it('persists what is assigned, changed inside and deleted', async () => {
    const visitor = await returning({ cart: ['tea'], gone: 1 });
    await site.visit(visitor, ({ session }) => {
      (session['cart'] as string[]).push('milk');
      delete session['gone'];
    });
    expect(await stored(visitor)).toEqual({ cart: ['tea', 'milk'] });
  });

  it('shows attributes and the cookie and nothing else to iteration', async () => {
    const visitor = await returning({ user: 'ann', n: 1 });
    const { result } = await site.visit(visitor, ({ session }) => {
      const iterated: string[] = [];
      for (const key in session) iterated.push(key);
      return {
        iterated,
        keys: Object.keys(session),
        own: [Object.hasOwn(session, 'user'), Object.hasOwn(session, 'save'), Object.hasOwn(session, 'id')],
        in: ['user' in session, 'save' in session, 'cookie' in session, 'nothing' in session],
        old: Object.prototype.hasOwnProperty.call(session, 'n'),
        text: (session as { toString(): string }).toString(),
      };
    });
    expect(result).toEqual({
      iterated: ['cookie', 'user', 'n'],
      keys: ['cookie', 'user', 'n'],
      own: [true, false, false],
      in: [true, true, true, false],
      old: true,
      text: '[object Object]',
    });
  });

  it('is as JSON what express-session stores', async () => {
    const visitor = await returning({ user: 'ann' });
    const { result } = await site.visit(visitor, ({ session }) => JSON.stringify(session));
    expect(JSON.parse(result)).toEqual({
      cookie: {
        originalMaxAge: null,
        expires: null,
        secure: false,
        httpOnly: true,
        path: '/',
        sameSite: 'lax',
      },
      user: 'ann',
    });
  });

  it('is in a log by its id and names, without values', async () => {
    const { inspect } = await import('node:util');
    const visitor = await returning({ secret: 'hunter2' });
    const { result } = await site.visit(visitor, ({ session }) => [inspect(session), session.id]);
    expect(result[0]).toBe(`Session {"id":"${result[1]}","attributes":["secret"]}`);
  });

  it('is a view of the one session that @Session() and guards see', async () => {
    const visitor = await returning({ cart: 'tea' });
    const { result: id } = await site.visit(visitor, ({ session }) => session.id);
    expect(await site.seenByNest(visitor)).toEqual({ attributes: { cart: 'tea' }, id });
    const { result } = await site.visit(visitor, async (request) => {
      const own = await site.app.get(SessionService).of<Record<string, unknown>>(request);
      own['cart'] = 'coffee';
      request.session['other'] = 1;
      return [request.session['cart'], own['other'], request.session.isNew, request.session.principal];
    });
    expect(result).toEqual(['coffee', 1, false, undefined]);
  });

  it('refuses to be assigned to, null included', async () => {
    await site.visit(await returning(), (request) => {
      const same = request.session;
      request.session = same;
      for (const value of [null, undefined, {}])
        expect(() => (request.session = value as never)).toThrow(
          expect.objectContaining({ message: expect.stringContaining('req.session.destroy()') as unknown }),
        );
      expect(() => (request.session = null as never)).toThrow(SessionUsageError);
      expect(() => Reflect.deleteProperty(request, 'session')).not.toThrow();
      expect(request.session).toBe(same);
    });
  });

  it('has an id that is not the cookie, and a sessionID that cannot be assigned to', async () => {
    const visitor = await returning();
    const { result } = await site.visit(visitor, (request) => {
      expect(() => (request.sessionID = 'mine')).toThrow(SessionUsageError);
      expect(() => ((request.session as { id: string }).id = 'mine')).toThrow(SessionReservedMemberError);
      return request.sessionID;
    });
    expect(visitor.jar.header('/')).not.toContain(result);
    expect((await site.app.get(SessionService).open(result))?.id).toBe(result);
  });

  it('has no store', async () => {
    await site.visit(browser(), (request) => {
      expect(() => request.sessionStore).toThrow(SessionUsageError);
      expect(() => request.sessionStore).toThrow(/SessionService/);
      expect(Object.keys({ ...request })).not.toContain('sessionStore');
    });
  });

  it('hides attributes that are named as its members', async () => {
    const visitor = browser();
    await site.visit(visitor, async (request) => {
      const own = await site.app.get(SessionService).of<Record<string, unknown>>(request);
      Object.assign(own, { touch: 1, cookie: 2, req: 3, kept: 4 });
      const { session } = request;
      expect([typeof session.touch, typeof session.cookie, session.req === request]).toEqual([
        'function',
        'object',
        true,
      ]);
      expect(Object.keys(session)).toEqual(['cookie', 'kept']);
    });
  });

  it('refuses attributes that are named as a member', async () => {
    await site.visit(browser(), ({ session }) => {
      for (const name of ['id', 'req', 'save', 'touch', 'principal', 'createdAt'])
        expect(() => ((session as Record<string, unknown>)[name] = 1)).toThrow(SessionReservedMemberError);
      expect(() => Reflect.set(session, Symbol('s'), 1, session)).toThrow(SessionUsageError);
      expect(() => Object.defineProperty(session, 'n', { get: () => 1 })).toThrow(SessionUsageError);
    });
  });

  it('lets an application put a method of its own in the place of one', async () => {
    await site.visit(browser(), async ({ session }) => {
      const { save } = session;
      let saves = 0;
      const counting = (callback: () => void): unknown => {
        saves += 1;
        return save(callback);
      };
      session.save = counting as never;
      session['n'] = 1;
      await called((callback) => session.save(callback));
      expect([saves, Object.keys(session)]).toEqual([1, ['cookie', 'n']]);
      Reflect.deleteProperty(session, 'save');
      await session.save();
      expect(saves).toBe(1);
    });
  });

  it('what is made of it has properties of its own', async () => {
    await site.visit(browser(), ({ session }) => {
      const made = Object.create(session) as Record<string, unknown>;
      made['n'] = 1;
      expect(['n' in session, made['n']]).toEqual([false, 1]);
    });
  });
});

/** A method of express-session. */
interface Method {
  (): unknown;
  (callback: (error?: unknown) => void): unknown;
}

describe.each<[string, (method: Method) => Promise<unknown>]>([
  ['with a callback', (method) => called(method)],
  ['with a promise', async (method) => method()],
])('%s', (_way, call) => {
  it('regenerate() ends the session and begins an empty one under another id', async () => {
    const visitor = await returning({ cart: 'tea' });
    const straggler = visitor.clone();
    const { result } = await site.visit(visitor, async (request) => {
      const before = request.session;
      const { id } = before;
      await call(before.regenerate);
      expect(request.session).not.toBe(before);
      expect([request.session.id === id, request.sessionID === request.session.id]).toEqual([false, true]);
      expect(Object.keys(request.session)).toEqual(['cookie']);
      expect([before['cart'], before.id]).toEqual(['tea', id]);
      request.session['cart'] = 'coffee';
      return request.sessionID;
    });
    expect(await site.seenByNest(visitor)).toMatchObject({ id: result, attributes: { cart: 'coffee' } });
    expect(await stored(straggler)).toEqual({});
  });

  it('destroy() ends the session, and there is no req.session from then on', async () => {
    const visitor = await returning();
    const straggler = visitor.clone();
    const { response } = await site.visit(visitor, async (request) => {
      const before = request.session;
      const done = call(before.destroy);
      expect(request.session).toBeUndefined();
      await done;
      expect([request.session, before['cart']]).toEqual([undefined, 'tea']);
    });
    expect(response.setCookies[0]).toMatchObject({ value: '' });
    expect(await stored(straggler)).toEqual({});
  });

  it('reload() reads the session anew into another object', async () => {
    const visitor = await returning({ n: 1 });
    await site.visit(visitor, async (request) => {
      const before = request.session;
      before['n'] = 2;
      await site.visit(visitor, ({ session }) => void (session['n'] = 3));
      await call(before.reload);
      expect(request.session).not.toBe(before);
      expect([request.session['n'], before['n'], request.session.id]).toEqual([3, 2, before.id]);
    });
    expect(await stored(visitor)).toEqual({ n: 3 });
  });

  it('reload() fails where the session has ended meanwhile, and leaves req.session as it was', async () => {
    const visitor = await returning();
    await site.visit(visitor, async (request) => {
      const before = request.session;
      await site.visit(visitor.clone(), ({ session }) => session.destroy());
      await expect(call(request.session.reload)).rejects.toMatchObject({ code: 'SESSION_GONE' });
      expect(request.session).toBe(before);
    });
  });

  it('save() stores the session at once', async () => {
    const visitor = await returning();
    await site.visit(visitor, async ({ session }) => {
      session['n'] = 1;
      await call(session.save);
      expect(await stored(visitor.clone())).toEqual({ cart: 'tea', n: 1 });
    });
  });

  it('save() tells what went wrong', async () => {
    const visitor = await returning();
    await site
      .visit(visitor, async ({ session }) => {
        await site.visit(visitor.clone(), (other) => other.session.destroy());
        session['n'] = 1;
        await call(session.save);
      })
      .then(
        () => expect('saved').toBe('refused'),
        (error: unknown) => expect(error).toMatchObject({ code: 'SESSION_GONE' }),
      );
  });

  it('touch() and resetMaxAge() start the life of the cookie anew and return the session', async () => {
    await site.visit(browser(), async ({ session }) => {
      session.cookie.maxAge = 60_000;
      expect([session.touch(), session.resetMaxAge()].every((one) => one === session)).toBe(true);
      await call(session.touch);
      await call(session.resetMaxAge);
      expect(session.cookie.originalMaxAge).toBe(60_000);
    });
  });
});

describe('methods', () => {
  it('return the session where they have a callback', async () => {
    await site.visit(browser(), async (request) => {
      const { session } = request;
      session['n'] = 1;
      await called((callback) => expect(session.save(callback)).toBe(session));
      await called((callback) => expect(session.regenerate(callback)).toBe(session));
    });
  });

  it('of an object that req.session was before say so', async () => {
    await site.visit(await returning(), async (request) => {
      const before = request.session;
      await before.regenerate();
      before['lost'] = 1;
      for (const method of [before.save, before.reload, before.regenerate])
        await expect(method()).rejects.toThrow(SessionDestroyedError);
      await before.destroy();
      expect(['lost' in request.session, before['lost']]).toEqual([false, 1]);
    });
  });

  it('refuse a callback that is no function', async () => {
    await site.visit(browser(), ({ session }) => {
      for (const method of [session.save, session.reload, session.regenerate, session.destroy, session.touch])
        expect(() => method('done' as never)).toThrow(SessionUsageError);
      expect(session.id).toHaveLength(47);
    });
  });

  it('that fail without anybody looking do not end the process', async () => {
    const visitor = await returning();
    await site.visit(visitor, async ({ session }) => {
      await site.visit(visitor.clone(), (other) => other.session.destroy());
      session['n'] = 1;
      void session.save();
      await session.save().catch(() => undefined);
    });
  });
});

describe('req.session.cookie', () => {
  const SECOND = 1000;

  it('is a browser-session cookie by default', async () => {
    const { response, result } = await site.visit(browser(), ({ session }) => {
      session['n'] = 1;
      const { maxAge, expires, originalMaxAge } = session.cookie;
      return [maxAge, expires, originalMaxAge];
    });
    expect(result).toEqual([null, null, null]);
    expect(response.headers['set-cookie']?.[0]).not.toMatch(/Max-Age|Expires/i);
  });

  it('maxAge is the life of cookie and session, in milliseconds, on all requests', async () => {
    const visitor = browser();
    const { response } = await site.visit(visitor, ({ session }) => void (session.cookie.maxAge = 3_600_000));
    expect(response.setCookies).toEqual([]);
    const { response: begun } = await site.visit(visitor, ({ session }) => {
      session['n'] = 1;
      session.cookie.maxAge = 3_600_000;
      expect(session.cookie.maxAge).toBeLessThanOrEqual(3_600_000);
      expect(session.cookie.maxAge).toBeGreaterThan(3_500_000);
    });
    expect(begun.headers['set-cookie']?.[0]).toContain('Max-Age=3600;');
    const { result } = await site.visit(visitor, ({ session }) => ({
      original: session.cookie.originalMaxAge,
      left: session.cookie.maxAge,
      at: session.cookie.expires,
      idle: session.maxInactiveInterval,
    }));
    expect(result).toMatchObject({ original: 3_600_000, idle: 3600 });
    expect(Math.abs((result.at?.getTime() ?? 0) - Date.now() - 3_600_000)).toBeLessThan(60_000);
  });

  it('expires may be a Date, and null or false for a browser-session cookie', async () => {
    const visitor = browser();
    const { response } = await site.visit(visitor, ({ session }) => {
      session['n'] = 1;
      session.cookie.expires = new Date(Date.now() + 90 * SECOND);
    });
    expect(response.headers['set-cookie']?.[0]).toMatch(/Max-Age=(90|[78]\d);/);
    const { response: ended } = await site.visit(visitor, ({ session }) => {
      session.cookie.expires = false as never;
      expect([session.cookie.expires, session.cookie.maxAge]).toEqual([null, null]);
    });
    expect(ended.headers['set-cookie']?.[0]).not.toContain('Max-Age');
    const { result } = await site.visit(visitor, ({ session }) => [
      session.maxInactiveInterval,
      session.cookie.originalMaxAge,
    ]);
    expect(result).toEqual([1800, null]);
  });

  it('takes lives of more than a month, and keeps those that browsers do not at 400 days', async () => {
    await site.visit(browser(), ({ session }) => {
      session.cookie.maxAge = 3_000_000_000;
      expect(session.cookie.originalMaxAge).toBe(3_000_000_000);
      session.cookie.maxAge = 99_000_000_000;
      expect(session.cookie.originalMaxAge).toBe(34_560_000_000);
      session.cookie.originalMaxAge = 1_500;
      expect(session.cookie.originalMaxAge).toBe(2_000);
    });
  });

  it('refuses a life that is none', async () => {
    await site.visit(browser(), ({ session }) => {
      for (const life of [0, -1, NaN, Infinity, 'a day', {}])
        expect(() => (session.cookie.maxAge = life as number)).toThrow(SessionUsageError);
      expect(() => (session.cookie.expires = new Date(0))).toThrow(/destroy/);
    });
  });

  it('has the attributes of the settings, which one session cannot change', async () => {
    const own = await startExpressSite({
      cookie: { path: '/shop', domain: 'localhost', sameSite: 'none', secure: true, partitioned: true },
    });
    await own.visit(new Browser(own.url), ({ session: { cookie } }) => {
      expect(JSON.parse(JSON.stringify(cookie))).toEqual({
        ...{ originalMaxAge: null, expires: null, httpOnly: true, secure: true, path: '/shop' },
        ...{ domain: 'localhost', sameSite: 'none', partitioned: true },
      });
      Object.assign(cookie, {
        ...{ secure: true, httpOnly: true, path: '/shop', domain: 'localhost' },
        ...{ sameSite: 'none', partitioned: true },
      });
      expect(() => (cookie.secure = false)).toThrow(/REDIS_SESSION_COOKIE_SECURE/);
      expect(() => (cookie.httpOnly = false)).toThrow(/HttpOnly/);
      expect(() => (cookie.path = '/')).toThrow(/REDIS_SESSION_COOKIE_PATH/);
      expect(() => (cookie.domain = undefined)).toThrow(/REDIS_SESSION_COOKIE_DOMAIN/);
      expect(() => (cookie.sameSite = 'lax')).toThrow(/REDIS_SESSION_COOKIE_SAME_SITE/);
      expect(() => (cookie.partitioned = false)).toThrow(/REDIS_SESSION_COOKIE_PARTITIONED/);
    });
    await own.close();
  });

  it('is Secure as the request is, by the trust in proxies', async () => {
    const secure = async (trust: boolean, proto: string): Promise<unknown> => {
      const seen: unknown[] = [];
      const proxied = await startExpressSite(
        { cookie: { secure: 'auto' } },
        {
          before: (app) => void (trust && (app as NestExpressApplication).set('trust proxy', 1)),
          middleware: (app) =>
            void app.use(({ session }: SessionRequest, _response: unknown, next: () => void) => {
              session['n'] = 1;
              seen.push(session.cookie.secure);
              next();
            }),
        },
      );
      const { setCookies } = await new Browser(proxied.url).get('/seen-by-nest', {
        headers: { 'x-forwarded-proto': proto },
      });
      await proxied.close();
      return [...seen, setCookies[0]?.secure === true];
    };
    expect(await secure(true, 'https')).toEqual([true, true]);
    expect(await secure(true, 'http')).toEqual([false, false]);
    expect(await secure(false, 'https')).toEqual([false, false]);
  });

  it('is an object, of which a life can be taken over', async () => {
    await site.visit(await returning(), ({ session }) => {
      session.cookie = { originalMaxAge: 60_000 } as never;
      expect(session.cookie.originalMaxAge).toBe(60_000);
      expect(() => (session.cookie = 'sid=1' as never)).toThrow(SessionUsageError);
      expect(() => Reflect.deleteProperty(session, 'cookie')).toThrow(SessionReservedMemberError);
    });
  });

  it('serializes other cookies alike', async () => {
    await site.visit(browser(), ({ session }) => {
      session.cookie.maxAge = 60_000;
      expect(session.cookie.serialize('theme', 'dark')).toMatch(
        /^theme=dark; Path=\/; Expires=.* GMT; HttpOnly; SameSite=Lax$/,
      );
    });
  });
});

describe('expressSession()', () => {
  it('refuses the options of express-session, and says where each is set', async () => {
    const elsewhere = {
      ...{ secret: 'SECRETS', store: 'URL', cookie: 'COOKIE_', name: 'COOKIE_NAME', rolling: 'MAX_AGE' },
      ...{
        resave: 'POLICIES',
        saveUninitialized: 'keep()',
        unset: 'destroy',
        genid: 'random',
        proxy: 'trust',
      },
    };
    for (const [name, where] of Object.entries(elsewhere))
      expect(() => expressSession(site.app, { [name]: 1 })).toThrow(
        expect.objectContaining({ message: expect.stringContaining(where) as unknown }),
      );
    expect(() => expressSession(site.app, { keep: 'all' as never })).toThrow(SessionUsageError);
    expect(() => expressSession(site.app, { principal: 'user' as never })).toThrow(SessionUsageError);
  });

  it('refuses what is not a Nest application on Express with the module', async () => {
    expect(() => expressSession(undefined as never)).toThrow(/NestFactory/);
    expect(() => expressSession({} as never)).toThrow(/NestFactory/);
    const fastify = await startApp('fastify', {});
    expect(() => expressSession(fastify.app)).toThrow(/fastify/);
    await fastify.close();
    const bare = await startApp('express', {});
    expect(() => expressSession(bare.app)).toThrow(/RedisSessionModule/);
    await bare.close();
  });
});
