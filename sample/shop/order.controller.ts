import { BadRequestException, Controller, Post, Redirect, UseFilters, UseGuards } from '@nestjs/common';
import { CsrfGuard, Session } from 'nestjs-redis-session';
import { randomInt } from 'node:crypto';
import { moment } from '../pages/format.js';
import { html, type Html } from '../pages/html.js';
import { Layout } from '../pages/layout.js';
import { NodeInfo } from '../pages/node-info.js';
import { PageErrorFilter } from '../pages/page-error.filter.js';
import { Page } from '../pages/page.decorator.js';
import { AccountGuard } from './account.guard.js';
import { Kitchen } from './kitchen.js';
import { productOf } from './products.js';
import { type Order, type ShopHttpSession } from './shop-session.js';

/**
 * Ordering, for those who are logged in, and only by the form of this very session: it carries a CSRF token.
 * The page reloads itself until the kitchen's save is seen.
 */
@Controller('order')
@UseGuards(AccountGuard, CsrfGuard)
@UseFilters(PageErrorFilter)
export class OrderController {
  constructor(
    private readonly layout: Layout,
    private readonly kitchen: Kitchen,
    private readonly node: NodeInfo,
  ) {}

  @Page()
  show(@Session() session: ShopHttpSession): string {
    const { order } = session;
    if (order === undefined) {
      return this.layout.page('Your order', html`<p class="card">You have not ordered yet.</p>`, session);
    }
    const title = order.status === 'ready' ? 'Your order is ready' : 'Your order is being prepared …';
    return this.layout.page(title, details(order), session, order.status === 'ready' ? undefined : 1);
  }

  @Post()
  @Redirect('/order', 303)
  async place(@Session() session: ShopHttpSession): Promise<void> {
    if (session.cart === undefined || session.cart.length === 0) {
      throw new BadRequestException('The cart is empty: choose something first.');
    }
    const order: Order = {
      number: `T-${randomInt(1000, 9999)}`,
      lines: session.cart,
      status: 'preparing',
      placedAt: new Date(),
      takenBy: this.node.name,
    };
    session.order = order;
    delete session.cart;
    // Saved now and not after the request: the kitchen opens the session on its own and must find the order.
    await session.save();
    this.kitchen.prepare(session.id, order.number);
  }
}

const details = (order: Order): Html =>
  html`<div class="card">
    <table>
      <tr>
        <th scope="row">Number</th>
        <td>${order.number}</td>
      </tr>
      <tr>
        <th scope="row">What</th>
        <td>
          ${order.lines.map((line) => html`${line.quantity} × ${productOf(line.productId).name}<br />`)}
        </td>
      </tr>
      <tr>
        <th scope="row">Status</th>
        <td>${order.status}</td>
      </tr>
      <tr>
        <th scope="row">Taken</th>
        <td>${moment(order.placedAt)} by ${order.takenBy}</td>
      </tr>
      <tr>
        <th scope="row">Ready</th>
        <td>
          ${order.readyAt === undefined ? 'in a moment' : html`${moment(order.readyAt)} by ${order.preparedBy}`}
        </td>
      </tr>
    </table>
  </div>`;
