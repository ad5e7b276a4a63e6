import { Controller, UseFilters } from '@nestjs/common';
import { Session } from 'nestjs-redis-session';
import { price } from '../pages/format.js';
import { html } from '../pages/html.js';
import { Layout } from '../pages/layout.js';
import { PageErrorFilter } from '../pages/page-error.filter.js';
import { Page } from '../pages/page.decorator.js';
import { PRODUCTS, type Product } from './products.js';
import { type ShopHttpSession } from './shop-session.js';

/** The shelf. It only reads the session: a visitor who never buys costs Redis no key and gets no cookie. */
@Controller()
@UseFilters(PageErrorFilter)
export class HomeController {
  constructor(private readonly layout: Layout) {}

  @Page()
  home(@Session() session: ShopHttpSession): string {
    const greeting = session.principal === undefined ? 'Today’s teas' : `Hello, ${session.principal}`;
    return this.layout.page(greeting, html`<div class="grid">${PRODUCTS.map(shelf)}</div>`, session);
  }
}

const shelf = (product: Product) => html`
  <div class="card">
    <span class="icon">${product.icon}</span>
    <strong>${product.name}</strong>
    <span class="soft">${product.note}</span>
    <span class="price">${price(product.priceCents)}</span>
    <form method="post" action="/cart">
      <button name="product" value="${product.id}">
        Add to cart<span class="hidden">: ${product.name}</span>
      </button>
    </form>
  </div>
`;
