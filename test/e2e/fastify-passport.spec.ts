import { afterEach, describe, expect, it } from '@jest/globals';
import csrfProtection from '@fastify/csrf-protection';
import flash from '@fastify/flash';
import { Authenticator, Strategy } from '@fastify/passport';
import { SessionService, type SessionModuleOptions } from 'nestjs-redis-session';
import { Browser } from '../support/cookie-jar.js';
import { keyOf } from '../support/records.js';
import { redisClient } from '../support/redis-client.js';
import { startRedis } from '../support/redis-server.js';
import {
  startFastifySite,
  type FastifySite,
  type SessionRequest,
  type SiteExtras,
} from './helpers/fastify-site.js';
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

/** What @fastify/passport puts on a request. */
interface PassportRequest extends SessionRequest {
  readonly user?: User | null;
  logIn(user: User, options?: { keepSessionInfo?: boolean }): Promise<void>;
  logOut(): Promise<void>;
  isAuthenticated(): boolean;
}

/** Logs in whom the header `x-user` names. */
class HeaderStrategy extends Strategy {
  override authenticate(request: { headers: Record<string, unknown> }): void {
    const user = USERS.get(Number(request.headers['x-user']));
    if (user === undefined) this.fail();
    else this.success(user);
  }
}

function passportOf(
  options: ConstructorParameters<typeof Authenticator>[0] = {},
  serialized: (user: User) => unknown = ({ id }) => id,
): InstanceType<typeof Authenticator> {
  const passport = new Authenticator(options);
  passport.use('header', new HeaderStrategy('header'));
  passport.registerUserSerializer(async (user) => serialized(user as User));
  passport.registerUserDeserializer(async (stored) => {
    const id = typeof stored === 'object' ? (stored as User).id : (stored as number);
    return USERS.get(id) ?? null;
  });
  return passport;
}

const passportRequest = (request: SessionRequest): PassportRequest => request as PassportRequest;
const logIn = (request: SessionRequest, id: number, options?: object): Promise<void> =>
  passportRequest(request).logIn(USERS.get(id) as User, options);
const userOf = (request: SessionRequest): unknown => passportRequest(request).user ?? null;

async function start(
  options: SessionModuleOptions = {},
  { passport = passportOf(), ...extras }: SiteExtras & { passport?: InstanceType<typeof Authenticator> } = {},
): Promise<FastifySite> {
  return startFastifySite(
    { ...redisAt(redis), ...options },
    {
      plugins: async (app) => {
        await app.register(passport.initialize());
        await app.register(passport.secureSession());
        const instance = app.getHttpAdapter().getInstance();
        instance.post('/login', { preValidation: passport.authenticate('header') }, () => 'in');
      },
      ...extras,
    },
  );
}

