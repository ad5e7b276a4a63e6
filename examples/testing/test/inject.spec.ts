import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { loginAs } from 'nestjs-redis-session/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { AppModule } from '../src/app.module.js';
import type { ShopSession } from '../src/shop.controller.js';

// The Redis of the environment, as in production: npm run examples starts one.
let app: NestFastifyApplication;

beforeAll(async () => {
  const module = await Test.createTestingModule({ imports: [AppModule] }).compile();
  app = module.createNestApplication<NestFastifyApplication>(new FastifyAdapter());
  await app.init();
});
afterAll(() => app.close());

it('shows their cart to those who are logged in', async () => {
  const cookie = await loginAs<ShopSession>(app, 'ann', { cart: ['tea'] });
  const answer = await app.inject({ url: '/cart', headers: { cookie } });
  expect(answer.json()).toEqual({ of: 'ann', cart: ['tea'] });
  expect((await app.inject('/cart')).statusCode).toBe(401);
});
