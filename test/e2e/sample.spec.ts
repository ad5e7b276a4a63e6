import { beforeAll, describe, expect, it } from '@jest/globals';
import { readdir } from 'node:fs/promises';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Balancer } from '../../sample/launcher/balancer.js';
import { chooseRedis } from '../../sample/launcher/settings.js';
import { startChild, type ManagedChild } from '../support/child-process.js';
import { onCleanup, tempDir } from '../support/cleanup.js';
import { Browser, type BrowserResponse } from '../support/cookie-jar.js';
import { freePort } from '../support/free-port.js';
import { startNode, type NodeProcess } from '../support/node-process.js';
import { BrowserWith } from './helpers/browser-with.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const START = `${ROOT}/sample/dist/start.js`;
const FORM = { headers: { 'content-type': 'application/x-www-form-urlencoded' } };
const BUILD_TIMEOUT_MS = 900_000;

const post = (
  browser: Browser,
  path: string,
  fields: Record<string, string> = {},
): Promise<BrowserResponse> => browser.post(path, new URLSearchParams(fields).toString(), FORM);

const logIn = (browser: Browser, name: string, password = 'tea'): Promise<BrowserResponse> =>
  post(browser, '/login', { name, password });

/** Which node rendered a page, by its footer. */
function nodeOf(page: BrowserResponse): { name: string; pid: number } {
  const [, name, pid] = /class="node">(.*?)<[\s\S]*?class="pid">(\d+)</.exec(page.text) ?? [];
  if (name === undefined)
    throw new Error(`A page without a footer: ${page.status} ${page.text.slice(0, 200)}`);
  return { name, pid: Number(pid) };
}

const cartCountOf = (page: BrowserResponse): string | undefined =>
  /class="count">(\d+)</.exec(page.text)?.[1];

