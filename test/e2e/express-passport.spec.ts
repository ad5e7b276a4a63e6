import { afterEach, describe, expect, it } from '@jest/globals';
import passportModule, { type PassportStatic } from 'passport';
import {
  SessionCountError,
  SessionService,
  SessionUnavailableException,
  SessionUsageError,
  type SessionModuleOptions,
} from 'nestjs-redis-session';
import { Browser } from '../support/cookie-jar.js';
import { keyOf } from '../support/records.js';
import { redisClient } from '../support/redis-client.js';
import { startRedis } from '../support/redis-server.js';
import {
  called,
  startExpressSite,
  type ExpressSite,
  type SessionRequest,
  type SiteExtras,
} from './helpers/express-site.js';
import { redisAt } from './helpers/playground.js';
import { told } from './helpers/site.js';

const redis = await startRedis();
const client = redisClient(redis.port);
afterEach(() => client.flushall());

interface User {
  readonly id: number;
  readonly name: string;
}

const USERS = new Map<number, User>([
  [7, { id: 7, name: 'ann' }],
  [8, { id: 8, name: 'bob' }],
]);

/** Of Passport's types only what the tests call: they extend those of Express. */
type PassportRequest = SessionRequest & {
  user?: User;
  login(user: User, options: object, callback: (error?: unknown) => void): void;
  logout(options: object, callback: (error?: unknown) => void): void;
  isAuthenticated(): boolean;
};

function passportOf(serialized: (user: User) => unknown = ({ id }) => id): PassportStatic {
  const passport = new passportModule.Passport() as PassportStatic;
  passport.serializeUser((user, done) => done(null, serialized(user as User)));
  passport.deserializeUser((id, done) => done(null, USERS.get(id as number) ?? false));
  return passport;
}

const lifeMs = (id: string): Promise<number> => client.pttl(keyOf(id));
const login = (request: SessionRequest, id: number, options = {}): Promise<void> =>
  called((done) => (request as PassportRequest).login(USERS.get(id) as User, options, done));
const logout = (request: SessionRequest, options = {}): Promise<void> =>
  called((done) => (request as PassportRequest).logout(options, done));
const userOf = (request: SessionRequest): unknown => (request as PassportRequest).user;

