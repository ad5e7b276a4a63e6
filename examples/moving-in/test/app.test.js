import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { NestFactory } from '@nestjs/core';
import { Redis } from 'ioredis';
import { createBefore } from '../dist/before.js';

const SECRET = 'of the application before, and known to both';

/** Of the old nodes; those of both kinds share a Redis. */
const client = new Redis(process.env.REDIS_SESSION_URL);
let old;
let app;
let urls;

before(async () => {
  process.env.OLD_SESSION_SECRET = SECRET;
  const { AppModule } = await import('../dist/app.module.js');
  old = createBefore(client, SECRET).listen(0, '127.0.0.1');
  await once(old, 'listening');
  app = await NestFactory.create(AppModule, { logger: ['error', 'warn'] });
  await app.listen(0, '127.0.0.1');
  urls = { old: `http://127.0.0.1:${old.address().port}`, new: await app.getUrl() };
});
after(async () => {
  await app.close();
  old.close();
  client.disconnect();
});

/** A browser that a balancer sends to old nodes and to new ones. */
class Browser {
  #cookies = new Map();

  async ask(method, node, path, body) {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const headers = { 'content-type': 'application/json', cookie };
    const answer = await fetch(`${urls[node]}${path}`, {
      method,
      headers,
      ...(body && { body: JSON.stringify(body) }),
    });
    for (const line of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      if (value === '') this.#cookies.delete(name);
      else this.#cookies.set(name, value);
    }
    return answer;
  }

  async me(node) {
    return (await this.ask('GET', node, '/me')).json();
  }
}

async function loggedIn(name) {
  const browser = new Browser();
  assert.equal((await browser.ask('POST', 'old', '/login', { name })).status, 201);
  return browser;
}

async function count() {
  const { stdout } = await promisify(execFile)('npm', [
    'run',
    '--silent',
    'count',
    '--',
    '--principal',
    'userId',
  ]);
  return stdout;
}

test('the command counts what would be taken over, and what has been', async () => {
  const browser = await loggedIn('counted');
  assert.match(
    await count(),
    /^live: 1\nwith principal: 1\nguests: 0\ntaken over already: 0\nunreadable: 0\n/,
  );
  await browser.me('new');
  assert.match(await count(), /^live: 0\n[^]*taken over already: 1\n/);
  await browser.ask('POST', 'new', '/logout', {});
  assert.match(await count(), /^live: 0\n[^]*taken over already: 0\n/);
});

test('who is logged in stays logged in, on nodes of both kinds', async () => {
  const browser = await loggedIn('ann');
  for (const node of ['new', 'old', 'new'])
    assert.deepEqual(await browser.me(node), { user: 'ann', cart: ['tea'] });
});

for (const node of ['old', 'new'])
  test(`a logout on ${node} nodes is final on both`, async () => {
    const browser = await loggedIn('ben');
    assert.equal((await browser.me('new')).user, 'ben');
    await browser.ask('POST', node, '/logout', {});
    assert.deepEqual([await browser.me('old'), await browser.me('new')], [{}, {}]);
  });
