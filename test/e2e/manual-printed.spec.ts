import { beforeAll, expect, it } from '@jest/globals';
import type { Type } from '@nestjs/common';
import { Redis } from 'ioredis';
import { RedisSessionModule } from 'nestjs-redis-session';
import { eachAdapter, startApp } from '../support/apps.js';
import { onCleanup } from '../support/cleanup.js';
import { Browser } from '../support/cookie-jar.js';
import { printed } from '../support/printed.js';
import { startRedis, type RedisProcess } from '../support/redis-server.js';
import { redisAt } from './helpers/playground.js';

let redis: RedisProcess;
let client: Redis;
beforeAll(async () => {
  redis = await startRedis();
  client = new Redis(redis.url);
  onCleanup(() => client.disconnect());
});

/** What is tried stands in the manual; what is sent to it, here. */
eachAdapter("the manual's controllers, as they are printed", (adapter) => {
  const start = (...controllers: Type[]) =>
    startApp(adapter, { imports: [RedisSessionModule.forRoot(redisAt(redis))], controllers });

  it('README: visits, a login that a guard knows on another node, a logout', async () => {
    const { ShopController } = printed('README.md', 'class ShopController') as { ShopController: Type };
    const [first, second] = await Promise.all([start(ShopController), start(ShopController)]);
    let node = first;
    const browser = new Browser(() => node.url);
    expect((await browser.get('/')).text).toBe('You were here 1 times.');
    expect((await browser.get('/me')).status).toBe(401);
    expect((await browser.post('/login', { name: 'ann' })).status).toBe(201);
    node = second;
    expect((await browser.get('/')).text).toBe('You were here 2 times.');
    expect((await browser.get('/me')).text).toBe('ann');
    expect((await browser.get('/cart')).json()).toEqual([]);
    await browser.post('/logout');
    node = first;
    expect((await browser.get('/me')).status).toBe(401);
  });

  it('login.md: a login is remembered for a month where it is asked for', async () => {
    const userOf = async ({ password }: { password: string }) => (password === 'tea' ? { id: 7 } : undefined);
    const { LoginController } = printed('docs/login.md', 'class LoginController', { userOf }) as {
      LoginController: Type;
    };
    const browser = new Browser((await start(LoginController)).url);
    const login = (more: object) => browser.post('/login', { name: 'ann', password: 'tea', ...more });
    expect((await login({ password: 'coffee' })).status).toBe(401);
    expect((await login({})).headers['set-cookie']?.join()).not.toContain('Max-Age');
    expect((await login({ remember: true })).headers['set-cookie']?.join()).toContain('Max-Age=2592000');
  });

  it("guests.md: a guest's cart outlives its node, for as long as a user's", async () => {
    const { CartController } = printed('docs/guests.md', 'class CartController') as { CartController: Type };
    const { ShopController } = printed('README.md', 'class ShopController') as { ShopController: Type };
    await client.flushall();
    let node = await start(CartController);
    const browser = new Browser(() => node.url);
    await browser.post('/cart', { item: 'tea' });
    await node.close();
    node = await start(ShopController);
    const [key = ''] = await client.keys('session:{*');
    // A copy would last 15 s.
    expect(await client.pttl(key)).toBeGreaterThan(1_000_000);
    expect((await browser.get('/cart')).json()).toEqual(['tea']);
  });

  it('guards.md: a new password takes the token of the form, and a recent login', async () => {
    const { AccountController } = printed('docs/guards.md', 'class AccountController') as {
      AccountController: Type;
    };
    const { ShopController } = printed('README.md', 'class ShopController') as { ShopController: Type };
    const browser = new Browser((await start(AccountController, ShopController)).url);
    await browser.post('/login', { name: 'ann' });
    const change = (_csrf?: string) => browser.post('/account/password', { _csrf });
    expect((await change()).status).toBe(403);
    const [, token] = /value="([^"]+)"/.exec((await browser.get('/account/password')).text) ?? [];
    expect((await change(token)).text).toBe('changed');
    await browser.post('/logout');
    const [, another] = /value="([^"]+)"/.exec((await browser.get('/account/password')).text) ?? [];
    expect((await change(another)).status).toBe(401);
  });
});
