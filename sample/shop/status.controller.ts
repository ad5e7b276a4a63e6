import { Controller, UseFilters } from '@nestjs/common';
import { RedisSessionHealthIndicator } from 'nestjs-redis-session/health';
import { html, type Html } from '../pages/html.js';
import { TICK_ICON } from '../pages/icons.js';
import { Layout } from '../pages/layout.js';
import { PageErrorFilter } from '../pages/page-error.filter.js';
import { Page } from '../pages/page.decorator.js';

/** How the session store is doing. Asks for no session, so that it still answers when Redis does not. */
@Controller('status')
@UseFilters(PageErrorFilter)
export class StatusController {
  constructor(
    private readonly layout: Layout,
    private readonly sessions: RedisSessionHealthIndicator,
  ) {}

  @Page()
  async show(): Promise<string> {
    const { sessions: health } = await this.sessions.isHealthy('sessions');
    const { banner, ...facts } = health as Record<string, unknown>;
    const body = html`<div class="card">
        <table>
          ${Object.entries(facts).map(
            ([name, value]) =>
              html`<tr>
                <th scope="row">${name}</th>
                <td>${shown(value)}</td>
              </tr>`,
          )}
        </table>
      </div>
      <h2>Settings in effect</h2>
      <div class="card"><pre id="banner">${lines(banner)}</pre></div>
      <p class="soft">The same for a probe: <a href="/health">/health</a></p>`;
    return this.layout.page('Status', body);
  }
}

const shown = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

const lines = (banner: unknown): Html =>
  html`${Array.isArray(banner) ? banner.map((line) => drawn(`${line}\n`)) : shown(banner ?? '–')}`;

/** The banner's tick as a drawing: a font for text need not have it. */
function drawn(line: string): Html {
  const [before = '', ...after] = line.split('✓');
  return html`${before}${after.map((text) => html`${TICK_ICON}${text}`)}`;
}
