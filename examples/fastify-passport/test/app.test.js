import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { SessionService } from 'nestjs-redis-session';
import { createApp } from '../dist/app.js';

let nodes;
before(async () => {
  nodes = await Promise.all([createApp(), createApp()]);
  for (const node of nodes) await node.init();
});
after(() => Promise.all(nodes.map((node) => node.close())));

/** A browser that goes from node to node. */
class Browser {
  #cookie = {};
  #turns = 0;

  async request(method, url, payload, headers = {}) {
    const node = nodes[this.#turns++ % nodes.length];
    const answer = await node.inject({ method, url, payload, headers, cookies: this.#cookie });
    for (const { name, value } of answer.cookies) this.#cookie = value === '' ? {} : { [name]: value };
    return answer;
  }

  async get(url) {
    return (await this.request('GET', url)).json();
  }

  copy() {
    const copy = new Browser();
    copy.#cookie = this.#cookie;
    return copy;
  }
}

const login = (browser, password = 'wonderland') =>
  browser.request('POST', '/login', { username: 'ann', password });

test('a login by @fastify/passport is one login, on each node, and ends with logOut()', async () => {
  const browser = new Browser();
  await browser.get('/form');
  const guest = browser.copy();
  const { statusCode, body } = await login(browser);
  assert.equal(statusCode, 201, body);
  for (let turn = 0; turn < 2; turn += 1) {
    const { user, principal } = await browser.get('/me');
    assert.deepEqual([user, principal], [{ id: 1, name: 'ann' }, '1']);
    assert.deepEqual(await guest.get('/me').then(({ principal }) => principal), null);
  }
  const { session } = await browser.get('/me');
  assert.deepEqual(
    (await nodes[0].get(SessionService).list('1')).map(({ id }) => id),
    [session],
  );

  const stolen = browser.copy();
  const { csrf } = await browser.get('/form');
  assert.equal((await browser.request('POST', '/logout', {}, { 'csrf-token': csrf })).statusCode, 201);
  assert.equal((await browser.get('/me')).principal, null);
  assert.equal((await stolen.get('/me')).user, null);
});

test('a wrong password is nobody', async () => {
  const browser = new Browser();
  assert.equal((await login(browser, 'wrong')).statusCode, 401);
  assert.equal((await browser.get('/me')).user, null);
});

test("@fastify/csrf-protection and @fastify/flash: a guest's token and message are good on the other node", async () => {
  const browser = new Browser();
  const { csrf } = await browser.get('/form');
  const add = (headers) => browser.request('POST', '/cart', { item: 'tea' }, headers);
  assert.equal((await add({})).statusCode, 403);
  assert.deepEqual((await add({ 'csrf-token': csrf })).json(), ['tea']);
  assert.deepEqual((await browser.get('/form')).messages, ['tea is in your cart']);
  assert.deepEqual((await browser.get('/form')).messages, []);
});
