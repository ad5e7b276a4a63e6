import { Body, Controller, Post, Query, Redirect, UseFilters, UseGuards } from '@nestjs/common';
import { CsrfGuard, Principal, Session, SessionService, type SessionInfo } from 'nestjs-redis-session';
import { deviceIcon, deviceName } from '../pages/device.js';
import { moment } from '../pages/format.js';
import { html, type Html } from '../pages/html.js';
import { Layout } from '../pages/layout.js';
import { PageErrorFilter } from '../pages/page-error.filter.js';
import { Page } from '../pages/page.decorator.js';
import { AccountGuard } from './account.guard.js';
import { DeviceDto } from './device.dto.js';
import { cartCount, type ShopHttpSession } from './shop-session.js';

/** A page for those who are logged in: their account, and the devices on which they are. */
@Controller('account')
@UseGuards(AccountGuard, CsrfGuard)
@UseFilters(PageErrorFilter)
export class AccountController {
  constructor(
    private readonly layout: Layout,
    private readonly sessions: SessionService,
  ) {}

  @Page()
  async show(@Session() session: ShopHttpSession, @Query('ended') ended?: string): Promise<string> {
    const devices = await this.sessions.list(session.principal ?? '', { current: session });
    const body = html`${ended !== undefined && html`<p class="notice" role="status">Logged out there.</p>`}
      ${overview(session)}
      <h2 id="devices">Your devices</h2>
      <div class="card">
        <ul class="devices" aria-labelledby="devices">
          ${devices.map((device) => row(device, session.csrfToken()))}
        </ul>
        ${
          devices.length > 1 &&
          html`<form class="others" method="post" action="/account/devices/end-others">
            ${tokenField(session.csrfToken())}
            <button class="second">Log out on all others (${devices.length - 1})</button>
          </form>`
        }
      </div>`;
    return this.layout.page('Your account', body, session);
  }

  @Post('devices/end')
  @Redirect('/account?ended=one', 303)
  async end(@Principal() principal: string, @Body() { id }: DeviceDto): Promise<void> {
    // One's own and nobody else's. Whoever's id it is, the same is looked at and the same is answered: it cannot be found out
    // here whether there is such a session.
    const devices = await this.sessions.list(principal);
    if (devices.some((device) => device.id === id)) await this.sessions.destroy(id);
  }

  @Post('devices/end-others')
  @Redirect('/account?ended=others', 303)
  async endOthers(@Session() session: ShopHttpSession, @Principal() principal: string): Promise<void> {
    await this.sessions.destroyAll(principal, { except: session });
  }
}

const overview = (session: ShopHttpSession): Html => {
  const { order } = session;
  return html`<div class="card">
    <table>
      <tr>
        <th scope="row">Name</th>
        <td>${session.principal}</td>
      </tr>
      <tr>
        <th scope="row">In the cart</th>
        <td>${cartCount(session)}</td>
      </tr>
      <tr>
        <th scope="row">Last order</th>
        <td>
          ${order === undefined ? 'none yet' : html`<a href="/order">${order.number}</a>, ${order.status}`}
        </td>
      </tr>
      <tr>
        <th scope="row">Logged out when idle until</th>
        <td>${moment(session.expiresAt)}</td>
      </tr>
    </table>
  </div>`;
};

const row = (
  { id, device, authenticatedAt, lastAccessedAt, current }: SessionInfo,
  csrfToken: string,
): Html =>
  html`<li>
    <span class="icon">${deviceIcon(device)}</span>
    <div class="what">
      <p>
        <strong>${deviceName(device)}</strong>
        ${current && html`<span class="mark">this device</span>`}
      </p>
      <p class="soft">${device?.address}</p>
      <p class="soft">Logged in ${moment(authenticatedAt)}</p>
      <p class="soft">Last used ${moment(lastAccessedAt)}</p>
    </div>
    ${
      !current &&
      html`<form method="post" action="/account/devices/end">
        ${tokenField(csrfToken)}
        <button class="second" name="id" value="${id}">
          Log out<span class="hidden"> on ${deviceName(device)}, logged in ${moment(authenticatedAt)}</span>
        </button>
      </form>`
    }
  </li>`;

const tokenField = (csrfToken: string): Html =>
  html`<input type="hidden" name="_csrf" value="${csrfToken}" />`;
