import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  ForbiddenException,
  Injectable,
  Scope,
  ValidationPipe,
  type CallHandler,
  type CanActivate,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import { map, type Observable } from 'rxjs';
import {
  AuthenticatedGuard,
  RedisSessionModule,
  SessionService,
  type SessionModuleOptions,
} from 'nestjs-redis-session';
import {
  SessionAdminModule,
  type SessionAdminList,
  type SessionAdminOptions,
} from 'nestjs-redis-session/admin';
import { aclLine } from '../security/acl-line.js';
import { eachAdapter, startApp } from '../support/apps.js';
import { Browser, type BrowserResponse } from '../support/cookie-jar.js';
import { eventually } from '../support/eventually.js';
import { keyOf } from '../support/records.js';
import { redisClient } from '../support/redis-client.js';
import { startRedis } from '../support/redis-server.js';
import { BrowserWith } from './helpers/browser-with.js';
import { redisAt, startPlayground, type Playground } from './helpers/playground.js';

const PASSWORD = 'p4ss-of-the-application';
const PATH = '/admin/sessions';
const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0';

// The least privileges that SECURITY.md gives: the page needs no more than sessions do.
const redis = await startRedis({
  aclFile: ['user default off', 'user root on >root ~* &* +@all', aclLine('app', PASSWORD, 'session:')],
});
const client = redisClient(redis.port, { username: 'root', password: 'root' });
afterEach(() => client.flushall());

/** Lets those in who are called root. */
@Injectable()
class RootGuard implements CanActivate {
  constructor(private readonly sessions: SessionService) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    if ((await this.sessions.of(context)).principal === 'root') return true;
    throw new ForbiddenException('Only for root.');
  }
}

const csrfIn = (page: BrowserResponse): string => /name="_csrf" value="([^"]+)"/.exec(page.text)?.[1] ?? '';
/** The ids of sessions that a page has buttons for, in order. */
const idsIn = (page: BrowserResponse): string[] =>
  [...page.text.matchAll(/name="end" value="([^"]+)"/g)].map(([, id]) => id ?? '');
const noticeIn = (page: BrowserResponse): string | undefined =>
  /role="(?:status|alert)"[^>]*>([^<]*)</.exec(page.text)?.[1]?.trim();

