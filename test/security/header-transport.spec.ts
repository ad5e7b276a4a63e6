import { expect, it } from '@jest/globals';
import { eachAdapter } from '../support/apps.js';
import { Browser, type BrowserResponse } from '../support/cookie-jar.js';
import { startRedis } from '../support/redis-server.js';
import { watchCommands } from '../support/commands.js';
import { startBank, type Bank } from './bank.js';

const redis = await startRedis();

/** A client that keeps its token itself. */
class App {
  token = '';
  readonly #browser: Browser;

  constructor(
    bank: Bank,
    private readonly requestHeader: string,
    private readonly responseHeader: string,
    private readonly prefix = '',
  ) {
    this.#browser = new Browser(bank.url);
  }

  async send(method: string, path: string, body?: unknown): Promise<BrowserResponse> {
    const headers = this.token === '' ? {} : { [this.requestHeader]: this.prefix + this.token };
    const response = await this.#browser.request(method, path, { headers, body });
    expect(response.setCookies).toEqual([]);
    const answer = response.headers[this.responseHeader];
    if (typeof answer === 'string') this.token = answer;
    return response;
  }

  async principal(): Promise<string | undefined> {
    return (await this.send('GET', '/whoami')).json<{ principal?: string }>().principal;
  }
}

eachAdapter('a token in a header', (adapter) => {
  it.each([
    ['authorization', 'x-session-token', 'Session '],
    ['Authorization', 'x-session-token', 'session  '],
    ['x-my-session', 'x-my-session', ''],
  ])('%s carries a session from its creation to its end', async (header, answer, prefix) => {
    const bank = await startBank(adapter, redis, { transport: { header } });
    const app = new App(bank, header, answer, prefix);
    await app.send('GET', '/whoami');
    expect(app.token).toBe('');
    await app.send('POST', '/write', { cart: ['apple'] });
    expect(app.token).toMatch(/^[\w-]{47}$/);
    const guest = app.token;
    const login = await app.send('POST', '/login?as=alice');
    expect(app.token).not.toBe(guest);
    expect(login.headers['vary']?.toLowerCase()).toContain(header.toLowerCase());
    expect(login.headers['cache-control']).toBe('private, no-store');
    const { principal, attributes } = (await app.send('GET', '/whoami')).json<Record<string, unknown>>();
    expect({ principal, attributes }).toEqual({ principal: 'alice', attributes: { cart: ['apple'] } });
    const last = app.token;
    await app.send('POST', '/logout');
    expect(app.token).toBe('');
    app.token = last;
    expect(await app.principal()).toBeUndefined();
  });

  it('needs no CSRF token, since no browser sends it unasked', async () => {
    const bank = await startBank(adapter, redis, { transport: { header: 'authorization' } });
    const app = new App(bank, 'authorization', 'x-session-token', 'Session ');
    await app.send('POST', '/login');
    expect((await app.send('POST', '/transfer')).status).toBe(201);
  });

  it('is not taken from a cookie, and a cookie not from a header', async () => {
    const header = await startBank(adapter, redis, { transport: { header: 'x-session' } });
    const cookie = await startBank(adapter, redis);
    const app = new App(header, 'x-session', 'x-session');
    await app.send('POST', '/login?as=alice');
    const viaCookie = await header
      .browser()
      .get('/whoami', { cookie: `sid=${app.token}; x-session=${app.token}` });
    expect(viaCookie.json()).not.toHaveProperty('principal');
    const viaHeader = await cookie.browser().get('/whoami', {
      headers: {
        'x-session': app.token,
        'x-session-token': app.token,
        authorization: `Session ${app.token}`,
      },
    });
    expect(viaHeader.json()).not.toHaveProperty('principal');
  });

  it('is signed where there are secrets, and what is not ours costs no command', async () => {
    const secrets = ['Tr0ub4dor-horse-battery-lamp-moon-7'];
    const bank = await startBank(adapter, redis, { transport: { header: 'authorization' }, secrets });
    const app = new App(bank, 'authorization', 'x-session-token', 'Session ');
    await app.send('POST', '/login?as=alice');
    expect(await app.principal()).toBe('alice');
    const watch = await watchCommands(redis.port);
    const [token = ''] = app.token.split('.');
    for (const authorization of [
      `Session ${token}`,
      `Bearer ${app.token}`,
      `Basic ${Buffer.from('a:b').toString('base64')}`,
      `Session ${app.token} x`,
      `Session ${app.token}, Session ${app.token}`,
      'Session',
      'Session ',
      'x'.repeat(8000),
    ]) {
      const answer = await bank.browser().get('/whoami', { headers: { authorization } });
      expect(answer.json()).not.toHaveProperty('principal');
    }
    expect(await watch.take()).toEqual([]);
    watch.close();
  });

  it.each(['cookie', 'Set-Cookie', 'host', 'content-length', 'a b', ''])(
    'the header %p is refused at boot',
    async (header) => {
      await expect(startBank(adapter, redis, { transport: { header } })).rejects.toThrow(
        /transport\.header = ".*": must be the name of a request header/,
      );
    },
  );
});
