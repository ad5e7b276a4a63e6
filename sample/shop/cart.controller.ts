import { Body, Controller, Post, Redirect, UseFilters } from '@nestjs/common';
import { Session } from 'nestjs-redis-session';
import { price } from '../pages/format.js';
import { html } from '../pages/html.js';
import { Layout } from '../pages/layout.js';
import { PageErrorFilter } from '../pages/page-error.filter.js';
import { Page } from '../pages/page.decorator.js';
import { ProductDto } from './cart.dto.js';
import { productOf } from './products.js';
import { type CartLine, type ShopHttpSession } from './shop-session.js';

/** The cart: an array in the session, changed in place. The session notices and saves it before the answer leaves. */
@Controller('cart')
@UseFilters(PageErrorFilter)
export class CartController {
  constructor(private readonly layout: Layout) {}

  @Page()
  show(@Session() session: ShopHttpSession): string {
    const cart = session.cart ?? [];
    const total = cart.reduce((sum, line) => sum + line.quantity * productOf(line.productId).priceCents, 0);
    const body =
      cart.length === 0
        ? html`<p class="card">Nothing in it yet. <a href="/">Choose a tea</a>.</p>`
        : html`<div class="card">
              <table>
                ${cart.map(row)}
                <tr>
                  <th scope="row">Total</th>
                  <td></td>
                  <td class="end price"><strong>${price(total)}</strong></td>
                  <td></td>
                </tr>
              </table>
            </div>
            <form method="post" action="/order">
              <input type="hidden" name="_csrf" value="${session.csrfToken()}" />
              <button>Order</button>
            </form>`;
    return this.layout.page('Your cart', body, session);
  }

  @Post()
  @Redirect('/cart', 303)
  add(@Session() session: ShopHttpSession, @Body() { product }: ProductDto): void {
    session.cart ??= [];
    const line = session.cart.find((candidate) => candidate.productId === product);
    if (line === undefined) session.cart.push({ productId: product, quantity: 1 });
    else line.quantity += 1;
  }

  @Post('remove')
  @Redirect('/cart', 303)
  remove(@Session() session: ShopHttpSession, @Body() { product }: ProductDto): void {
    const at = session.cart?.findIndex((line) => line.productId === product) ?? -1;
    if (at >= 0) session.cart?.splice(at, 1);
  }
}

const row = (line: CartLine) => {
  const product = productOf(line.productId);
  return html`<tr>
    <td>${product.icon} ${product.name}</td>
    <td class="end">× ${line.quantity}</td>
    <td class="end price">${price(line.quantity * product.priceCents)}</td>
    <td class="end">
      <form method="post" action="/cart/remove">
        <button class="quiet" name="product" value="${product.id}">
          Remove<span class="hidden"> ${product.name}</span>
        </button>
      </form>
    </td>
  </tr>`;
};