describe('Passport', () => {
  let nodes: ExpressSite[] = [];
  afterEach(async () => {
    await Promise.all(nodes.map((node) => node.close()));
    nodes = [];
  });

  const start = async (
    options: SessionModuleOptions = {},
    { passport = passportOf(), ...extras }: SiteExtras & { passport?: PassportStatic } = {},
  ): Promise<ExpressSite> => {
    const site = await startExpressSite(
      { ...redisAt(redis), ...options },
      {
        ...extras,
        middleware: (app) => {
          app.use(passport.initialize());
          app.use(passport.session());
        },
      },
    );
    nodes.push(site);
    return site;
  };

  it('a login is one login: a new token, the principal, the whole life of a user, on every node', async () => {
    const [a, b] = [await start(), await start()];
    const browser = new Browser(a.url);
    const { result: guest } = await a.visit(browser, ({ session }) => {
      session['cart'] = 'tea';
      return session.id;
    });
    const stolen = browser.clone();
    told(a);
    const { result: id, response } = await a.visit(browser, async (request) => {
      await login(request, 7);
      expect((request as PassportRequest).isAuthenticated()).toBe(true);
      return request.sessionID;
    });
    expect(told(a)).toEqual(['destroyed', 'created', 'authenticated']);
    expect(response.setCookies).toHaveLength(1);
    expect(id).not.toBe(guest);
    expect(await lifeMs(id)).toBeGreaterThan(1_795_000);
    const { result } = await b.visit(browser, (request) => [
      userOf(request),
      request.session.principal,
      request.session.id,
    ]);
    expect(result).toEqual([{ id: 7, name: 'ann' }, '7', id]);
    expect(await b.seenByNest(browser)).toEqual({
      attributes: { passport: { user: 7 } },
      principal: '7',
      id,
    });
    expect((await b.visit(stolen, (request) => [userOf(request), request.session['cart']])).result).toEqual([
      undefined,
      undefined,
    ]);
    expect([await client.exists(keyOf(guest)), a.log.messages('warn')]).toEqual([1, []]);
    expect(await client.hexists(keyOf(guest), '@ended')).toBe(1);
  });

  it('a login is among the sessions of its user, within their limit, until the logout', async () => {
    const options: SessionModuleOptions = { maxSessionsPerUser: 1, sessionLimitPolicy: 'reject' };
    const [a, b] = [await start(options), await start(options)];
    const browser = new Browser(a.url);
    const { result: id } = await a.visit(browser, async (request) => {
      await login(request, 7);
      return request.sessionID;
    });
    const idsOf = async (): Promise<string[]> =>
      (await b.app.get(SessionService).list('7')).map((session) => session.id);
    expect(await idsOf()).toEqual([id]);
    const second = new Browser(b.url);
    await b.visit(second, async (request) => {
      await expect(login(request, 7)).rejects.toMatchObject({ code: 'SESSION_COUNT' });
    });
    expect((await b.seenByNest(second)).principal).toBeUndefined();
    await b.visit(browser, (request) => logout(request));
    expect(await idsOf()).toEqual([]);
    await b.visit(second, (request) => login(request, 7));
    expect(await idsOf()).toHaveLength(1);
  });

  it('encrypted sessions log in alike', async () => {
    const { randomBytes } = await import('node:crypto');
    const options = { encryptionKeys: [randomBytes(32).toString('base64')] };
    const [a, b] = [await start(options), await start(options)];
    const browser = new Browser(a.url);
    await a.visit(browser, (request) => login(request, 7));
    expect((await b.visit(browser, userOf)).result).toEqual({ id: 7, name: 'ann' });
  });

  it('keepSessionInfo carries what the session held over to the one of the login', async () => {
    const site = await start();
    const browser = new Browser(site.url);
    await site.visit(browser, ({ session }) => {
      session['cart'] = ['tea'];
      session.cookie.maxAge = 60_000;
    });
    const { result } = await site.visit(browser, async (request) => {
      await login(request, 7, { keepSessionInfo: true });
      return [request.session['cart'], request.session.cookie.originalMaxAge];
    });
    expect(result).toEqual([['tea'], 60_000]);
    expect((await site.seenByNest(browser)).attributes).toEqual({ cart: ['tea'], passport: { user: 7 } });
  });

  it('a second login as somebody else ends the first session', async () => {
    const site = await start();
    const browser = new Browser(site.url);
    await site.visit(browser, async (request) => {
      await login(request, 7);
      request.session['of'] = 'ann';
    });
    const before = browser.clone();
    await site.visit(browser, (request) => login(request, 8));
    expect(await site.seenByNest(browser)).toMatchObject({
      principal: '8',
      attributes: { passport: { user: 8 } },
    });
    expect((await site.visit(before, userOf)).result).toBeUndefined();
  });

  it('logout ends the session on every node, and the principal', async () => {
    const [a, b] = [await start(), await start()];
    const browser = new Browser(a.url);
    await a.visit(browser, (request) => login(request, 7));
    const stolen = browser.clone();
    told(b);
    const { response } = await b.visit(browser, async (request) => {
      await logout(request);
      expect([userOf(request), request.session.principal]).toEqual([null, undefined]);
    });
    expect(told(b)).toEqual(['destroyed']);
    expect(response.setCookies[0]).toMatchObject({ value: '' });
    for (const site of [a, b]) {
      const { result } = await site.visit(stolen.clone(), (request) => [
        userOf(request),
        request.session.principal,
      ]);
      expect(result).toEqual([undefined, undefined]);
    }
  });

  it('logout with keepSessionInfo goes on as a guest, who is nobody', async () => {
    const site = await start();
    const browser = new Browser(site.url);
    await site.visit(browser, async (request) => {
      await login(request, 7);
      request.session['cart'] = ['tea'];
    });
    await site.visit(browser, (request) => logout(request, { keepSessionInfo: true }));
    const seen = await site.seenByNest(browser);
    expect([seen.principal, seen.attributes]).toEqual([undefined, { cart: ['tea'], passport: {} }]);
    expect(site.log.messages('warn')).toEqual([]);
  });

  it('a login that Redis does not take is none, and fails with its callback', async () => {
    const site = await start({ redis: { host: redis.host, port: redis.port, timeoutMs: 500 } });
    const browser = new Browser(site.url);
    await site.visit(browser, ({ session }) => void (session['cart'] = 'tea'));
    const before = browser.clone();
    await client.config('SET', 'min-replicas-to-write', '1');
    try {
      let refused: unknown;
      const answer = site.visit(browser, (request) =>
        login(request, 7).catch((error: unknown) => {
          refused = error;
        }),
      );
      await expect(answer).rejects.toThrow(/503/);
      expect(refused).toBeInstanceOf(SessionUnavailableException);
    } finally {
      await client.config('SET', 'min-replicas-to-write', '0');
    }
    expect((await site.visit(before, userOf)).result).toBeUndefined();
  });

  describe('a login that the limit refuses', () => {
    const full = async (extras: Parameters<typeof start>[1] = {}): Promise<ExpressSite> => {
      const site = await start({ maxSessionsPerUser: 1, sessionLimitPolicy: 'reject' }, extras);
      await site.app.get(SessionService).destroyAll();
      return site;
    };
    const seen = async (site: ExpressSite, browser: Browser): Promise<unknown> => {
      const { result } = await site.visit(browser, (request) =>
        (request as PassportRequest).isAuthenticated(),
      );
      const { principal, attributes } = await site.seenByNest(browser);
      return { principal, attributes, isAuthenticated: result };
    };
    const refused = async (login: Promise<unknown>): Promise<void> => {
      await expect(login).rejects.toBeInstanceOf(SessionCountError);
    };

    it('is none for Passport either, and the guest keeps what he has', async () => {
      const site = await full();
      await site.visit(new Browser(site.url), (request) => login(request, 7));
      const browser = new Browser(site.url);
      await site.visit(browser, async (request) => {
        request.session['cart'] = 'tea';
        await refused(login(request, 7, { keepSessionInfo: true }));
        request.session['failed'] = true;
      });
      expect(await seen(site, browser)).toEqual({
        principal: undefined,
        attributes: { cart: 'tea', failed: true },
        isAuthenticated: false,
      });
      expect([await site.app.get(SessionService).count('7'), site.log.messages('warn')]).toEqual([1, []]);
    });

    it("is none where the application logs in its own way, and takes nothing of a guest's", async () => {
      const principal = ({ userId }: Record<string, unknown>): number => userId as number;
      const site = await full({ express: { principal } });
      const ownLogin = (request: SessionRequest, userId: number): Promise<void> => {
        Object.assign(request.session, { userId, at: 'the login' });
        return request.session.save();
      };
      for (const id of [7, 8]) await site.visit(new Browser(site.url), (request) => ownLogin(request, id));
      const browser = new Browser(site.url);
      await site.visit(browser, ({ session }) => void (session['cart'] = 'tea'));
      await site.visit(browser, (request) => refused(ownLogin(request, 7)));
      expect((await site.seenByNest(browser)).attributes).toEqual({ cart: 'tea' });
      await site.visit(browser, (request) => ownLogin(request, 9));
      await site.visit(browser, (request) => refused(ownLogin(request, 8)));
      expect(await site.seenByNest(browser)).toMatchObject({ principal: '9', attributes: { userId: 9 } });
    });
  });

  it('a user whom deserializeUser does not know any more is logged out', async () => {
    const site = await start();
    const browser = new Browser(site.url);
    USERS.set(9, { id: 9, name: 'eve' });
    await site.visit(browser, (request) => login(request, 9));
    USERS.delete(9);
    told(site);
    await site.visit(browser, (request) => expect(userOf(request)).toBeUndefined());
    expect(told(site)).toEqual(['destroyed']);
    expect((await site.seenByNest(browser)).principal).toBeUndefined();
  });

  describe('who is logged in', () => {
    it('is a clear error where Passport serializes users to objects, and nobody is logged in', async () => {
      const site = await start({}, { passport: passportOf((user) => user) });
      const browser = new Browser(site.url);
      await site.visit(browser, async (request) => {
        const failed = await login(request, 7).catch((error: unknown) => error);
        expect(failed).toBeInstanceOf(SessionUsageError);
        expect((failed as Error).message).toContain('principal: (session) => session.passport?.user?.id');
      });
      expect((await site.seenByNest(browser)).principal).toBeUndefined();
    });

    it('is what the option says', async () => {
      const passport = passportOf((user) => user);
      passport.deserializeUser((user, done) => done(null, user as User));
      const principal = (session: Record<string, unknown>): number | undefined =>
        (session['passport'] as { user?: User } | undefined)?.user?.id;
      const site = await start({}, { passport, express: { principal } });
      const browser = new Browser(site.url);
      await site.visit(browser, (request) => login(request, 8));
      expect((await site.seenByNest(browser)).principal).toBe('8');
    });

    it('cannot be what is no principal', async () => {
      const site = await start({}, { express: { principal: () => '' } });
      await site.visit(new Browser(site.url), async ({ session }) => {
        await expect(session.save()).rejects.toThrow(/non-empty string/);
      });
    });

    it('may be told by an application of its own, by regenerate() and save()', async () => {
      const principal = ({ userId }: Record<string, unknown>): number => userId as number;
      const site = await start({}, { express: { principal } });
      const browser = new Browser(site.url);
      await site.visit(browser, async (request) => {
        await request.session.regenerate();
        request.session['userId'] = 5;
        await request.session.save();
      });
      expect(await site.seenByNest(browser)).toMatchObject({ principal: '5', attributes: { userId: 5 } });
      told(site);
      await site.visit(browser, async ({ session }) => {
        session['other'] = 1;
        await session.save();
      });
      expect(told(site)).toEqual([]);
    });

    it('logs in once, however often it is saved meanwhile, and also where nobody waits', async () => {
      const site = await start();
      const browser = new Browser(site.url);
      const { result } = await site.visit(browser, async ({ session }) => {
        session['passport'] = { user: 7 };
        const saves = [session.save(), session.save()];
        session['later'] = 1;
        await Promise.all([...saves, session.save()]);
        return session.id;
      });
      expect(told(site)).toEqual(['created', 'authenticated']);
      expect(await site.seenByNest(browser)).toMatchObject({ id: result, attributes: { later: 1 } });
      const another = new Browser(site.url);
      await site.visit(another, ({ session }) => {
        session['passport'] = { user: 8 };
        void session.save();
      });
      expect((await site.seenByNest(another)).principal).toBe('8');
      expect([told(site), site.log.messages('warn')]).toEqual([['created', 'authenticated'], []]);
    });

    it('a login by save() alone changes the id as well, and keeps what the guest had', async () => {
      const site = await start();
      const browser = new Browser(site.url);
      await site.visit(browser, ({ session }) => void (session['cart'] = 'tea'));
      const fixed = browser.clone();
      await site.visit(browser, async ({ session }) => {
        session['passport'] = { user: 7 };
        await session.save();
      });
      expect(await site.seenByNest(browser)).toMatchObject({ principal: '7', attributes: { cart: 'tea' } });
      expect((await site.visit(fixed, userOf)).result).toBeUndefined();
    });
  });

  describe('a user whom nobody has logged in', () => {
    it('is told of once a minute, and is nobody to guards', async () => {
      const site = await start();
      for (let i = 0; i < 3; i += 1) {
        const browser = new Browser(site.url);
        await site.visit(browser, ({ session }) => void (session['passport'] = { user: 7 }));
        expect((await site.seenByNest(browser)).principal).toBeUndefined();
      }
      const lines = site.log.messages('warn');
      expect(lines).toHaveLength(1);
      expect(lines[0]).toMatch(
        /^Session \S{47} holds a user who has not logged in by it.*is a guest's.*req\.login/,
      );
    });

    it('is told of in the place of another one', async () => {
      const site = await start();
      const browser = new Browser(site.url);
      await site.visit(browser, (request) => login(request, 7));
      await site.visit(browser, ({ session }) => void (session['passport'] = { user: 8 }));
      expect(site.log.text()).toContain("another user's");
      expect((await site.seenByNest(browser)).principal).toBe('7');
    });

    it('is not somebody who logged in by authenticate()', async () => {
      const site = await start();
      const browser = new Browser(site.url);
      await site.visit(browser, ({ session }) => session.authenticate('ada'));
      await site.visit(browser, ({ session }) => void (session['passport'] = {}));
      expect((await site.seenByNest(browser)).principal).toBe('ada');
      expect(site.log.messages('warn')).toEqual([]);
    });
  });

  describe("a guest's session", () => {
    const idOf = async (
      site: ExpressSite,
      browser: Browser,
      attribute = 'oauth2:provider',
    ): Promise<string> =>
      (
        await site.visit(browser, ({ session }) => {
          (session[attribute] as object | undefined) ??= {};
          (session[attribute] as { state?: string }).state = 'x';
          return session.id;
        })
      ).result;

    it('that is written to is kept for its whole life, as with express-session', async () => {
      const [a, b] = [await start(), await start()];
      const browser = new Browser(a.url);
      const id = await idOf(a, browser);
      expect(await lifeMs(id)).toBeGreaterThan(1_795_000);
      const { result } = await b.visit(browser, ({ session }) => session['oauth2:provider']);
      expect(result).toEqual({ state: 'x' });
    });

    it('is kept where the application says so', async () => {
      const keep = (session: object): boolean => 'oauth2:provider' in session;
      const site = await start({}, { express: { keep } });
      const [signing, looking] = [new Browser(site.url), new Browser(site.url)];
      expect(await lifeMs(await idOf(site, signing))).toBeGreaterThan(1_795_000);
      expect(await lifeMs(await idOf(site, looking, 'flash'))).toBeLessThanOrEqual(15_000);
      const never = await start({}, { express: { keep: false } });
      expect(await lifeMs(await idOf(never, new Browser(never.url)))).toBeLessThanOrEqual(15_000);
    });

    it('that is only written to by @Session(), or not at all, is as without the middleware', async () => {
      const site = await start();
      const browser = new Browser(site.url);
      const { result: id } = await site.visit(browser, async (request) => {
        const session = await site.app.get(SessionService).of<{ n?: number }>(request);
        session.n = 1;
        return session.id;
      });
      expect(await lifeMs(id)).toBeLessThanOrEqual(15_000);
      expect((await site.visit(new Browser(site.url), () => 0)).response.setCookies).toEqual([]);
    });

    it('has an id for a rate limit or a CSRF token that lasts, by keep()', async () => {
      const [a, b] = [await start(), await start()];
      const browser = new Browser(a.url);
      const keyed = (request: SessionRequest): string => {
        request.session.keep();
        return request.sessionID;
      };
      const { result: key } = await a.visit(browser, keyed);
      expect((await b.visit(browser, keyed)).result).toBe(key);
      expect(await lifeMs(key)).toBeGreaterThan(1_795_000);
    });
  });

  it('a Redis that cannot be read is a 503 of Nest, before any handler', async () => {
    const own = await startRedis();
    const site = await start({ redis: { host: own.host, port: own.port, timeoutMs: 500 } });
    const browser = new Browser(site.url);
    await site.visit(browser, ({ session }) => void (session['n'] = 1));
    own.pause();
    try {
      const response = await browser.get('/seen-by-nest');
      expect([response.status, response.headers['retry-after']]).toEqual([503, '1']);
    } finally {
      own.resume();
    }
  });
});
