import type { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { REDIS_SESSION_OPTIONS } from 'nestjs-redis-session';
import { loginAs, MemoryStore } from 'nestjs-redis-session/testing';
import request from 'supertest';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { AppModule } from '../src/app.module.js';
import type { ShopSession } from '../src/shop.controller.js';

const store = new MemoryStore();
let app: INestApplication;

beforeAll(async () => {
  const module = await Test.createTestingModule({ imports: [AppModule] })
    .overrideProvider(REDIS_SESSION_OPTIONS)
    .useValue({ store }) // no Redis, whatever the environment says
    .compile();
  app = await module.createNestApplication().init();
});
afterAll(() => app.close());

it('shows their cart to those who are logged in', async () => {
  const cookie = await loginAs<ShopSession>(app, 'ann', { cart: ['tea'] });
  await request(app.getHttpServer()).post('/cart').set('Cookie', cookie).send({ item: 'milk' }).expect(201);
  await request(app.getHttpServer())
    .get('/cart')
    .set('Cookie', cookie)
    .expect(200, { of: 'ann', cart: ['tea', 'milk'] });
  await request(app.getHttpServer()).get('/cart').expect(401);
  expect(store.size).toBeGreaterThan(0);
});