describe('@fastify/passport', () => {
  it('a login is one login: a new token, the principal, the whole life of a user, on every node', async () => {
    const [a, b] = [await start(), await start()];
    const browser = new Browser(a.url);
    await a.visit(browser, ({ session }) => session.set('cart', 'tea'));
    const stolen = browser.clone();
    told(a);
    const { response } = await a.visit(browser, async (request) => {
      await logIn(request, 7);
      expect(passportRequest(request).isAuthenticated()).toBe(true);
    });
    expect(told(a)).toEqual(['destroyed', 'created', 'authenticated']);
    expect(response.setCookies).toHaveLength(1);
    const { id } = await b.seenByNest(browser);
    expect(await client.pttl(keyOf(id))).toBeGreaterThan(1_795_000);
    const { result } = await b.visit(browser, (request) => [userOf(request), request.session.principal]);
    expect(result).toEqual([USERS.get(7), '7']);
    expect(await b.seenByNest(browser)).toEqual({ attributes: { passport: 7 }, principal: '7', id });
    expect(
      (await b.visit(stolen, (request) => [userOf(request), request.session['cart'] ?? null])).result,
    ).toEqual([null, null]);
    expect(await b.app.get(SessionService).list('7')).toMatchObject([{ id }]);
  });

  it('a login by a strategy is one, and keeps what it is told to keep', async () => {
    const site = await start({}, { passport: passportOf({ clearSessionIgnoreFields: ['cart'] }) });
    const browser = new Browser(site.url);
    await site.visit(
      browser,
      ({ session }) => Object.assign(session, { cart: 'tea', other: 1 }) && undefined,
    );
    expect((await browser.post(`${site.url}/login`, {}, { headers: { 'x-user': '9' } })).status).toBe(401);
    expect((await browser.post(`${site.url}/login`, {}, { headers: { 'x-user': '8' } })).status).toBe(200);
    expect(await site.seenByNest(browser)).toMatchObject({
      principal: '8',
      attributes: { passport: 8, cart: 'tea' },
    });
  });

  it('a login that the limit refuses is none, and answered 409 where nobody has asked for its outcome', async () => {
    const site = await start({ maxSessionsPerUser: 1, sessionLimitPolicy: 'reject' });
    await site.visit(new Browser(site.url), (request) => logIn(request, 7));
    const browser = new Browser(site.url);
    await expect(site.visit(browser, (request) => logIn(request, 7))).rejects.toThrow(
      /409.*too many devices/,
    );
    expect((await site.visit(browser, userOf)).result).toBeNull();
    const { result } = await site.visit(browser, async (request) => {
      await logIn(request, 7);
      const refusal = await request.session.save().catch((error: unknown) => error);
      return (refusal as Error).name;
    });
    expect(result).toBe('SessionCountException');
    expect((await site.visit(browser, userOf)).result).toBeNull();
    expect(await site.app.get(SessionService).count('7')).toBe(1);
  });

  it('keepSessionInfo keeps all, from one user to another', async () => {
    const site = await start();
    const browser = new Browser(site.url);
    await site.visit(browser, async (request) => {
      request.session.set('cart', 'tea');
      await logIn(request, 7, { keepSessionInfo: true });
    });
    await site.visit(browser, (request) => logIn(request, 8, { keepSessionInfo: true }));
    expect(await site.seenByNest(browser)).toMatchObject({
      principal: '8',
      attributes: { passport: 8, cart: 'tea' },
    });
  });

  it('logOut() ends the session, on every node', async () => {
    const [a, b] = [await start(), await start()];
    const browser = new Browser(a.url);
    await a.visit(browser, (request) => logIn(request, 7));
    const other = browser.clone();
    told(a);
    const { response } = await a.visit(browser, (request) => passportRequest(request).logOut());
    expect(told(a)).toEqual(['destroyed']);
    expect(response.setCookies).toMatchObject([{ maxAge: 0 }]);
    expect((await b.visit(other, userOf)).result).toBeNull();
    expect(await client.keys('session:{*')).toHaveLength(1);
  });

  it('a user who is there no more is logged out', async () => {
    const site = await start();
    const browser = new Browser(site.url);
    const gone = { id: 9, name: 'gone' };
    await site.visit(browser, (request) => passportRequest(request).logIn(gone));
    expect((await site.visit(browser, userOf)).result).toBeNull();
    expect(await site.seenByNest(browser)).toMatchObject({ attributes: {} });
  });

  it('users that are serialized to objects are told by the option principal, and asked for without it', async () => {
    const serialized = ({ id, name }: User): object => ({ id, name });
    const told = await start({}, { passport: passportOf({}, serialized) });
    await told.visit(new Browser(told.url), (request) => logIn(request, 7));
    expect(told.log.text()).toMatch(
      /fastifySession\(app, \{ principal: \(session\) => session\.passport\?\.id \}\)/,
    );
    const site = await start(
      {},
      {
        passport: passportOf({}, serialized),
        fastify: { principal: ({ passport }) => (passport as { id: number } | undefined)?.id },
      },
    );
    const browser = new Browser(site.url);
    await site.visit(browser, (request) => logIn(request, 7));
    expect(await site.seenByNest(browser)).toMatchObject({ principal: '7' });
  });

  it('a login is no login where Redis does not take it: the client gets 503', async () => {
    const own = await startRedis();
    const site = await startFastifySite(redisAt(own), {
      plugins: async (app) => {
        const passport = passportOf();
        await app.register(passport.initialize());
        await app.register(passport.secureSession());
      },
    });
    const visit = site.visit(new Browser(site.url), async (request) => {
      await logIn(request, 7);
      await own.stop();
    });
    await expect(visit).rejects.toThrow(/answered 503/);
  });
});

describe('other plugins', () => {
  it('@fastify/flash: a message is there once, on another node', async () => {
    const plugins: SiteExtras['plugins'] = async (app) => void (await app.register(flash));
    const [a, b] = [await start({}, { plugins }), await start({}, { plugins })];
    const browser = new Browser(a.url);
    type Flashing = SessionRequest & { flash(type: string, message: string): number };
    type Reading = { flash(type: string): string[] };
    await a.visit(browser, (request) => void (request as Flashing).flash('info', 'saved'));
    const { result } = await b.visit(browser, (_request, reply) =>
      (reply as unknown as Reading).flash('info'),
    );
    expect(result).toEqual(['saved']);
    const again = await b.visit(browser, (_request, reply) => (reply as unknown as Reading).flash('info'));
    expect(again.result).toEqual([]);
  });

  it.each(['@fastify/session', '@fastify/secure-session'] as const)(
    "@fastify/csrf-protection as for %s: a guest's token is good on another node, for the session's whole idle life",
    async (sessionPlugin) => {
      const plugins: SiteExtras['plugins'] = async (app) => {
        await app.register(csrfProtection, { sessionPlugin });
        const instance = app.getHttpAdapter().getInstance();
        const preHandler = (...args: never[]): unknown =>
          (instance as unknown as { csrfProtection(...args: never[]): unknown }).csrfProtection(...args);
        instance.post('/order', { preHandler: preHandler as never }, () => 'ordered');
      };
      const [a, b] = [await start({}, { plugins }), await start({}, { plugins })];
      const browser = new Browser(a.url);
      const { result: token } = await a.visit(browser, (_request, reply) =>
        (reply as unknown as { generateCsrf(): string }).generateCsrf(),
      );
      const [key = ''] = await client.keys('session:{*');
      expect(await client.pttl(key)).toBeGreaterThan(1_795_000);
      const order = (headers: Record<string, string>): Promise<number> =>
        browser.post(`${b.url}/order`, {}, { headers }).then(({ status }) => status);
      expect([await order({}), await order({ 'csrf-token': token })]).toEqual([403, 200]);
    },
  );
});