/** A page as each of the nodes renders it. */
async function fromEachNode(browser: Browser, path: string): Promise<Map<string, BrowserResponse>> {
  const pages = new Map<string, BrowserResponse>();
  for (let tries = 0; tries < 20 && pages.size < 2; tries++) {
    const page = await browser.get(path);
    pages.set(nodeOf(page).name, page);
  }
  expect([...pages.keys()].sort()).toEqual(['node-a', 'node-b']);
  return pages;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** The pids that the launcher has told of, at any time. */
const pidsIn = (output: string): number[] => [...output.matchAll(/pid (\d+)/g)].map(([, pid]) => Number(pid));

/** Resolves when the text is in a program's output. A helper ends it if it hangs; jest's timeout ends the wait. */
function printed(child: ManagedChild, pattern: RegExp): Promise<void> {
  return new Promise((resolve, reject) => {
    const look = (): void => {
      if (!pattern.test(child.output())) return;
      stopListening();
      resolve();
    };
    const stopListening = child.onOutput(look);
    void child.exited.then(() =>
      reject(new Error(`It ended without ${String(pattern)}:\n${child.output()}`)),
    );
    look();
  });
}

const { PATH = '', HOME = '' } = process.env;

describe('the sample, as npm start runs it', () => {
  let npm: ManagedChild;
  let url: string;

  beforeAll(async () => {
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    // A session of its own, as in a terminal: Ctrl-C then reaches npm, its shell and the launcher together.
    npm = await startChild('setsid', ['npm', 'start'], {
      cwd: ROOT,
      env: { PATH, HOME, PORT: String(port) },
    });
    onCleanup(() => {
      if (npm.isRunning()) process.kill(-npm.pid, 'SIGTERM');
    });
    await printed(npm, /Ctrl-C stops everything/);
  }, BUILD_TIMEOUT_MS);

  it('tells where to look', () => {
    expect(npm.output()).toMatch(/The shop is open: http:\/\/localhost:\d+/);
    expect(npm.output()).toMatch(/node-a: port \d+, pid \d+/);
    expect(npm.output()).toMatch(/node-b: port \d+, pid \d+/);
    expect(npm.output()).toMatch(/Redis: a private one, port \d+, pid \d+/);
    expect(npm.output()).toContain('[node-b]');
    expect(npm.output()).toContain('Successful! Redis-based sessions will expire after 1800 seconds.');
  });

  it('logs the banner as one entry, and nothing else but what Nest tells of itself', () => {
    const ofNest = /\[(NestFactory|InstanceLoader|RoutesResolver|RouterExplorer|NestApplication)\]/;
    const entries = npm
      .output()
      .split('\n')
      .filter((line) => /^\[node-a\] \[Nest\]/.test(line) && !ofNest.test(line));
    expect(entries).toEqual([expect.stringMatching(/LOG \[RedisSessionModule\] Redis-based sessions$/)]);
  });

  it('keeps a guest’s cart across the nodes, and through the login', async () => {
    const browser = new Browser(url);
    for (const product of ['assam', 'cake', 'assam']) {
      expect((await post(browser, '/cart', { product })).status).toBe(303);
    }
    for (const page of (await fromEachNode(browser, '/cart')).values()) {
      expect(cartCountOf(page)).toBe('3');
      expect(page.text).toContain('€ 11.20');
    }
    await post(browser, '/cart/remove', { product: 'cake' });
    const guestCookie = browser.jar.header('/');
    expect((await logIn(browser, 'Ada')).status).toBe(303);
    expect(guestCookie).toContain('sid=');
    expect(browser.jar.header('/')).not.toBe(guestCookie);
    for (const page of (await fromEachNode(browser, '/cart')).values()) expect(cartCountOf(page)).toBe('2');
    for (const page of (await fromEachNode(browser, '/account')).values()) expect(page.text).toContain('Ada');
    const session = await browser.get('/session');
    expect(session.text).toMatch(/principal<\/th>\s*<td>Ada</);
    expect(session.text).toMatch(/isNew<\/th>\s*<td>false</);
  });

  it('gives a visitor who only looks no cookie', async () => {
    const page = await new Browser(url).get('/');
    expect(page.status).toBe(200);
    expect(page.setCookies).toEqual([]);
  });

  it('shows letters alone, and draws the rest: no font is asked for emoji or symbols', async () => {
    const browser = new Browser(url);
    await post(browser, '/cart', { product: 'assam' });
    await logIn(browser, 'keeper', 'kettle');
    for (const path of [
      '/',
      '/cart',
      '/visits',
      '/session',
      '/status',
      '/account',
      '/order',
      '/admin/sessions',
    ]) {
      const { status, text } = await browser.get(path, { followRedirects: true });
      const symbols = text.match(/[\u2190-\u2bff\p{Extended_Pictographic}]/gu);
      expect([path, status, symbols]).toEqual([path, 200, null]);
    }
  });

  it('guards the account, refuses a wrong password and a bad form, and escapes what it shows', async () => {
    const browser = new Browser(url);
    const refused = await browser.get('/account');
    expect([refused.status, refused.headers.location]).toEqual([303, '/login']);

    const wrong = await post(browser, '/login', { name: 'Eve', password: 'coffee' });
    expect(wrong.status).toBe(401);
    expect(wrong.text).toContain('That is not the password.');
    const empty = await post(browser, '/login', { name: ' ', password: 'tea' });
    expect(empty.status).toBe(400);
    expect(empty.text).toContain('1 to 40 characters');
    expect((await post(browser, '/cart', { product: 'gold' })).text).toContain('There is no such product.');

    await logIn(browser, '<script>alert(1)</script>');
    const page = await browser.get('/account');
    expect(page.text).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
    expect(page.text).not.toContain('<script>');
  });

  describe('your devices', () => {
    const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0';
    const PHONE = 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile Safari/604.1';
    const csrfIn = (page: BrowserResponse): string =>
      /name="_csrf" value="([^"]+)"/.exec(page.text)?.[1] ?? '';
    const idsIn = (page: BrowserResponse): string[] =>
      [...page.text.matchAll(/name="id" value="([^"]+)"/g)].map(([, id]) => id ?? '');
    const idOf = async (browser: Browser): Promise<string> =>
      /id<\/th>\s*<td>([\w-]{47})</.exec((await browser.get('/session')).text)?.[1] ?? '';
    const onDevice = async (name: string, userAgent: string, password = 'tea'): Promise<Browser> => {
      const browser = new BrowserWith({ 'user-agent': userAgent }, url);
      expect((await post(browser, '/login', { name, password })).status).toBe(303);
      return browser;
    };
    const isIn = async (browser: Browser): Promise<boolean> => (await browser.get('/account')).status === 200;

    it('are listed, this one marked, and one or all others are logged out, on both nodes', async () => {
      const laptop = await onDevice('Mary', FIREFOX);
      const phone = await onDevice('Mary', PHONE);
      const tablet = await onDevice('Mary', 'Mozilla/5.0 (Linux; Android 15) Chrome/140.0 Mobile');
      const page = await laptop.get('/account');
      expect(page.text).toMatch(/Firefox on Linux<\/strong>\s*<span class="mark">this device</);
      for (const shown of ['Safari on iPhone', 'Chrome on Android', 'Log out on all others (2)'])
        expect(page.text).toContain(shown);
      const phoneId = await idOf(phone);
      expect(idsIn(page).sort()).toEqual([phoneId, await idOf(tablet)].sort());
      const ended = await post(laptop, '/account/devices/end', { id: phoneId, _csrf: csrfIn(page) });
      expect([ended.status, ended.headers.location]).toEqual([303, '/account?ended=one']);
      expect((await laptop.get('/account?ended=one')).text).toMatch(/role="status">Logged out there\.</);
      for (let request = 0; request < 2; request++)
        expect([await isIn(phone), await isIn(tablet), await isIn(laptop)]).toEqual([false, true, true]);
      await post(laptop, '/account/devices/end-others', { _csrf: csrfIn(page) });
      for (let request = 0; request < 2; request++)
        expect([await isIn(tablet), await isIn(laptop)]).toEqual([false, true]);
      expect(idsIn(await laptop.get('/account'))).toEqual([]);
    });

    it('are one’s own: of another’s session nothing ends, and nothing is to be found out', async () => {
      const [mallory, victim] = [await onDevice('Mallory', FIREFOX), await onDevice('Victor', PHONE)];
      // The buttons, and with them a CSRF token, are there where there are other devices.
      for (const name of ['Mallory', 'Victor']) await onDevice(name, PHONE);
      const token = csrfIn(await mallory.get('/account'));
      const answers: object[] = [];
      for (const id of [await idOf(victim), 'x'.repeat(47), 'nothing']) {
        const { status, text, headers } = await post(mallory, '/account/devices/end', { id, _csrf: token });
        answers.push({ status, text, location: headers.location });
      }
      expect(answers[0]).toMatchObject({ status: 303, location: '/account?ended=one' });
      expect(answers).toEqual(answers.map(() => answers[0]));
      expect(await isIn(victim)).toBe(true);
      await post(mallory, '/account/devices/end-others', { _csrf: token });
      expect(await isIn(victim)).toBe(true);
      // Nor is anything done by the form of another site, or of another session.
      const victims = csrfIn(await victim.get('/account'));
      expect(victims).not.toBe('');
      for (const wrong of ['', victims, 'x'.repeat(86)]) {
        const id = await idOf(mallory);
        expect((await post(mallory, '/account/devices/end', { id, _csrf: wrong })).status).toBe(403);
        expect((await post(mallory, '/account/devices/end-others', { _csrf: wrong })).status).toBe(403);
      }
      const guest = await post(new Browser(url), '/account/devices/end-others');
      expect(guest.headers.location).toBe('/login');
    });

    it('are told of by mail when they are new', async () => {
      await onDevice('Nora', FIREFOX);
      await onDevice('Nora', FIREFOX);
      await onDevice('Nora', PHONE);
      await printed(
        npm,
        /\[Mail\].*To "Nora": you were logged in on a new device, Safari on iPhone, 127\.0\.0\.1\./,
      );
      expect(npm.output().match(/To "Nora"/g)).toHaveLength(1);
    });

    it('of everybody are for the keeper, who has a password of their own', async () => {
      expect((await new Browser(url).get('/admin/sessions')).headers.location).toBe('/login');
      const usual = await onDevice('Olga', FIREFOX);
      expect((await usual.get('/admin/sessions')).status).toBe(403);
      expect((await usual.get('/')).text).not.toContain('/admin/sessions');
      expect((await post(new Browser(url), '/login', { name: 'keeper', password: 'tea' })).status).toBe(401);
      const keeper = await onDevice('keeper', FIREFOX, 'kettle');
      expect((await keeper.get('/')).text).toContain('href="/admin/sessions"');
      const page = await keeper.get('/admin/sessions?user=Olga');
      expect(page.text).toContain('1 session.');
      await post(keeper, '/admin/sessions?user=Olga', { endAll: 'yes', _csrf: csrfIn(page) });
      expect(await isIn(usual)).toBe(false);
    });
  });

  it('counts each of many visits at once', async () => {
    const browser = new Browser(url);
    await browser.get('/visits');
    const pages = await Promise.all(Array.from({ length: 40 }, () => browser.get('/visits')));
    const counts = pages.map((page) => Number(/id="visits">\s*(\d+)/.exec(page.text)?.[1]));
    expect(counts.sort((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, at) => at + 2));
  });

  it('finishes an order in the background, seen from every node', async () => {
    const browser = new Browser(url);
    await logIn(browser, 'Grace');
    await post(browser, '/cart', { product: 'oolong' });
    const form = await browser.get('/cart');
    const token = /name="_csrf" value="([^"]+)"/.exec(form.text)?.[1] ?? '';
    expect((await post(browser, '/order')).status).toBe(403);
    expect((await post(browser, '/order', { _csrf: token })).headers.location).toBe('/order');
    expect((await post(browser, '/order', { _csrf: token })).status).toBe(400);
    const preparing = await browser.get('/order');
    expect(preparing.text).toContain('being prepared');
    expect(preparing.text).toContain('http-equiv="refresh"');
    expect(cartCountOf(preparing)).toBe('0');

    let page = preparing;
    const deadline = performance.now() + 10_000;
    while (!page.text.includes('is ready') && performance.now() < deadline)
      page = await browser.get('/order');
    for (const ready of (await fromEachNode(browser, '/order')).values()) {
      expect(ready.text).toContain('Your order is ready');
      expect(ready.text).toContain('1 × Milk oolong');
    }
  });

  it('shows the settings in effect and the health of Redis', async () => {
    const status = await new Browser(url).get('/status');
    const text = status.text.replaceAll(/<svg .*?<\/svg>/g, '✓');
    expect(text).toContain('[✓] REDIS_SESSION_ENABLED: true');
    expect(text).toContain('[✓] REDIS_SESSION_ENABLED_FOR_ANON_TRAFFIC: true');
    expect(status.text).toMatch(/role<\/th>\s*<td>master</);
    const health = await new Browser(url).get('/health');
    expect(health.status).toBe(200);
    expect(health.json()).toMatchObject({ status: 'ok', info: { sessions: { status: 'up' } } });
  });

  it('logs out on one node what is then logged out on the other', async () => {
    const browser = new Browser(url);
    await logIn(browser, 'Linus');
    const secondTab = browser.clone();
    expect((await secondTab.get('/account')).status).toBe(200);
    expect((await post(browser, '/logout')).status).toBe(303);
    for (let request = 0; request < 4; request++) {
      expect((await secondTab.get('/account')).headers.location).toBe('/login');
    }
  });

  it('goes on when a node is killed, and starts it again', async () => {
    const browser = new Browser(url);
    await logIn(browser, 'Barbara');
    await post(browser, '/cart', { product: 'sencha' });
    const victim = nodeOf(await browser.get('/cart'));
    process.kill(victim.pid, 'SIGKILL');
    for (let request = 0; request < 6; request++) {
      const page = await browser.get('/cart');
      expect(page.status).toBe(200);
      expect(cartCountOf(page)).toBe('1');
    }
    await printed(npm, new RegExp(`${victim.name} \\(pid ${victim.pid}\\) was killed by SIGKILL`));
    await printed(npm, new RegExp(`${victim.name} is back`));
    for (const page of (await fromEachNode(browser, '/account')).values())
      expect(page.text).toContain('Barbara');
  });

  it('says that the port is taken', async () => {
    const second = await startNode(START, { env: { PORT: new URL(url).port } });
    expect(await second.exited).toMatchObject({ code: 1 });
    expect(second.output()).toContain(`Port ${new URL(url).port} is taken by another program.`);
  });

  it('stops all of it on Ctrl-C', async () => {
    const pids = pidsIn(npm.output());
    const redisPort = Number(/private one, port (\d+)/.exec(npm.output())?.[1]);
    expect(pids.filter(isAlive).length).toBeGreaterThanOrEqual(3);
    process.kill(-npm.pid, 'SIGINT');
    await npm.exited;
    expect(npm.output()).toContain('Stopped.');
    expect(pids.filter(isAlive)).toEqual([]);
    const server = createServer();
    await new Promise<void>((resolve, reject) =>
      server.once('error', reject).listen(redisPort, '127.0.0.1', resolve),
    );
    server.close();
  });
});

