import { UnauthorizedException } from '@nestjs/common';
import { createSession } from 'nestjs-redis-session/testing';
import { expect, it } from 'vitest';
import { ShopController, type ShopSession } from '../src/shop.controller.js';

const controller = new ShopController();

it('keeps the cart of whoever logs in', async () => {
  const session = createSession<ShopSession>({ cart: ['tea'] });
  controller.add(session, { item: 'milk' });
  await controller.login(session, { name: 'ann' });
  expect(controller.cart(session)).toEqual({ of: 'ann', cart: ['tea', 'milk'] });
});

it('shows guests nothing', () => {
  expect(() => controller.cart(createSession<ShopSession>())).toThrow(UnauthorizedException);
});
