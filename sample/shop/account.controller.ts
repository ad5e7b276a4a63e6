import { Controller, UseFilters, UseGuards } from '@nestjs/common';
import { Session } from 'nestjs-redis-session';
import { moment } from '../pages/format.js';
import { html } from '../pages/html.js';
import { Layout } from '../pages/layout.js';
import { PageErrorFilter } from '../pages/page-error.filter.js';
import { Page } from '../pages/page.decorator.js';
import { AccountGuard } from './account.guard.js';
import { cartCount, type ShopHttpSession } from './shop-session.js';

/** A page for those who are logged in. */
@Controller('account')
@UseGuards(AccountGuard)
@UseFilters(PageErrorFilter)
export class AccountController {
  constructor(private readonly layout: Layout) {}

  @Page()
  show(@Session() session: ShopHttpSession): string {
    const { order } = session;
    const body = html`<div class="card">
      <table>
        <tr>
          <th>Name</th>
          <td>${session.principal}</td>
        </tr>
        <tr>
          <th>In the cart</th>
          <td>${cartCount(session)}</td>
        </tr>
        <tr>
          <th>Last order</th>
          <td>
            ${order === undefined ? 'none yet' : html`<a href="/order">${order.number}</a>, ${order.status}`}
          </td>
        </tr>
        <tr>
          <th>Logged out when idle until</th>
          <td>${moment(session.expiresAt)}</td>
        </tr>
      </table>
    </div>`;
    return this.layout.page('Your account', body, session);
  }
}
