import { type INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { createSession, loginAs } from 'nestjs-redis-session/testing';
import request from 'supertest';
import { type App } from 'supertest/types';
import { AppModule } from './app.module';
import { ShopController } from './shop.controller';

describe('the shop', () => {
  let app: INestApplication<App>;
  beforeAll(async () => {
    const module = await Test.createTestingModule({ imports: [AppModule] }).compile();
    app = await module.createNestApplication().init();
  });
  afterAll(() => app.close());

  it('keeps the cart of whoever logs in', async () => {
    const browser = request.agent(app.getHttpServer());
    await browser.post('/cart').send({ item: 'tea' }).expect(201);
    await browser.post('/login').send({ name: 'ann' }).expect(201);
    await browser.get('/cart').expect(200, { of: 'ann', cart: ['tea'] });
  });

  it('knows who is logged in', async () => {
    const cookie = await loginAs(app, 'ann', { cart: ['tea'] });
    await request(app.getHttpServer())
      .get('/cart')
      .set('Cookie', cookie)
      .expect(200, { of: 'ann', cart: ['tea'] });
  });

  it('has a controller that can be tested alone', () => {
    const session = createSession<{ cart?: string[] }>({ cart: ['tea'] });
    new ShopController().add(session, { item: 'milk' });
    expect(session.cart).toEqual(['tea', 'milk']);
  });
});
