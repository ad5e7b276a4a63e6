import { Injectable } from '@nestjs/common';
import { html, trusted, type Html } from './html.js';
import { CUP_ICON } from './icons.js';
import { NodeInfo } from './node-info.js';
import { STYLE } from './style.js';
import { KEEPER } from '../shop/keeper.js';
import { cartCount, type ShopHttpSession } from '../shop/shop-session.js';

/** The frame around every page: navigation from the session, and the node that answered. */
@Injectable()
export class Layout {
  constructor(private readonly node: NodeInfo) {}

  /**
   * A whole page. Without a session (an error page, when there may be none to read) the navigation shows
   * neither cart nor name. `refreshSeconds` loads the page again, without a script.
   */
  page(title: string, body: Html, session?: ShopHttpSession, refreshSeconds?: number): string {
    return html`<!doctype html>
      <html lang="en">
        <head>
          <meta charset="utf-8" />
          <meta name="viewport" content="width=device-width, initial-scale=1" />
          ${refreshSeconds !== undefined && html`<meta http-equiv="refresh" content="${refreshSeconds}" />`}
          <title>${title} · Tea by the cup</title>
          <link rel="icon" href="data:," />
          <style>
            ${trusted(STYLE)}
          </style>
        </head>
        <body>
          <header>
            <a class="brand" href="/">${CUP_ICON} Tea by the cup</a>
            <nav aria-label="The shop">${this.links(session)}</nav>
          </header>
          <main>
            <h1>${title}</h1>
            ${body}
          </main>
          <footer>
            Answered by <span class="node">${this.node.name}</span>, port
            <span class="port">${this.node.port}</span>, pid <span class="pid">${this.node.pid}</span>.
            Reload: the next request goes to the next node.
          </footer>
        </body>
      </html>`.text;
  }

  private links(session: ShopHttpSession | undefined): Html {
    return html`<a href="/cart"
        >Cart${session && html` (<span class="count">${cartCount(session)}</span>)`}</a
      >
      <a href="/visits">Visits</a>
      <a href="/session">Session</a>
      <a href="/status">Status</a>
      ${session === undefined ? html`<a href="/account">Account</a>` : this.person(session)}`;
  }

  private person({ principal }: ShopHttpSession): Html {
    if (principal === undefined) return html`<a href="/login">Log in</a>`;
    return html`${principal === KEEPER && html`<a href="/admin/sessions">Sessions of all</a>`}
      <a href="/account">${principal}</a>
      <form method="post" action="/logout"><button class="quiet">Log out</button></form>`;
  }
}
