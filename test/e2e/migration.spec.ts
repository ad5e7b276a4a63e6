import { beforeAll, expect, it } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { Controller, Param, Post } from '@nestjs/common';
import type { Redis } from 'ioredis';
import {
  RedisSessionModule,
  Session,
  SessionService,
  type HttpSession,
  type SessionEvent,
  type SessionModuleOptions,
} from 'nestjs-redis-session';
import { DOCUMENTED_RULES } from '../security/acl-line.js';
import { eachAdapter, LogSink, startApp, type StartedApp } from '../support/apps.js';
import { watchCommands } from '../support/commands.js';
import { Browser, type BrowserResponse } from '../support/cookie-jar.js';
import { startRedis, type RedisProcess } from '../support/redis-server.js';
import { observer, probe, ProbeController, type SessionView } from './fixtures/probe.js';
import { Gate } from './helpers/gate.js';
import { rollOverAndBack } from './helpers/roll-over.js';
import { OLD_SECRET, sidIn, signedSid, startOldApp } from './helpers/old-app.js';

const PASSWORD = 'Tr0ub4dor-of-the-acl';

let redis: RedisProcess;
let store: Redis;
beforeAll(async () => {
  redis = await startRedis();
  store = observer(redis.port);
});

@Controller()
class KeepController {
  @Post('keep/:name') async login(
    @Session() session: HttpSession,
    @Param('name') name: string,
  ): Promise<void> {
    await session.authenticate(name, { keepAttributes: true });
  }
}

/** Ids that tests know before their sessions are there. */
let count = 0;
const freshSid = (): string => `${'a'.repeat(28)}${String(++count).padStart(4, '0')}`;