describe('the sample without npm', () => {
  const start = (env: Record<string, string>): Promise<NodeProcess> =>
    startNode(START, { env: { PORT: '0', ...env } });
  const open = async (launcher: NodeProcess): Promise<Browser> => {
    const [, port] = await launcher.waitFor(/open: http:\/\/localhost:(\d+)[\s\S]*Ctrl-C/);
    return new Browser(`http://127.0.0.1:${port}`);
  };

  it('runs one node in memory mode where there is no Redis, and says so', async () => {
    const launcher = await start({ PATH: await tempDir() });
    const browser = await open(launcher);
    expect(launcher.output()).toContain(
      'Memory mode: no setting names a Redis, and there is no redis-server',
    );
    expect(launcher.output()).not.toContain('node-b');
    await logIn(browser, 'Ada');
    expect((await browser.get('/account')).text).toContain('Ada');
    expect((await browser.get('/status')).text).toContain('REDIS_SESSION_ENABLED=true');
    await launcher.kill('SIGTERM');
    expect(pidsIn(launcher.output()).filter(isAlive)).toEqual([]);
  });

  it('uses the Redis that old settings name, and shows why a node does not start', async () => {
    const port = String(await freePort());
    const launcher = await start({ TOMCAT_REDIS_SESSION_HOST: '127.0.0.1', TOMCAT_REDIS_SESSION_PORT: port });
    expect(await launcher.exited).toMatchObject({ code: 1 });
    expect(launcher.output()).toContain(`127.0.0.1:${port}`);
    expect(launcher.output()).toContain('before it was ready');
    expect(launcher.output()).not.toContain('private one');
  });

  it('shows the same shop on Fastify, and removes the data of its private Redis', async () => {
    const temporary = await tempDir();
    const launcher = await start({ ADAPTER: 'fastify', TMPDIR: temporary });
    const browser = await open(launcher);
    await post(browser, '/cart', { product: 'rooibos' });
    await logIn(browser, 'Ada');
    for (const page of (await fromEachNode(browser, '/account')).values()) {
      expect(page.text).toContain('Ada');
      expect(cartCountOf(page)).toBe('1');
    }
    expect((await post(browser, '/login', { name: '', password: 'tea' })).text).toContain(
      '1 to 40 characters',
    );
    await post(browser, '/logout');
    expect((await browser.get('/account')).headers.location).toBe('/login');
    expect(await readdir(temporary)).toHaveLength(1);
    await launcher.kill('SIGINT');
    expect(pidsIn(launcher.output()).filter(isAlive)).toEqual([]);
    expect(await readdir(temporary)).toEqual([]);
  });
});