eachAdapter('the admin page', (adapter) => {
  /** As the user of Redis that SECURITY.md describes. */
  const connection = (): SessionModuleOptions => ({
    redis: { ...redisAt(redis).redis, username: 'app', password: PASSWORD },
  });
  let node: Playground;
  let other: Playground;
  let root: Browser;
  let rootId: string;
  let rootList: string;

  const start = (options: SessionAdminOptions = { guards: [RootGuard] }): Promise<Playground> =>
    startPlayground(adapter, connection(), { module: { imports: [SessionAdminModule.register(options)] } });

  const login = async (principal: string, headers: Record<string, string> = {}, on = node) => {
    const browser = new BrowserWith(headers, on.url);
    const { result: id } = await on.visit(browser, async (session) => {
      session.value = 'canary-of-an-attribute';
      await session.authenticate(principal);
      return session.id;
    });
    return { browser, id };
  };

  /** Who is logged in, for the other node. */
  const principalOf = async (browser: Browser): Promise<string | undefined> =>
    (await other.visit(browser, (session) => session.principal)).result;

  const press = (query: string, fields: Record<string, string>, browser = root): Promise<BrowserResponse> =>
    browser.post(`${PATH}${query}`, new URLSearchParams(fields).toString(), { headers: FORM });

  beforeEach(async () => {
    [node, other] = [await start(), await start()];
    ({ browser: root, id: rootId } = await login('root'));
    [rootList = ''] = await client.keys('session:user:*');
  });
  afterEach(async () => void (await Promise.all([node.close(), other.close()])));

  it('is closed to whom its guards do not let pass, each of its routes', async () => {
    const anna = await login('anna');
    const routes: [string, string][] = [
      ['GET', PATH],
      ['POST', PATH],
      ['POST', `${PATH}?user=anna`],
      ['GET', `${PATH}/api/sessions`],
      ['GET', `${PATH}/api/sessions/${anna.id}`],
      ['GET', `${PATH}/api/count`],
      ['GET', `${PATH}/api/csrf-token`],
      ['DELETE', `${PATH}/api/sessions/${anna.id}`],
      ['DELETE', `${PATH}/api/sessions?principal=anna`],
    ];
    for (const browser of [anna.browser, new Browser(node.url)])
      for (const [method, path] of routes) {
        const answer = await browser.request(method, path);
        expect([method, path, answer.status]).toEqual([method, path, 403]);
        expect(answer.text).toContain('Only for root.');
      }
    expect(await principalOf(anna.browser)).toBe('anna');
  });

  it('shows the sessions of a user, newest first: device, times, public ids; no token and no attribute', async () => {
    const first = await login('anna', { 'user-agent': FIREFOX });
    const second = await login('anna', { 'user-agent': 'curl/8.9' }, other);
    await login('bert');
    const page = await root.get(`${PATH}?user=anna`);
    expect(page.status).toBe(200);
    expect(idsIn(page)).toEqual([second.id, first.id]);
    expect(page.text).toContain('2 sessions.');
    for (const shown of ['Firefox on Linux', FIREFOX, 'curl', '127.0.0.1', 'End all 2 sessions'])
      expect(page.text).toContain(shown);
    expect(page.text.match(/<time datetime="\d{4}-/g)).toHaveLength(8);
    const list = (await root.get(`${PATH}/api/sessions?principal=anna`)).json<SessionAdminList>();
    expect(list).toMatchObject({
      sessions: [
        { id: second.id, principal: 'anna', device: { userAgent: 'curl/8.9' }, current: false },
        { id: first.id, principal: 'anna', device: { userAgent: FIREFOX }, current: false },
      ],
      next: null,
    });
    for (const name of ['createdAt', 'authenticatedAt', 'lastAccessedAt', 'expiresAt'])
      expect(list.sessions[0]).toHaveProperty(name, expect.stringMatching(/^\d{4}-.*Z$/));
    const everything = page.text + JSON.stringify(list);
    for (const { browser } of [first, second]) expect(everything).not.toContain(browser.cookie('sid'));
    expect(everything).not.toContain('canary-of-an-attribute');
  });

  it('shows everybody who is logged in, marks one’s own session, and counts', async () => {
    await login('anna');
    await login('bert');
    // A guest.
    await other.visit(new Browser(other.url), (session) => void (session.value = 1));
    const page = await root.get(PATH);
    expect(idsIn(page)).toHaveLength(3);
    expect(page.text).toContain('3 sessions.');
    expect(page.text.match(/>yours</g)).toHaveLength(1);
    for (const principal of ['anna', 'bert', 'root'])
      expect(page.text).toContain(`<a href="?user=${principal}"><bdi>${principal}</bdi></a>`);
    const { sessions } = (await root.get(`${PATH}/api/sessions`)).json<SessionAdminList>();
    expect(sessions.filter(({ current }) => current).map(({ id }) => id)).toEqual([rootId]);
    expect((await root.get(`${PATH}/api/count`)).json()).toEqual({ count: 3 });
    expect((await root.get(`${PATH}/api/count?principal=anna`)).json()).toEqual({ count: 1 });
    expect((await root.get(`${PATH}/api/count?principal=nobody`)).json()).toEqual({ count: 0 });
    const none = await root.get(`${PATH}?user=nobody`);
    expect(none.text).toContain('There is no session of <bdi>nobody</bdi>');
    expect(idsIn(none)).toEqual([]);
  });

  it('finds a session by its id, a guest’s too', async () => {
    const anna = await login('anna', { 'user-agent': FIREFOX });
    const page = await root.get(`${PATH}?user=${anna.id}`);
    expect(idsIn(page)).toEqual([anna.id]);
    expect(page.text).toContain('<a href="?user=anna">');
    expect(page.text).toContain(FIREFOX);
    expect(page.text).not.toContain('name="endAll"');
    const found = await root.get(`${PATH}/api/sessions/${anna.id}`);
    expect(found.json()).toMatchObject({ id: anna.id, principal: 'anna', device: { userAgent: FIREFOX } });
    const { result: guestId } = await node.visit(new Browser(node.url), async (session) => {
      session.value = 'canary-of-an-attribute';
      await session.save();
      return session.id;
    });
    const guest = await root.get(`${PATH}?user=${guestId}`);
    expect(idsIn(guest)).toEqual([guestId]);
    expect(guest.text).toContain('nobody (a guest)');
    expect(guest.text).not.toContain('canary');
    expect((await root.get(`${PATH}/api/sessions/${'x'.repeat(47)}`)).status).toBe(404);
    const ended = await press(`?user=${guestId}`, { end: guestId, _csrf: csrfIn(guest) });
    expect(ended.headers.location).toBe('?ended=1');
  });

  it('escapes whatever clients and users say of themselves, and shows what cannot be seen', async () => {
    const name = `"'><img src=x onerror=alert(1)>&amp;\u202eanna\u200b\r\n`;
    await login(name, { 'user-agent': '</td><script>alert(2)</script>"\'' });
    for (const query of ['', `?${new URLSearchParams({ user: name }).toString()}`]) {
      const page = await root.get(`${PATH}${query}`);
      expect(page.text).not.toMatch(/<img|<script/);
      // But in the field, which is searched for again.
      expect(page.text.replace(/value="[^"]*"/, '')).not.toMatch(/[\u202e\u200b]/);
      expect(page.text).toContain(
        '&quot;&#39;&gt;&lt;img src=x onerror=alert(1)&gt;&amp;amp;<span class="code-point">U+202E</span>anna',
      );
      expect(page.text).toContain('U+200B</span><span class="code-point">U+000D</span>');
      expect(page.text).toContain('&lt;/td&gt;&lt;script&gt;alert(2)&lt;/script&gt;&quot;&#39;');
    }
    // By the link that the page has, and in the address, where nothing rewrites line breaks.
    const link = /href="(\?user=%22[^"]+)"/.exec((await root.get(PATH)).text)?.[1] ?? '';
    const page = await root.get(`${PATH}${link}`);
    expect(idsIn(page)).toHaveLength(1);
    const answer = await press(link, { endAll: 'yes', _csrf: csrfIn(page) });
    expect(answer.headers.location).toBe(`${link}&ended=1`);
    // What was searched for stands in the field and the title.
    const searched = await root.get(`${PATH}?user=${encodeURIComponent('"><b onclick="x">')}`);
    expect(searched.text).not.toMatch(/<b |<title>[^<]*"/);
    expect(searched.text).toContain('value="&quot;&gt;&lt;b onclick=&quot;x&quot;&gt;"');
    expect((await root.get(`${PATH}?user=%ED%A0%80&after=%00&ended=%3Cb%3E&count=%FF`)).status).toBe(200);
  });

  it('lets nothing into the page but its own style, and is stored and framed by nobody', async () => {
    const page = await root.get(PATH);
    const style = /<style>([\s\S]*?)<\/style>/.exec(page.text)?.[1] ?? '';
    const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(style));
    expect(page.headers['content-security-policy']).toBe(
      `default-src 'none'; style-src 'sha256-${Buffer.from(digest).toString('base64')}'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`,
    );
    expect(page.headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'x-frame-options': 'DENY',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'same-origin',
    });
    expect(page.text).not.toMatch(/<script|\son\w+=|\sstyle=|https?:\/\//);
    for (const path of ['sessions', 'count', 'csrf-token'])
      expect((await root.get(`${PATH}/api/${path}`)).headers['cache-control']).toBe('no-store');
  });

  it('ends one session, on every node', async () => {
    const [first, second] = [await login('anna'), await login('anna')];
    const page = await root.get(`${PATH}?user=anna`);
    const answer = await press('?user=anna', { end: first.id, _csrf: csrfIn(page) });
    expect([answer.status, answer.headers.location]).toEqual([303, '?user=anna&ended=1']);
    const after = await root.get(`${PATH}?user=anna&ended=1`);
    expect(noticeIn(after)).toBe('1 session ended.');
    expect(after.text).toContain('<title>1 session ended. · Sessions of anna</title>');
    expect(idsIn(after)).toEqual([second.id]);
    expect(await principalOf(first.browser)).toBeUndefined();
    expect(await principalOf(second.browser)).toBe('anna');
    // Of Nest's loggers the last application's gets it.
    expect(other.log.text()).toContain(`Session ${first.id} is ended, as session ${rootId} wants it.`);
    // Once more, and one that never was.
    for (const end of [first.id, 'x'.repeat(47), 'no\nid']) {
      const again = await press('?user=anna', { end, _csrf: csrfIn(page) });
      expect([again.status, again.headers.location]).toEqual([303, '?user=anna&ended=0']);
    }
    const nothing = await root.get(`${PATH}?user=anna&ended=0`);
    expect(noticeIn(nothing)).toBe('Nothing was ended: there is no such session.');
    expect(nothing.text).toContain('class="notice bad"');
    for (const never of ['x'.repeat(47), 'no\nid']) expect(other.log.text()).not.toContain(never);
    // Under an id that it had before, as a page has it that is older than the change.
    const renewed = await login('anna');
    await node.visit(renewed.browser, (session) => session.regenerateId());
    const moved = await press('?user=anna', { end: renewed.id, _csrf: csrfIn(page) });
    expect(moved.headers.location).toBe('?user=anna&ended=1');
    expect(await principalOf(renewed.browser)).toBeUndefined();
    expect(await principalOf(second.browser)).toBe('anna');
  });

  it('ends all sessions of a user, and of nobody else', async () => {
    const annas = [await login('anna'), await login('anna', {}, other), await login('anna')];
    const bert = await login('bert');
    const page = await root.get(`${PATH}?user=anna`);
    const answer = await press('?user=anna', { endAll: 'yes', _csrf: csrfIn(page) });
    expect([answer.status, answer.headers.location]).toEqual([303, '?user=anna&ended=3']);
    expect(noticeIn(await root.get(`${PATH}${answer.headers.location}`))).toBe('3 sessions ended.');
    for (const { browser } of annas) expect(await principalOf(browser)).toBeUndefined();
    expect(await principalOf(bert.browser)).toBe('bert');
    expect(await principalOf(root)).toBe('root');
    expect(other.log.text()).not.toContain('anna');
    const none = await press('?user=anna', { endAll: 'yes', _csrf: csrfIn(page) });
    expect(noticeIn(await root.get(`${PATH}${none.headers.location}`))).toContain('Nothing was ended');
  });

  it('ends nothing where it is not told whose', async () => {
    const anna = await login('anna');
    const _csrf = csrfIn(await root.get(PATH));
    for (const query of ['', '?user=', '?user=anna&user=bert', '?other=1'])
      expect((await press(query, { endAll: 'yes', _csrf })).status).toBe(303);
    for (const fields of [{}, { endAll: '' }, { end: '' }, { endAll: 'no' }])
      expect((await press('?user=anna', { ...fields, _csrf })).status).toBe(303);
    const headers = { 'x-csrf-token': _csrf };
    for (const query of [
      '',
      '?principal=',
      '?principal=anna&principal=bert',
      '?user=anna',
      '?principal[x]=anna',
    ])
      expect((await root.request('DELETE', `${PATH}/api/sessions${query}`, { headers })).status).toBe(400);
    expect((await root.request('DELETE', `${PATH}/api/sessions/nothing`, { headers })).status).toBe(404);
    expect(await principalOf(anna.browser)).toBe('anna');
  });

  it('ends one’s own session and its cookie', async () => {
    const again = await login('root');
    const answer = await press('', { end: rootId, _csrf: csrfIn(await root.get(PATH)) });
    expect(answer.status).toBe(200);
    expect(noticeIn(answer)).toBe('Your own session is ended.');
    expect(root.cookie('sid')).toBeUndefined();
    const page = await again.browser.get(`${PATH}?user=root`);
    expect(idsIn(page)).toEqual([again.id]);
    const all = await press('?user=root', { endAll: 'yes', _csrf: csrfIn(page) }, again.browser);
    expect(noticeIn(all)).toBe('Your own session is ended.');
    expect(again.browser.cookie('sid')).toBeUndefined();
    expect((await again.browser.get(PATH)).status).toBe(403);
  });

  it('ends nothing without a CSRF token of the session', async () => {
    const anna = await login('anna');
    const { result: annasToken } = await node.visit(anna.browser, (session) => session.csrfToken());
    for (const _csrf of [undefined, '', 'x'.repeat(86), annasToken])
      for (const fields of [{ end: anna.id }, { endAll: 'yes' }]) {
        const given = { ...fields, ...(_csrf !== undefined && { _csrf }) } as Record<string, string>;
        const answer = await press('?user=anna', given);
        expect(answer.status).toBe(403);
        expect(answer.headers['content-type']).toContain('text/html');
        expect(answer.headers['content-security-policy']).toContain("default-src 'none'");
        expect(noticeIn(answer)).toContain('nothing was ended');
      }
    for (const path of [`/${anna.id}`, '?principal=anna']) {
      const answer = await root.request('DELETE', `${PATH}/api/sessions${path}`);
      expect([answer.status, answer.json<{ message: string }>().message]).toEqual([
        403,
        expect.stringContaining('CSRF'),
      ]);
    }
    expect(await principalOf(anna.browser)).toBe('anna');
  });

  it('ends sessions for programs', async () => {
    const [first, second] = [await login('anna'), await login('anna')];
    const { token } = (await root.get(`${PATH}/api/csrf-token`)).json<{ token: string }>();
    const headers = { 'x-csrf-token': token };
    expect((await root.request('DELETE', `${PATH}/api/sessions/${first.id}`, { headers })).status).toBe(204);
    expect(await principalOf(first.browser)).toBeUndefined();
    const all = await root.request('DELETE', `${PATH}/api/sessions?principal=anna`, { headers });
    expect([all.status, all.json()]).toEqual([200, { ended: 1 }]);
    expect(await principalOf(second.browser)).toBeUndefined();
  });

  it('uses no session by looking at it, however often', async () => {
    // Every use is noted at once, so that none could hide in the interval.
    const options = { ...connection(), touchIntervalSeconds: 0 };
    const module = { imports: [SessionAdminModule.register({ guards: [new LetAll()] })] };
    const eager = await startPlayground(adapter, options, { module });
    const anna = await login('anna', {}, eager);
    await client.pexpire(keyOf(anna.id), 50_000);
    const list = `${PATH}/api/sessions`;
    const browser = new Browser(eager.url);
    const paths = [PATH, `${PATH}?user=anna`, `${PATH}?user=${anna.id}`];
    for (const path of [...paths, list, `${list}?principal=anna`, `${list}/${anna.id}`])
      for (let times = 0; times < 3; times += 1) expect((await browser.get(path)).text).toContain(anna.id);
    expect((await browser.get(`${PATH}/api/count`)).status).toBe(200);
    const left = await client.pttl(keyOf(anna.id));
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThanOrEqual(50_000);
    // A use would have shown.
    await eager.visit(anna.browser, (session) => session.value);
    await eventually('a use to show', async () =>
      (await client.pttl(keyOf(anna.id))) > 50_000 ? true : undefined,
    );
    await eager.close();
  });

  describe('pages', () => {
    const SESSIONS = 52;

    it('a user’s sessions, and everybody’s: each once', async () => {
      for (let n = 0; n < SESSIONS; n += 1) await login('anna');
      const all = (await node.sessions.list('anna')).map(({ id }) => id);
      const first = await root.get(`${PATH}?user=anna`);
      expect(idsIn(first)).toEqual(all.slice(0, 50));
      expect(first.text).toContain(`${SESSIONS} sessions.`);
      const next = /rel="next" href="([^"]+)"/.exec(first.text)?.[1]?.replaceAll('&amp;', '&') ?? '';
      const second = await root.get(`${PATH}${next}`);
      expect(idsIn(second)).toEqual(all.slice(50));
      expect(second.text).toContain(`${SESSIONS} sessions.`);
      expect(second.text).not.toContain('rel="next"');
      // Of everybody, one more is there: root's.
      const everybody = await root.get(PATH);
      expect(everybody.text).toContain('More than are shown here.');
      expect((await root.get(`${PATH}?count=all`)).text).toContain(`${SESSIONS + 1} sessions.`);
      const rest = /rel="next" href="([^"]+)"/.exec(everybody.text)?.[1]?.replaceAll('&amp;', '&') ?? '';
      const shown = [...idsIn(everybody), ...idsIn(await root.get(`${PATH}${rest}`))];
      expect(shown.sort()).toEqual([...all, rootId].sort());
      // An end on a page behind the first leads back to that page.
      const [gone = ''] = all.slice(50);
      const answer = await press(next, { end: gone, _csrf: csrfIn(second) });
      expect(answer.headers.location).toBe(`${next}&ended=1`);
      expect(idsIn(await root.get(`${PATH}${answer.headers.location}`))).toEqual(all.slice(51));
      // One that is not there to go on from: the first page, and it says so.
      for (const query of [next, rest]) {
        const again = await root.get(`${PATH}${query.replace(/after=.*/, `after=${'x'.repeat(47)}`)}`);
        expect(noticeIn(again)).toMatch(/no going on from where you were.*first page/);
        expect(idsIn(again)).toHaveLength(50);
      }
    }, 60_000);

    it('for programs', async () => {
      for (let n = 0; n < 5; n += 1) await login('anna');
      for (const [query, size] of [
        ['principal=anna&', 5],
        ['', 6],
      ] as const) {
        const ids: string[] = [];
        let after = '';
        for (;;) {
          const answer = await root.get(`${PATH}/api/sessions?${query}limit=2${after}`);
          const { sessions, next } = answer.json<SessionAdminList>();
          ids.push(...sessions.map(({ id }) => id));
          expect(sessions.length).toBeLessThanOrEqual(2);
          if (next === null) break;
          after = `&after=${next}`;
        }
        expect(new Set(ids).size).toBe(size);
        expect(ids).toHaveLength(size);
        const gone = await root.get(`${PATH}/api/sessions?${query}after=${'x'.repeat(47)}`);
        expect([gone.status, gone.json<{ message: string }>().message]).toEqual([
          410,
          expect.stringContaining('Begin again'),
        ]);
        // The last of the list is there: nothing comes after it.
        const last = await root.get(`${PATH}/api/sessions?${query}after=${ids.at(-1)}`);
        expect(last.json()).toEqual({ sessions: [], next: null });
      }
      for (const limit of ['0', '501', '-1', '1.5', 'x', '', '1&limit=2'])
        expect((await root.get(`${PATH}/api/sessions?limit=${limit}`)).status).toBe(400);
    });
  });

  it('works where the list of a user holds something else, as do logins and ends of that user', async () => {
    const anna = await login('anna');
    const [list = ''] = (await client.keys('session:user:*')).filter((key) => key !== rootList);
    await client.del(list);
    for (const look of [
      () => root.get(PATH).then((page) => expect(idsIn(page).sort()).toEqual([anna.id, rootId].sort())),
      () => root.get(`${PATH}?user=anna`).then((page) => expect(page.status).toBe(200)),
      () => root.get(`${PATH}/api/count`).then((answer) => expect(answer.json()).toEqual({ count: 2 })),
      () => login('anna').then(({ browser }) => browser.get('/')),
      () => node.sessions.destroyAll('anna'),
    ]) {
      await client.set(list, 'of somebody else');
      await look();
      expect(await client.get(`${list}:unreadable`)).toBe('of somebody else');
      await client.del(list, `${list}:unreadable`);
    }
    // Of Nest's loggers the last application's gets it.
    expect(other.log.text()).toContain(
      `${list}, which is for the list of a user's sessions, held something else.`,
    );
  });

  it('says that sessions cannot be reached, on a page', async () => {
    const broken = await startRedis();
    const alone = await startPlayground(
      adapter,
      { redis: { ...redisAt(broken).redis, timeoutMs: 300 } },
      { module: { imports: [SessionAdminModule.register({ guards: [new LetAll()] })] } },
    );
    await broken.stop();
    const page = await new Browser(alone.url).get(PATH);
    expect([page.status, page.headers['retry-after']]).toEqual([503, expect.stringMatching(/^\d+$/)]);
    expect(noticeIn(page)).toContain('cannot be looked at');
    expect(page.headers['cache-control']).toBe('no-store');
    expect((await new Browser(alone.url).get(`${PATH}/api/sessions`)).status).toBe(503);
    await alone.close();
  });

  it('is at home in an application with prefix, versions, envelopes, pipes, and administrators without a login', async () => {
    const mounted = await startPlayground(adapter, connection(), {
      module: { imports: [SessionAdminModule.register({ path: '/people/', guards: [new LetAll()] })] },
      configure: (app) => {
        app.setGlobalPrefix('v');
        app.enableVersioning();
        app.useGlobalInterceptors(new Envelope());
        app.useGlobalPipes(
          new ValidationPipe({ transform: true, whitelist: true, forbidNonWhitelisted: true }),
        );
      },
    });
    const browser = new Browser(mounted.url);
    const anna = await login('anna');
    for (const path of ['/v/people', '/v/people?user=anna'])
      expect(idsIn(await browser.get(path))).toContain(anna.id);
    const page = await browser.get('/v/people?user=anna');
    const body = new URLSearchParams({ end: anna.id, _csrf: csrfIn(page) }).toString();
    const answer = await browser.post('/v/people?user=anna', body, { headers: FORM, followRedirects: true });
    expect(noticeIn(answer)).toBe('1 session ended.');
    expect(await principalOf(anna.browser)).toBeUndefined();
    await mounted.close();
  });
});