eachAdapter('moving in from express-session', (adapter) => {
  interface Node extends StartedApp {
    readonly log: LogSink;
    readonly events: SessionEvent[];
  }

  async function startNew(options: SessionModuleOptions = {}): Promise<Node> {
    const log = new LogSink();
    const module = RedisSessionModule.forRoot({
      redis: { host: redis.host, port: redis.port },
      clusterId: `moving-${adapter}`,
      migrateFrom: { expressSession: { secrets: OLD_SECRET } },
      ...options,
    });
    const node = await startApp(
      adapter,
      { ...probe(module), controllers: [ProbeController, KeepController] },
      { logger: log },
    );
    const events: SessionEvent[] = [];
    node.app.get(SessionService).events.subscribe((event) => events.push(event));
    return Object.assign(node, { log, events });
  }

  const seen = async (browser: Browser): Promise<SessionView> =>
    (await browser.get('/session')).json<SessionView>();
  /** One browser, whichever node it comes to. */
  const comeTo = (browser: Browser, node: { url: string } | string): Browser =>
    new Browser(typeof node === 'string' ? node : node.url, browser.jar);
  const ours = (response: BrowserResponse): string | undefined =>
    response.setCookies.find(({ name }) => name === 'sid')?.value;

  async function loggedIn(old: string, name = 'ada'): Promise<Browser> {
    const browser = new Browser(old);
    await browser.post(`/login/${name}`);
    await browser.post('/session', { cart: ['apple'], at: new Date(0) });
    return browser;
  }

  async function plant(record: unknown, text = JSON.stringify(record)): Promise<string> {
    const sid = freshSid();
    await store.set(`sess:${sid}`, text, 'EX', 3600);
    return `connect.sid=${signedSid(sid)}`;
  }

  it('takes over login and attributes at the next request, and says so with a cookie of its own', async () => {
    const [old, node] = [await startOldApp(store), await startNew()];
    const browser = await loggedIn(old);
    const at = comeTo(browser, node);

    const first = await at.get('/session');
    expect(first.json()).toMatchObject({
      principal: 'ada',
      attributes: { cart: ['apple'], at: '1970-01-01T00:00:00.000Z', passport: { user: 'ada' } },
    });
    const token = ours(first);
    expect(token).toMatch(/^[\w-]{47}$/);
    expect((await at.get('/session')).setCookies).toEqual([]);
    expect((await seen(at)).id).toBe(first.json<SessionView>().id);
    // The same user goes on to be served by nodes of before, whatever our own do.
    expect(await seen(comeTo(browser, old))).toMatchObject({ principal: 'ada', old: true });
    expect(node.events.filter(({ type }) => type !== 'gap').map(({ type }) => type)).toEqual([
      'created',
      'authenticated',
    ]);
    expect(JSON.stringify(node.events) + node.log.text()).not.toContain(token);
  });

  it('makes one session of requests to two nodes at the same time', async () => {
    const old = await startOldApp(store);
    const nodes = [await startNew(), await startNew()];
    const browser = await loggedIn(old, 'two');
    const before = await store.keys(`moving-${adapter}:session:{*`);
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, at) => comeTo(browser.clone(), nodes[at % 2] as Node).get('/session')),
    );
    expect(new Set(answers.map((each) => each.json<SessionView>().id)).size).toBe(1);
    expect(new Set(answers.map(ours)).size).toBe(1);
    expect(answers.every((each) => each.json<SessionView>().principal === 'two')).toBe(true);
    const after = await store.keys(`moving-${adapter}:session:{*`);
    expect(after.filter((key) => !before.includes(key))).toHaveLength(1);
    const created = nodes.flatMap(({ events }) =>
      events.filter(({ type, origin }) => type === 'created' && origin !== 'elsewhere'),
    );
    expect(created).toHaveLength(1);
  });

  it('a logout here is final on both sides, and a late save of an old node brings nobody back', async () => {
    const gate = new Gate();
    const [old, node] = [await startOldApp(store, { gate }), await startNew()];
    const browser = await loggedIn(old, 'leaver');
    const key = `sess:${sidIn(browser.cookie('connect.sid') ?? '')}`;
    const straggler = browser.clone();
    const late = straggler.post('/slow');
    await gate.arrivals(1);
    const at = comeTo(browser, node);
    expect((await seen(at)).principal).toBe('leaver');
    await at.post('/logout');
    expect(await store.exists(key)).toBe(0);
    expect((await seen(comeTo(browser, old))).principal).toBeUndefined();

    gate.open();
    await late;
    expect(await store.exists(key)).toBe(1);
    expect((await seen(comeTo(straggler, node))).principal).toBeUndefined();
    // It is removed again once a node of ours meets it, so that old nodes serve nobody with it either.
    expect(await store.exists(key)).toBe(0);
    expect((await seen(comeTo(straggler, old))).principal).toBeUndefined();
    expect((await seen(comeTo(browser, node))).principal).toBeUndefined();
  });

  it('a logout on an old node ends ours at its next use, and not where nobody migrates any more', async () => {
    const [old, node] = [await startOldApp(store), await startNew()];
    const later = await startNew({ migrateFrom: undefined });
    const browser = await loggedIn(old, 'elsewhere');
    const at = comeTo(browser, node);
    expect((await seen(at)).principal).toBe('elsewhere');
    const withoutOld = at.clone();
    withoutOld.jar.clear('connect.sid');
    await comeTo(browser, old).post('/logout');
    expect((await seen(comeTo(withoutOld, later))).principal).toBe('elsewhere');
    expect((await seen(withoutOld)).principal).toBeUndefined();
    expect((await seen(comeTo(withoutOld, later))).principal).toBeUndefined();
    expect((await seen(at)).principal).toBeUndefined();
  });

  it('a login on an old node is taken over beside the dead session of before it', async () => {
    const [old, node] = [await startOldApp(store), await startNew()];
    const browser = new Browser(old);
    await browser.post('/session', { cart: ['pear'] });
    expect(await seen(comeTo(browser, node))).toMatchObject({ attributes: { cart: ['pear'] } });
    await browser.post('/login/bo');
    expect((await seen(comeTo(browser, node))).principal).toBe('bo');
  });

  it('whoever an old node says that its session belongs to, without a new id, is who it belongs to here', async () => {
    const [old, node, other] = [await startOldApp(store), await startNew(), await startNew()];
    const sessions = node.app.get(SessionService);
    const browser = await loggedIn(old, 'ada-1');
    const [at, atOld] = [comeTo(browser, node), comeTo(browser, old)];
    const first = await seen(at);
    expect(first.principal).toBe('ada-1');
    await at.post('/session', { secret: 'of ada' });
    const hers = browser.clone();
    // What else it writes there changes nothing here.
    await atOld.post('/session', { cart: ['pear'] });
    expect((await seen(at)).id).toBe(first.id);

    await atOld.post('/leave');
    const guest = await seen(at);
    expect(guest.attributes).toEqual({ cart: ['pear'], at: '1970-01-01T00:00:00.000Z' });
    expect(guest.principal).toBeUndefined();
    expect(node.events).toContainEqual(expect.objectContaining({ type: 'destroyed', id: first.id }));
    expect(await sessions.list('ada-1')).toEqual([]);

    await atOld.post('/become/bob-1');
    const bob = await seen(at);
    expect(bob).toMatchObject({ principal: 'bob-1', attributes: { cart: ['pear'] } });
    expect(new Set([first.id, guest.id, bob.id]).size).toBe(3);
    expect((await seen(comeTo(browser.clone(), other))).id).toBe(bob.id);
    expect((await sessions.list('bob-1')).map(({ id }) => id)).toEqual([bob.id]);

    // Back to who was there first, at once: a session of its own, and not the one that has ended.
    await atOld.post('/become/ada-1');
    const again = await seen(at);
    expect(again).toMatchObject({ principal: 'ada-1' });
    expect(again.id).not.toBe(first.id);
    expect(again.attributes).not.toHaveProperty('secret');
    // Her first token opens nothing, and neither does the old cookie alone open a second session.
    const token = hers.cookie('sid');
    hers.jar.clear('connect.sid');
    expect(hers.cookie('sid')).toBe(token);
    expect((await seen(comeTo(hers, node))).principal).toBeUndefined();
    const alone = await new Browser(node.url).get('/session', {
      cookie: `connect.sid=${browser.cookie('connect.sid')}`,
    });
    expect(alone.json<SessionView>().id).toBe(again.id);
    await at.post('/logout');
    expect((await seen(atOld)).principal).toBeUndefined();
    expect((await seen(at)).principal).toBeUndefined();
  });

  it('is told by the old cookie alone as well, at once, on each node', async () => {
    const [old, node, other] = [await startOldApp(store), await startNew(), await startNew()];
    const browser = await loggedIn(old, 'ada-2');
    await seen(comeTo(browser.clone(), node));
    await comeTo(browser, old).post('/become/bob-2');
    const nodes = [other, node, other, node];
    const views = await Promise.all(nodes.map((each) => seen(comeTo(browser.clone(), each))));
    expect(views.filter(({ principal }) => principal === 'ada-2')).toEqual([]);
    for (const each of nodes) expect((await seen(comeTo(browser.clone(), each))).principal).toBe('bob-2');
  });

  it('a guest of both who logs in on an old node, without a new id, is logged in here', async () => {
    const [old, node] = [await startOldApp(store), await startNew()];
    const browser = new Browser(old);
    await browser.post('/session', { cart: ['pear'] });
    const at = comeTo(browser, node);
    expect((await seen(at)).attributes).toEqual({ cart: ['pear'] });
    await browser.post('/become/gus');
    expect((await seen(at)).principal).toBe('gus');
  });

  it('a guest of both who logs in here stays it, whatever old nodes say, and the logout is one for both', async () => {
    const [old, node] = [await startOldApp(store), await startNew()];
    const browser = new Browser(old);
    await browser.post('/session', { cart: ['pear'] });
    const at = comeTo(browser, node);
    await seen(at);
    await at.post('/login/here');
    await browser.post('/session', { cart: ['plum'] });
    expect((await seen(at)).principal).toBe('here');
    await browser.post('/become/there');
    expect((await seen(at)).principal).toBe('here');
    await at.post('/logout');
    expect((await seen(browser)).principal).toBeUndefined();
    expect((await seen(at)).principal).toBeUndefined();
  });

  it('a login here as who it was before is still tied to what old nodes say', async () => {
    const [old, node] = [await startOldApp(store), await startNew()];
    const browser = await loggedIn(old, 'same');
    const at = comeTo(browser, node);
    await seen(at);
    await at.post('/login/same');
    expect((await seen(at)).principal).toBe('same');
    await comeTo(browser, old).post('/leave');
    expect((await seen(at)).principal).toBeUndefined();
  });

  it('asks Redis as much as before for a session that was taken over, and reads a record once', async () => {
    let reads = 0;
    const principal = ({ passport }: Record<string, unknown>): string | undefined => {
      reads += 1;
      return (passport as { user?: string } | undefined)?.user;
    };
    const [old, node] = [
      await startOldApp(store),
      await startNew({ migrateFrom: { expressSession: { secrets: OLD_SECRET, principal } } }),
    ];
    const at = comeTo(await loggedIn(old, 'cheap'), node);
    const watch = await watchCommands(redis.port);
    const asked = async (): Promise<string[]> => {
      await watch.take();
      await seen(at);
      return (await watch.take()).map(({ name }) => name).filter((name) => name !== 'PUBLISH');
    };
    // Read, create, load, look at the old one; what follows notes it in the user's list.
    expect((await asked()).slice(0, 4)).toEqual(['EVALSHA', 'EVALSHA', 'HGETALL', 'EVALSHA']);
    await seen(at);
    const before = reads;
    expect(await asked()).toHaveLength(2);
    expect(reads).toBe(before);
    watch.close();
  });

  it('a login here as somebody else ends who was logged in on old nodes, and goes on', async () => {
    const [old, node] = [await startOldApp(store), await startNew()];
    const browser = await loggedIn(old, 'first');
    const at = comeTo(browser, node);
    await seen(at);
    await at.post('/login/first');
    expect((await seen(comeTo(browser, old))).principal).toBe('first');
    await at.post('/login/second');
    expect((await seen(at)).principal).toBe('second');
    expect((await seen(comeTo(browser, old))).principal).toBeUndefined();
    expect((await seen(at)).principal).toBe('second');
    // The old cookie alone is that of nobody.
    expect(
      (
        await new Browser(node.url).get('/session', {
          cookie: `connect.sid=${browser.cookie('connect.sid')}`,
        })
      ).json<SessionView>().principal,
    ).toBeUndefined();
  });

  it('so does one that takes attributes along: what it is from then on has nothing to do with the old one', async () => {
    const [old, node] = [await startOldApp(store), await startNew()];
    const browser = await loggedIn(old, 'first');
    const at = comeTo(browser, node);
    await seen(at);
    await at.post('/keep/second');
    expect((await seen(comeTo(browser, old))).principal).toBeUndefined();
    expect(await seen(at)).toMatchObject({ principal: 'second', attributes: { cart: ['apple'] } });
  });

  it('a guest of ours gives way to who logs in on an old node, and a user of ours does not', async () => {
    const [old, node] = [await startOldApp(store), await startNew()];
    const browser = new Browser(node.url);
    await browser.post('/session', { seenNews: true });
    const guest = await seen(browser);
    const atOld = comeTo(browser, old);
    // An old guest's session changes nothing for a guest of ours.
    await atOld.post('/session', { cart: ['pear'] });
    expect(await seen(browser)).toMatchObject({ id: guest.id, attributes: { seenNews: true } });
    await atOld.post('/login/carl');
    const straggler = browser.clone();
    const taken = await seen(browser);
    expect(taken.principal).toBe('carl');
    expect(taken.attributes).not.toHaveProperty('seenNews');
    expect(node.events).toContainEqual(expect.objectContaining({ type: 'destroyed', id: guest.id }));
    expect((await seen(comeTo(straggler, node))).id).toBe(taken.id);
    expect((await seen(browser)).id).toBe(taken.id);

    const user = new Browser(node.url);
    await user.post('/login/ours');
    await comeTo(user, old).post('/login/carl');
    expect((await seen(user)).principal).toBe('ours');
  });

  it('a guest that was taken over gives way as well, and asks nothing more for a cookie that it knows', async () => {
    const [old, node] = [await startOldApp(store), await startNew()];
    const browser = new Browser(old);
    await browser.post('/session', { cart: ['pear'] });
    const at = comeTo(browser, node);
    await seen(at);
    const watch = await watchCommands(redis.port);
    await seen(at);
    expect(await watch.take()).toHaveLength(2);
    watch.close();
    // A new session beside the old one, which stays: as with a cookie of another path.
    browser.jar.clear('connect.sid');
    await browser.post('/login/dora');
    expect((await seen(at)).principal).toBe('dora');
  });

  it('an end by id, or of all of a user, is one of the old session as well', async () => {
    const [old, node] = [await startOldApp(store), await startNew()];
    const sessions = node.app.get(SessionService);
    const [one, other] = [await loggedIn(old, 'many'), await loggedIn(old, 'many')];
    const { id } = await seen(comeTo(one, node));
    await seen(comeTo(other, node));
    await sessions.destroy(id);
    expect((await seen(comeTo(one, old))).principal).toBeUndefined();
    expect(await sessions.destroyAll('many')).toBe(1);
    expect((await seen(comeTo(other, old))).principal).toBeUndefined();
    expect((await seen(comeTo(other, node))).principal).toBeUndefined();
  });

  it('keeps the old record for as long as ours lives, and the life that the browser was told', async () => {
    const [old, node] = [await startOldApp(store, { maxAgeMs: 7_200_000 }), await startNew()];
    const browser = await loggedIn(old, 'remembered');
    const key = `sess:${sidIn(browser.cookie('connect.sid') ?? '')}`;
    const at = comeTo(browser, node);
    const first = await at.get('/session');
    expect(first.json<SessionView>().maxInactiveInterval).toBe(7200);
    expect(first.setCookies.find(({ name }) => name === 'sid')?.maxAge).toBe(7200);
    await store.pexpire(key, 5_000);
    await at.get('/session');
    expect(await store.pttl(key)).toBeGreaterThan(7_200_000);
  });

  it('the absolute end of ours is not put off by the old cookie, which takes over nothing after it', async () => {
    const [old, node] = [await startOldApp(store), await startNew({ absoluteTimeoutSeconds: 600 })];
    const browser = await loggedIn(old, 'absolute');
    const at = comeTo(browser, node);
    const { id, expiresAt } = await seen(at);
    const mark = `moving-${adapter}:session:taken:{sess:${sidIn(browser.cookie('connect.sid') ?? '')}}`;
    expect(await store.pttl(mark)).toBeGreaterThan(30 * 24 * 60 * 60 * 1000);
    // It has run out unused, a while before its end: what is taken over again ends when that would have.
    const [, until] = /^taken 0 (\d+) \d+$/.exec(String(await store.get(mark))) ?? [];
    expect(Number(until)).toBe(new Date(String(expiresAt)).getTime());
    const ofOurs = `moving-${adapter}:session:{${id.slice(0, 4)}}${id.slice(4)}`;
    await store.del(ofOurs);
    await store.set(mark, `taken 0 ${until} 1`, 'PX', 60_000);
    const again = await seen(at);
    expect(again.principal).toBe('absolute');
    expect(Math.abs(new Date(String(again.expiresAt)).getTime() - Number(until))).toBeLessThan(2_000);
    // That end has come.
    await store.del(ofOurs);
    await store.set(mark, 'taken 0 1 1', 'PX', 60_000);
    expect((await seen(at)).principal).toBeUndefined();
    expect(await store.pttl(mark)).toBeGreaterThan(60_000);
  });

  it('a session of ours that has run out is taken over again while the old one lives', async () => {
    const [old, node] = [await startOldApp(store), await startNew()];
    const browser = await loggedIn(old, 'back');
    const { id } = await seen(comeTo(browser, node));
    const prefix = `moving-${adapter}:session:`;
    await store.del(`${prefix}{${id.slice(0, 4)}}${id.slice(4)}`);
    // Its mark has the same life.
    expect((await seen(comeTo(browser, node))).principal).toBeUndefined();
    await store.del(`${prefix}taken:{sess:${sidIn(browser.cookie('connect.sid') ?? '')}}`);
    expect((await seen(comeTo(browser, node))).principal).toBe('back');
  });

  it.each([
    ['unsigned', (sid: string) => sid],
    ['signed with another secret', (sid: string) => signedSid(sid, 'another')],
    ['with the signature of another id', (sid: string) => signedSid(sid).replace('aaaa', 'aaab')],
    ['without its marker', (sid: string) => signedSid(sid).replace('s%3A', '')],
    ['that cannot be decoded', (sid: string) => `${signedSid(sid)}%`],
    ['of any length', () => 's%3A' + 'a'.repeat(6000)],
  ])('an old cookie %s is nobody, and told as forged', async (_what, cookie) => {
    const node = await startNew();
    const sid = freshSid();
    await store.set(`sess:${sid}`, JSON.stringify({ cookie: {}, passport: { user: 'ada' } }), 'EX', 60);
    const answer = await new Browser(node.url).get('/session', { cookie: `connect.sid=${cookie(sid)}` });
    expect(answer.json()).toMatchObject({ isNew: true, attributes: {} });
    expect(answer.json<SessionView>().principal).toBeUndefined();
    expect(node.events).toContainEqual(expect.objectContaining({ type: 'rejected', reason: 'forged' }));
    expect(node.log.text()).not.toContain(sid);
  });

  it('a record that is damaged, huge or no text is nobody, told once, and left to old nodes', async () => {
    const node = await startNew();
    const huge = { cookie: {}, passport: { user: 'ada' }, text: 'x'.repeat(140_000) };
    const cookies = [
      await plant(undefined, '{"cookie":{},"passp'),
      await plant(undefined, '[]'),
      await plant({ passport: { user: 'ada' } }),
      await plant(undefined, JSON.stringify({ cookie: {}, cart: 1 }) + ' '.repeat(140_000)),
      await plant(huge),
      await plant({ ...huge, text: 'x'.repeat(100_000) }),
    ];
    const sid = freshSid();
    await store.hset(`sess:${sid}`, 'a', 'b');
    cookies.push(`connect.sid=${signedSid(sid)}`);
    for (const cookie of cookies) {
      for (let time = 0; time < 2; time += 1) {
        const view = (await new Browser(node.url).get('/session', { cookie })).json<SessionView>();
        expect(view).toMatchObject({ isNew: true, attributes: {} });
      }
    }
    const told = node.events.filter((event) => event.type === 'rejected');
    expect(told.map(({ reason }) => reason)).toEqual(cookies.map(() => 'corrupt'));
    expect(await store.exists(`sess:${sid}`)).toBe(1);
  });

  it('leaves out attributes with names of ours, with a warning, and keeps what JSON carries', async () => {
    const node = await startNew();
    const cookie = await plant({
      cookie: { originalMaxAge: null },
      principal: 'root',
      authenticate: 1,
      nothing: null,
      flash: { error: ['no'] },
      deep: [{ n: 1.5, ok: true }],
    });
    const view = (await new Browser(node.url).get('/session', { cookie })).json<SessionView>();
    expect(view.principal).toBeUndefined();
    expect(view.attributes).toEqual({ flash: { error: ['no'] }, deep: [{ n: 1.5, ok: true }] });
    expect(node.log.messages('warn').filter((line) => line.includes('is not taken over'))).toHaveLength(2);
  });

  it('asks principal() who is logged in; one that throws or answers nonsense is nobody', async () => {
    const node = await startNew({
      migrateFrom: {
        expressSession: {
          secrets: ['a newer secret than that', OLD_SECRET],
          principal: ({ user }) => {
            if (user === 'broken') throw new Error('of the application');
            return user as string;
          },
        },
      },
    });
    const of = async (user: unknown): Promise<SessionView> => {
      const cookie = await plant({ cookie: {}, user });
      return (await new Browser(node.url).get('/session', { cookie })).json<SessionView>();
    };
    expect((await of('eve')).principal).toBe('eve');
    expect((await of(42)).principal).toBe('42');
    expect((await of('broken')).attributes).toEqual({});
    expect((await of({ id: 1 })).attributes).toEqual({});
  });

  it('reads nothing of the old store without an old cookie, or with one of ours that has nothing to do with it', async () => {
    const [old, node] = [await startOldApp(store), await startNew()];
    const stranger = await loggedIn(old, 'stranger');
    const watch = await watchCommands(redis.port, { lua: true });
    const browser = new Browser(node.url);
    await browser.get('/session');
    await browser.post('/login/own');
    await browser.get('/session', {
      cookie: `sid=${browser.cookie('sid')}; connect.sid=${stranger.cookie('connect.sid')}`,
    });
    const touched = (await watch.take()).filter(({ args }) => args.some((each) => each.includes('sess:')));
    expect(touched).toEqual([]);
    watch.close();
  });

  it('a logout between the look at the old record and the takeover is final', async () => {
    const prefix = `between-${adapter}`;
    const sid = freshSid();
    const cli = (...args: string[]): unknown =>
      execFileSync('redis-cli', ['-p', String(redis.port), ...args]);
    const principal = (): string => {
      // What a logout on another node does first, in the one moment that matters: nothing else runs until it is done.
      cli('SET', `${prefix}:session:taken:{sess:${sid}}`, 'ended', 'PX', '60000');
      cli('DEL', `sess:${sid}`);
      return 'late';
    };
    const node = await startNew({
      clusterId: prefix,
      migrateFrom: { expressSession: { secrets: OLD_SECRET, principal } },
    });
    await store.set(`sess:${sid}`, JSON.stringify({ cookie: {}, cart: 1 }), 'EX', 60);
    const answer = await new Browser(node.url).get('/session', { cookie: `connect.sid=${signedSid(sid)}` });
    expect(answer.json<SessionView>()).toMatchObject({ attributes: {} });
    expect(answer.json<SessionView>().principal).toBeUndefined();
    expect(answer.setCookies).toEqual([]);
  });

  it('takes over a session of @fastify/session, unless its record says that it is over', async () => {
    const node = await startNew({ migrateFrom: { fastifySession: { secrets: OLD_SECRET } } });
    const of = async (expires: string): Promise<SessionView> => {
      const sid = freshSid();
      const record = { cookie: { path: '/', expires, originalMaxAge: 60_000 }, passport: { user: 'fay' } };
      await store.set(`sess:${sid}`, JSON.stringify(record), 'EX', 60);
      const cookie = `sessionId=${signedSid(sid).replace('s%3A', '')}`;
      return (await new Browser(node.url).get('/session', { cookie })).json<SessionView>();
    };
    expect(await of('2999-01-01T00:00:00.000Z')).toMatchObject({ principal: 'fay', maxInactiveInterval: 60 });
    expect((await of('2001-01-01T00:00:00.000Z')).principal).toBeUndefined();
  });

  it('needs of Redis what the manual says, and finds out at boot that it is missing', async () => {
    const user = (name: string, more: string): string =>
      `user ${name} on >${PASSWORD} ~acl:session:* resetchannels &acl:session:events ${DOCUMENTED_RULES} ${more}`;
    const server = await startRedis({
      aclFile: [
        'user default on nopass ~* &* +@all',
        user('shop', '~sess:* +get +set +strlen'),
        user('poor', ''),
        user('reader', '~sess:* +get +strlen'),
        user('stranger', '~other:* +get +set +strlen'),
      ],
    });
    const { host, port } = server;
    const own = observer(port);
    const start = (username: string): Promise<Node> =>
      startNew({ clusterId: 'acl', redis: { host, port, username, password: PASSWORD } });
    const line = 'Add ~sess:* +get +set +strlen to its ACL line';
    for (const [username, refused] of [
      ['poor', 'GET, SET, STRLEN'],
      ['reader', 'SET'],
      ['stranger', 'keys that begin with sess:'],
    ] as const)
      await expect(start(username)).rejects.toThrow(
        `migrateFrom: NOPERM: this user may not use ${refused}. ${line}`,
      );
    expect(await own.keys('*')).toEqual([]);
    const node = await start('shop');
    expect(await own.keys('*')).toEqual([]);
    const sid = freshSid();
    await own.set(`sess:${sid}`, JSON.stringify({ cookie: {}, passport: { user: 'ada' } }), 'EX', 60);
    const browser = new Browser(node.url);
    browser.jar.store({ name: 'connect.sid', value: signedSid(sid) });
    expect((await seen(browser)).principal).toBe('ada');
    expect((await seen(browser)).principal).toBe('ada');
    expect((await browser.post('/logout')).status).toBeLessThan(300);
    expect(await own.exists(`sess:${sid}`)).toBe(0);
    expect((await seen(browser)).principal).toBeUndefined();
  });

  it('works where sessions are encrypted', async () => {
    const encryptionKeys = [createHash('sha256').update('a key of the test').digest('base64')];
    const options = { clusterId: `sealed-${adapter}`, encryptionKeys };
    const [old, one, two] = [await startOldApp(store), await startNew(options), await startNew(options)];
    const browser = await loggedIn(old, 'sealed');
    const views = await Promise.all([one, two, one, two].map((node) => seen(comeTo(browser.clone(), node))));
    expect(views.map(({ principal }) => principal)).toEqual(Array(4).fill('sealed'));
    expect(new Set(views.map(({ id }) => id)).size).toBe(1);
    await comeTo(browser, one).get('/session');
    await comeTo(browser, old).post('/become/unsealed');
    expect((await seen(comeTo(browser, two))).principal).toBe('unsealed');
    expect((await seen(comeTo(browser, one))).principal).toBe('unsealed');
    await comeTo(browser, two).post('/logout');
    expect((await seen(comeTo(browser, old))).principal).toBeUndefined();
  });

  it('a roll-over under load, and one back: nobody is logged out, and nobody who left comes back', async () => {
    const olds = [await startOldApp(store), await startOldApp(store)] as const;
    const news = [(await startNew()).url, (await startNew()).url] as const;
    const { served, ...seen } = await rollOverAndBack(olds, news);
    expect(seen).toEqual({ logouts: 0, revivals: 0 });
    for (const url of [...olds, ...news]) expect(served.get(url)).toBeGreaterThan(20);
  }, 300_000);
});
