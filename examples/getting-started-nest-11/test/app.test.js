const assert = require('node:assert/strict');
const { test } = require('node:test');
const { NestFactory } = require('@nestjs/core');
const { AppModule } = require('../dist/app.module');

/** A node of the application. All of them together are one application, to whoever has the cookie. */
async function startNode() {
  const app = await NestFactory.create(AppModule, { logger: ['error', 'warn'] });
  await app.listen(0, '127.0.0.1');
  return { url: await app.getUrl(), close: () => app.close() };
}

const json = { 'content-type': 'application/json' };
const cookieOf = (response) => response.headers.get('set-cookie').split(';')[0];

test('who logged in on one node is known on another, and after a restart', async () => {
  const [first, second] = await Promise.all([startNode(), startNode()]);
  const post = (url, cookie, body) =>
    fetch(url, { method: 'POST', headers: { ...json, cookie }, body: JSON.stringify(body) });

  const guest = await post(`${first.url}/cart`, '', { item: 'tea' });
  assert.equal(guest.status, 201);
  const login = await post(`${first.url}/login`, cookieOf(guest), { name: 'ann' });
  assert.equal(login.status, 201);
  const cookie = cookieOf(login);
  await first.close();

  const cart = await fetch(`${second.url}/cart`, { headers: { cookie } });
  assert.deepEqual(await cart.json(), { of: 'ann', cart: ['tea'] });
  assert.equal((await post(`${second.url}/logout`, cookie, {})).status, 201);
  const after = await fetch(`${second.url}/cart`, { headers: { cookie } });
  assert.deepEqual(await after.json(), { cart: [] });
  await second.close();
});
