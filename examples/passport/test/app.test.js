import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { SessionService } from 'nestjs-redis-session';
import { Browser } from './browser.js';
import { startProvider } from './provider.js';

let provider;
let nodes;
let a;
let b;

before(async () => {
  provider = await startProvider();
  process.env.PROVIDER_URL = provider.url;
  const { createApp } = await import('../dist/app.js');
  nodes = await Promise.all([createApp(), createApp()]);
  await Promise.all(nodes.map((node) => node.listen(0, '127.0.0.1')));
  [a, b] = await Promise.all(nodes.map((node) => node.getUrl()));
});

after(async () => {
  await Promise.all(nodes.map((node) => node.close()));
  provider.close();
});

const me = async (browser, node) => (await browser.get(`${node}/me`)).json();
const login = (browser, node, username = 'ann', password = 'wonderland') =>
  browser.post(`${node}/login`, { username, password });
const sessionsOf = (principal) => nodes[0].get(SessionService).list(principal);

test('passport-local by AuthGuard and logIn(): a login is one login, for every node', async () => {
  const browser = new Browser();
  assert.equal((await browser.post(`${a}/cart`, { item: 'tea' })).status, 201);
  const guest = browser.copy();
  const { session: before } = await me(browser, a);
  assert.equal((await login(browser, a)).status, 201);
  const seen = await me(browser, b);
  assert.deepEqual(seen, {
    user: { id: 1, name: 'ann' },
    authenticated: true,
    principal: '1',
    session: seen.session,
  });
  assert.notEqual(seen.session, before);
  assert.equal((await me(guest, b)).authenticated, false);
  assert.deepEqual(
    (await sessionsOf('1')).map(({ id }) => id),
    [seen.session],
  );

  const stolen = browser.copy();
  assert.equal((await browser.post(`${b}/logout`)).status, 201);
  for (const node of [a, b]) {
    assert.equal((await me(browser, node)).authenticated, false);
    assert.equal((await me(stolen, node)).principal, undefined);
  }
  assert.deepEqual(await sessionsOf('1'), []);
});

test('passport-local: a wrong password is nobody', async () => {
  const browser = new Browser();
  assert.equal((await login(browser, a, 'ann', 'guess')).status, 401);
  assert.equal((await me(browser, a)).authenticated, false);
});

/** The browser goes to the provider by one node, and comes back to another. */
async function throughProvider(browser) {
  const out = await browser.get(`${a}/provider`);
  assert.equal(out.status, 302);
  const back = await new Browser().get(out.headers.get('location'));
  return back.headers.get('location').replace(a, b);
}

test('passport-oauth2 with state and PKCE: out by one node, back by another', async () => {
  const browser = new Browser();
  const callback = await throughProvider(browser);
  const response = await browser.get(callback);
  assert.deepEqual([response.status, response.headers.get('location')], [302, '/me']);
  assert.equal((await me(browser, a)).principal, '1');
  assert.equal((await browser.get(callback)).status, 401);
});

test('passport-oauth2: the state of another browser is refused', async () => {
  const callback = await throughProvider(new Browser());
  const victim = new Browser();
  await victim.get(`${a}/provider`);
  assert.equal((await victim.get(callback)).status, 401);
  assert.equal((await me(victim, a)).authenticated, false);
});

test('express-rate-limit and @nestjs/throttler count by the session of a new visitor', async () => {
  for (const path of ['limited', 'throttled']) {
    const statuses = [];
    const browser = new Browser();
    for (let i = 0; i < 4; i += 1) statuses.push((await browser.get(`${a}/${path}`)).status);
    assert.deepEqual(statuses, [200, 200, 200, 429]);
    assert.equal((await new Browser().get(`${a}/${path}`)).status, 200);
  }
});

test('csurf and csrf-csrf: a token of one node is good on another, and in no other browser', async () => {
  for (const path of ['csurf/form', 'csrf-csrf/form']) {
    const browser = new Browser();
    const { token } = await (await browser.get(`${a}/${path}`)).json();
    const submit = (by, headers) => by.post(`${b}/${path}`, {}, headers);
    assert.equal((await submit(browser, { 'x-csrf-token': token })).status, 201);
    assert.equal((await submit(browser, {})).status, 403);
    const other = new Browser();
    await other.get(`${a}/${path}`);
    assert.equal((await submit(other, { 'x-csrf-token': token })).status, 403);
  }
});

test('connect-flash: a message of one node is shown by another, once', async () => {
  const browser = new Browser();
  assert.equal((await browser.post(`${a}/flash`)).status, 201);
  assert.deepEqual(await (await browser.get(`${b}/flash`)).json(), ['saved']);
  assert.deepEqual(await (await browser.get(`${a}/flash`)).json(), []);
});
