import { Controller, UseFilters } from '@nestjs/common';
import { Session } from 'nestjs-redis-session';
import { html } from '../pages/html.js';
import { Layout } from '../pages/layout.js';
import { PageErrorFilter } from '../pages/page-error.filter.js';
import { Page } from '../pages/page.decorator.js';
import { type ShopHttpSession } from './shop-session.js';

/** A counter that is exact however many tabs and nodes count at once. */
@Controller('visits')
@UseFilters(PageErrorFilter)
export class VisitsController {
  constructor(private readonly layout: Layout) {}

  @Page()
  async count(@Session() session: ShopHttpSession): Promise<string> {
    // `session.visits += 1` would lose one where two nodes read the same number; update() never does.
    const visits = await session.update('visits', (count) => (count ?? 0) + 1);
    const body = html`<div class="card">
      <p class="big" id="visits">${visits}</p>
      <p class="soft">Hold the reload key: the number has no gaps, although the nodes take turns.</p>
    </div>`;
    return this.layout.page('You were here', body, session);
  }
}