/** Puts whatever handlers return into an object, as many applications do. */
class Envelope implements NestInterceptor {
  intercept(_: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(map((data: unknown) => ({ data })));
  }
}

class LetAll implements CanActivate {
  canActivate(): boolean {
    return true;
  }
}

@Injectable({ scope: Scope.REQUEST })
class OfEachRequest implements CanActivate {
  static made = 0;
  readonly number = (OfEachRequest.made += 1);

  canActivate(context: ExecutionContext): boolean {
    return context.switchToHttp().getRequest<{ query: { pass?: string } }>().query.pass === 'yes';
  }
}

describe('an application with the admin module', () => {
  const bootWith = async (options: unknown): Promise<void> => {
    const imports = [
      RedisSessionModule.forRoot({ enabled: false }),
      SessionAdminModule.register(options as SessionAdminOptions),
    ];
    await (await startApp('express', { imports })).close();
  };

  class NoGuard {}

  it.each<[string, unknown, RegExp]>([
    ['no guards', {}, /needs guards: whoever reaches its page/],
    ['an empty list', { guards: [] }, /needs guards/],
    ['one that is no list', { guards: AuthenticatedGuard }, /needs guards/],
    [
      'a guard of a circular import',
      { guards: [AuthenticatedGuard, undefined] },
      /guards\[1\] is no guard.*import each other/,
    ],
    [
      'a class that is no guard',
      { guards: [NoGuard] },
      /guards\[0\] is no guard: it has no method canActivate/,
    ],
    ['a function', { guards: [() => true] }, /guards\[0\] is no guard/],
    ['no path', { path: '/', guards: [AuthenticatedGuard] }, /path is to be the path of a page/],
    ['a path that is none', { path: 7, guards: [AuthenticatedGuard] }, /path is to be the path of a page/],
  ])('does not start with %s', async (_what, options, message) => {
    await expect(bootWith(options)).rejects.toThrow(message);
  });

  it('does not start with the module alone', async () => {
    const imports = [RedisSessionModule.forRoot({ enabled: false }), SessionAdminModule];
    await expect(startApp('express', { imports })).rejects.toThrow(
      /register\(\{ guards: \[AdminGuard\] \}\)/,
    );
  });

  it('is guarded by guards of each request, and may be there twice', async () => {
    const guards = [OfEachRequest] as const;
    const imports = [
      RedisSessionModule.forRoot({ enabled: false }),
      SessionAdminModule.register({ path: 'one', guards }),
      SessionAdminModule.register({ path: 'two', guards: [LetAll] }),
    ];
    const { url, close } = await startApp('express', { imports });
    const [one, same, two] = await Promise.all(
      ['/one', '/one', '/two'].map((path) => new Browser(url).get(`${path}?pass=${OfEachRequest.made}`)),
    );
    expect([one?.status, same?.status, two?.status]).toEqual([403, 403, 200]);
    expect((await new Browser(url).get('/one?pass=yes')).text).toContain('Nobody is logged in.');
    expect(OfEachRequest.made).toBe(3);
    await close();
  });

  it('starts with guards, also where sessions are not global', async () => {
    await bootWith({ guards: [AuthenticatedGuard] });
    const sessions = RedisSessionModule.forRoot({ enabled: false, isGlobal: false });
    const admin = SessionAdminModule.register({ guards: [RootGuard], imports: [sessions] });
    const { url, close } = await startApp('express', { imports: [sessions, admin] });
    expect((await new Browser(url).get(PATH)).status).toBe(403);
    await close();
  });
});
