import { Controller, UseFilters } from '@nestjs/common';
import { Session } from 'nestjs-redis-session';
import { moment } from '../pages/format.js';
import { html } from '../pages/html.js';
import { Layout } from '../pages/layout.js';
import { NodeInfo } from '../pages/node-info.js';
import { PageErrorFilter } from '../pages/page-error.filter.js';
import { Page } from '../pages/page.decorator.js';
import { type ShopHttpSession } from './shop-session.js';

/** The session, seen from the node that happens to answer. */
@Controller('session')
@UseFilters(PageErrorFilter)
export class SessionController {
  constructor(
    private readonly layout: Layout,
    private readonly node: NodeInfo,
  ) {}

  @Page()
  show(@Session() session: ShopHttpSession): string {
    const rows: readonly (readonly [string, string | number])[] = [
      ['Node that answered', `${this.node.name}, port ${this.node.port}, pid ${this.node.pid}`],
      ['id', session.id],
      ['isNew', String(session.isNew)],
      ['createdAt', moment(session.createdAt)],
      ['lastAccessedAt', moment(session.lastAccessedAt)],
      ['expiresAt', moment(session.expiresAt)],
      ['maxInactiveInterval', `${session.maxInactiveInterval} s`],
      ['principal', session.principal ?? '–'],
    ];
    const body = html`<div class="card">
        <table>
          ${rows.map(
            ([name, value]) =>
              html`<tr>
                <th scope="row">${name}</th>
                <td>${value}</td>
              </tr>`,
          )}
        </table>
        <p class="soft">The id is a hash of the token that only your cookie carries: it is safe to show.</p>
      </div>
      <h2>What it holds</h2>
      <div class="card"><pre id="attributes">${JSON.stringify(session, null, 2)}</pre></div>`;
    return this.layout.page('Your session', body, session);
  }
}
