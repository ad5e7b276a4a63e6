import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { createApp } from '../dist/app.js';

/** A node of the application. All of them together are one application, to whoever has the cookie. */
async function startNode(driver) {
  const app = await createApp(driver);
  await app.listen(0, '127.0.0.1');
  return { url: await app.getUrl(), close: () => app.close() };
}

async function ask(url, query, { cookie = '', csrf } = {}) {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', cookie, ...(csrf && { 'x-csrf-token': csrf }) },
    body: JSON.stringify({ query }),
  });
  const { data, errors } = await response.json();
  return { data, error: errors?.[0].message, cookie: response.headers.get('set-cookie')?.split(';')[0] };
}

/** The first answer to a subscription, and the code with which its socket is closed. */
function subscribe(url, query, cookie) {
  class WithCookie extends WebSocket {
    constructor(address, protocols) {
      super(address, protocols, { headers: { cookie } });
    }
  }
  let closed;
  const code = new Promise((resolve) => (closed = resolve));
  const client = createClient({
    url: `${url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WithCookie,
    retryAttempts: 0,
    on: { closed: (event) => closed(event.code) },
  });
  const first = new Promise((resolve, reject) => {
    client.subscribe(
      { query },
      {
        next: resolve,
        error: (error) => (Array.isArray(error) ? resolve({ errors: error }) : reject(error)),
        complete: () => undefined,
      },
    );
  });
  return { first, code };
}

for (const driver of ['apollo', 'mercurius']) {
  test(`sessions with ${driver}`, async () => {
    const [first, second] = await Promise.all([startNode(driver), startNode(driver)]);
    const guest = await ask(first.url, 'mutation { add(item: "tea") }');
    assert.deepEqual(guest.data, { add: ['tea'] });
    assert.equal((await ask(first.url, '{ me }', guest)).error, 'Please log in.');

    const { cookie } = await ask(first.url, 'mutation { login(name: "ann") }', guest);
    assert.notEqual(cookie, guest.cookie);
    const seen = await ask(second.url, '{ me cart csrfToken }', { cookie });
    assert.deepEqual([seen.data.me, seen.data.cart], ['ann', ['tea']]);

    assert.match((await ask(second.url, 'mutation { order }', { cookie })).error, /CSRF token/);
    const ordered = await ask(second.url, 'mutation { order }', { cookie, csrf: seen.data.csrfToken });
    assert.deepEqual(ordered.data, { order: 'ordered by ann' });

    const stranger = await subscribe(second.url, 'subscription { greetings }', '').first;
    assert.equal(stranger.errors[0].message, 'Please log in.');
    const subscription = subscribe(second.url, 'subscription { greetings }', cookie);
    assert.deepEqual((await subscription.first).data, { greetings: 'hello ann' });
    await ask(first.url, 'mutation { logout }', { cookie });
    assert.equal(await subscription.code, 4401);
    await Promise.all([first.close(), second.close()]);
  });
}
