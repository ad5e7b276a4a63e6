import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { onCleanup } from '../../support/cleanup.js';
import { Browser, CookieJar } from '../../support/cookie-jar.js';
import { readSetCookie } from '../../support/cookies.js';

async function serve(
  answer: (request: IncomingMessage, response: ServerResponse) => unknown,
): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  onCleanup(() => server.close());
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function jarWith(...headers: string[]): CookieJar {
  const jar = new CookieJar();
  for (const header of headers) jar.store(readSetCookie(header));
  return jar;
}

describe('CookieJar', () => {
  it('keeps by name and path, sends longer paths first, and only where the path matches', () => {
    const jar = jarWith('a=1; Path=/', 'a=2; Path=/shop', 'b=x%20y; Path=/', 'a=3; Path=/');
    expect(jar.header('/shop/cart')).toBe('a=2; a=3; b=x%20y');
    expect(jar.header('/shopping')).toBe('a=3; b=x%20y');
  });

  it('forgets on Max-Age=0, on an Expires gone by, and when the life is over', () => {
    let now = 0;
    const jar = new CookieJar(() => now);
    jar.store(readSetCookie('a=1; Path=/; Max-Age=10'));
    jar.store(readSetCookie('b=1; Path=/; Max-Age=0'));
    now = 9_999;
    expect(jar.header('/')).toBe('a=1');
    now = 10_000;
    expect(jar.header('/')).toBeUndefined();

    const deleted = jarWith(
      'a=1; Path=/',
      'a=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT',
      'b=1; Path=/',
    );
    expect(deleted.header('/')).toBe('b=1');
  });

  it('refuses what breaks the rules of a prefix', () => {
    const jar = jarWith('__Host-a=1; Path=/', '__Host-b=1; Secure; Path=/x', '__Host-c=1; Secure; Path=/');
    expect(jar.all().map(({ name }) => name)).toEqual(['__Host-c']);
  });
});

describe('Browser', () => {
  it('sends back what it was given, shows the attributes, and clones without learning later', async () => {
    let visits = 0;
    const url = await serve((request, response) => {
      response.setHeader('Set-Cookie', [`sid=${++visits}; Path=/; HttpOnly; Secure; SameSite=Lax`, 'x=y']);
      response.end(JSON.stringify(request.headers));
    });
    const browser = new Browser(() => url);
    const first = await browser.get('/');
    expect(first.json()).not.toHaveProperty('cookie');
    expect(first.setCookies[0]).toEqual(
      expect.objectContaining({
        name: 'sid',
        value: '1',
        httpOnly: true,
        secure: true,
        sameSite: 'lax',
        path: '/',
      }),
    );
    const straggler = browser.clone();
    await browser.get('/');
    expect(browser.cookie('sid')).toBe('2');
    expect(straggler.cookie('sid')).toBe('1');
    expect((await browser.get('/', { cookie: 'raw=1;;' })).json()).toHaveProperty('cookie', 'raw=1;;');
    expect((await browser.get('/', { cookie: '' })).json()).not.toHaveProperty('cookie');
  });

  it('posts JSON, text and nothing', async () => {
    const url = await serve((request, response) => {
      response.write(`${request.headers['content-type'] ?? 'none'} `);
      request.pipe(response);
    });
    const browser = new Browser(url);
    expect((await browser.post('/', { a: 'ä' })).text).toBe('application/json {"a":"ä"}');
    expect((await browser.post('/', 'hi')).text).toBe('text/plain hi');
    expect((await browser.post('/')).text).toBe('none ');
  });

  it('follows redirects only when asked, with the cookies set on the way', async () => {
    const url = await serve((request, response) => {
      if (request.url === '/') response.writeHead(302, { location: '/next', 'set-cookie': 'a=1' });
      response.end(`${request.method} ${request.headers.cookie ?? ''}`);
    });
    expect((await new Browser(url).get('/')).status).toBe(302);
    expect((await new Browser(url).post('/', 'x', { followRedirects: true })).text).toBe('GET a=1');
  });

  it('has the cookies of an answer that never ends, and rejects when that breaks', async () => {
    const url = await serve((_request, response) => {
      response.writeHead(200, { 'set-cookie': 'a=1' });
      response.write('data');
    });
    const browser = new Browser(url);
    const abort = new AbortController();
    const seen: string[] = [];
    await expect(
      browser.get('/', {
        signal: abort.signal,
        onData: (text) => {
          seen.push(text, browser.cookie('a') ?? 'none');
          abort.abort();
        },
      }),
    ).rejects.toThrow(/abort/i);
    expect(seen).toEqual(['data', '1']);
  });
});