describe('the sample, its launcher killed', () => {
  it('leaves neither nodes nor the private Redis nor its data behind', async () => {
    const temporary = await tempDir();
    const launcher = await startNode(START, { env: { PORT: '0', TMPDIR: temporary } });
    await launcher.waitFor(/Ctrl-C stops everything/);
    const summary = launcher.output().matchAll(/(?:private one|node-[ab]:).*pid (\d+)/g);
    const pids = [...summary].map(([, pid]) => Number(pid));
    expect(pids.map(isAlive)).toEqual([true, true, true]);
    launcher.signal('SIGKILL');
    // Nobody is left to say when it is done: look until it is.
    const isGone = async (): Promise<boolean> =>
      !pids.some(isAlive) && (await readdir(temporary)).length === 0;
    const deadline = performance.now() + 10_000;
    while (!(await isGone()) && performance.now() < deadline) await delay(20);
    expect(pids.filter(isAlive)).toEqual([]);
    expect(await readdir(temporary)).toEqual([]);
  });
});

describe('the sample’s balancer', () => {
  const listen = async (listener: RequestListener): Promise<number> => {
    const server = createHttpServer(listener);
    onCleanup(() => server.close());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as AddressInfo).port;
  };
  const balance = async (ports: readonly number[]): Promise<Browser> => {
    const balancer = new Balancer();
    onCleanup(() => balancer.close());
    ports.forEach((port, at) => balancer.setNode(`node-${at}`, port));
    return new Browser(`http://127.0.0.1:${await balancer.listen(0)}`);
  };
  const echo: RequestListener = (request, response) => {
    response.setHeader('Set-Cookie', ['a=1', 'b=2']);
    request.pipe(response);
  };

  it('hands a request, with its body, to the next node when one refuses the connection', async () => {
    const browser = await balance([await freePort(), await listen(echo)]);
    for (let request = 0; request < 4; request++) {
      const answer = await browser.post('/', 'a body');
      expect([answer.status, answer.text]).toEqual([200, 'a body']);
      expect(answer.setCookies.map((cookie) => cookie.name)).toEqual(['a', 'b']);
    }
  });

  it('repeats a GET that a node died over, and never a POST', async () => {
    let seen = 0;
    const dying = await listen((request) => {
      seen++;
      request.socket.destroy();
    });
    const browser = await balance([dying, await listen(echo)]);
    for (let request = 0; request < 4; request++) expect((await browser.get('/')).status).toBe(200);
    const statuses = [(await browser.post('/', 'x')).status, (await browser.post('/', 'x')).status];
    expect(statuses.sort()).toEqual([200, 502]);
    expect(seen).toBe(3);
  });

  it('says so when no node is up', async () => {
    const answer = await (await balance([await freePort()])).get('/');
    expect([answer.status, answer.headers['retry-after']]).toEqual([503, '1']);
  });
});

describe('the sample’s choice of a Redis', () => {
  it.each([
    [{}, { kind: 'undecided' }],
    [{ REDIS_SESSION_URL: '' }, { kind: 'undecided' }],
    [{ REDIS_SESSION_ENABLED: 'true' }, { kind: 'named', setting: 'REDIS_SESSION_ENABLED' }],
    [{ REDIS_SESSION_URL: 'redis://r' }, { kind: 'named', setting: 'REDIS_SESSION_URL' }],
    [{ TOMCAT_REDIS_SESSION_HOST: 'r' }, { kind: 'named', setting: 'TOMCAT_REDIS_SESSION_HOST' }],
    [
      { REDIS_SESSION_HOST: 'r', TOMCAT_REDIS_SESSION_ENABLED: 'off' },
      { kind: 'switched-off', setting: 'TOMCAT_REDIS_SESSION_ENABLED' },
    ],
    [
      { REDIS_SESSION_ENABLED: 'true', TOMCAT_REDIS_SESSION_ENABLED: 'false' },
      { kind: 'named', setting: 'REDIS_SESSION_ENABLED' },
    ],
  ])('%j', (settings, choice) => {
    expect(chooseRedis(settings)).toEqual(choice);
  });
});
