import { CSRF_FIELD } from '../nest/csrf.guard.js';
import type { SessionInfo } from '../nest/session-info.js';
import type { Part } from './admin-sessions.js';
import { html, trusted, visible, visibleText, type Html } from './html.js';
import { STYLE_ELEMENT } from './style.js';
import { deviceName } from './user-agent.js';

/** What the page shows. */
interface AdminView {
  /** What was searched for: a user, or a session's id; undefined: everybody is listed. */
  readonly search: string | undefined;
  /** The sessions are the one that `search` is the id of. */
  readonly byId: boolean;
  readonly part: Part;
  /** Whether it is the first part of the list. */
  readonly isFirst: boolean;
  /** How many there are in all; undefined: that has not been counted. */
  readonly total: number | undefined;
  /** What was done, or what went wrong. */
  readonly notice: Notice | undefined;
  readonly csrfToken: string;
  /** Epoch milliseconds. */
  readonly now: number;
}

/** What happened, in a sentence. */
export interface Notice {
  readonly text: string;
  readonly isBad?: boolean | undefined;
}

/** The address of a view of the same page, wherever that is mounted: without a path, so that proxies may rename it. */
export function addressOf(query: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return `?${new URLSearchParams(given).toString()}`;
}

/** The page of a list. */
export function listPage(view: AdminView): string {
  const { search, byId, part, notice } = view;
  const title = search === undefined ? 'Sessions' : byId ? 'A session' : `Sessions of ${visibleText(search)}`;
  const body = html`<section class="card" aria-labelledby="of">
    <div class="bar">
      <div>${headingOf(view)} ${totalOf(view)}</div>
      ${search !== undefined && !byId && part.sessions.length > 0 && endAllOf(view)}
    </div>
    ${part.sessions.length === 0 ? html`<p>${emptyText(view)}</p>` : tableOf(view)} ${pagesOf(view)}
  </section>`;
  return frame(title, body, search, notice);
}

/** The page where something went wrong before there was anything to show. */
export function failurePage(text: string): string {
  const body = html`<p><a href="">Look at the list again</a></p>`;
  return frame('Sessions', body, undefined, { text, isBad: true });
}

/**
 * What administrators see who have ended their own session. A page and not a redirect, which a guard would send on to a login:
 * where that is on another host, browsers take it for a form that is posted there, and refuse.
 */
export function farewellPage(): string {
  const body = html`<p><a href="">Log in again</a></p>`;
  return frame('Sessions', body, undefined, { text: 'Your own session is ended.' });
}

function frame(title: string, body: Html, search: string | undefined, notice: Notice | undefined): string {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        <title>${notice && html`${notice.text} · `}${title}</title>
        <link rel="icon" href="data:," />
        ${trusted(STYLE_ELEMENT)}
      </head>
      <body>
        <header>
          <h1><a href="${addressOf({})}">Sessions</a></h1>
          <form class="search" method="get" role="search">
            <label for="user">User, exactly as the application names them, or a session’s id</label>
            <input
              id="user"
              name="user"
              type="search"
              value="${search}"
              autocomplete="off"
              autocapitalize="none"
              spellcheck="false"
            />
            <button>Search</button>
          </form>
        </header>
        <main>${notice && noticeOf(notice)} ${body}</main>
      </body>
    </html>`.text;
}

/** Takes the focus, since readers of a new page are not told of what changed in it. */
function noticeOf({ text, isBad }: Notice): Html {
  return html`<p
    class="notice${isBad === true && ' bad'}"
    role="${isBad === true ? 'alert' : 'status'}"
    tabindex="-1"
    autofocus
  >
    ${text}
  </p>`;
}

function headingOf({ search, byId }: AdminView): Html {
  if (search === undefined) return html`<h2 id="of">Everybody who is logged in</h2>`;
  return byId
    ? html`<h2 id="of">Session <code>${search}</code></h2>`
    : html`<h2 id="of">User ${visible(search)}</h2>`;
}

function totalOf({ total, search, byId }: AdminView): Html | undefined {
  if (byId) return undefined;
  if (total !== undefined) return html`<p id="total">${sessionsText(total)}.</p>`;
  return html`<p id="total">
    More than are shown here. <a href="${addressOf({ user: search, count: 'all' })}">Count all of them</a>
  </p>`;
}

function emptyText({ search }: AdminView): Html {
  if (search === undefined) return html`Nobody is logged in.`;
  return html`There is no session of ${visible(search)}, and none with this id. Names are looked up as they
  are: letters’ case, spaces and all.`;
}

function endAllOf({ search, total, csrfToken }: AdminView): Html {
  const all = total === undefined || total === 1 ? 'every session' : `all ${count(total)} sessions`;
  return html`<details>
    <summary>End ${all} of this user …</summary>
    <p>Whoever uses them has to log in again, on each device, at their next click.</p>
    <form method="post">
      ${tokenField(csrfToken)}
      <button class="danger" name="endAll" value="yes">End ${all} of ${visible(search ?? '')}</button>
    </form>
  </details>`;
}

function tableOf(view: AdminView): Html {
  const { search, byId, part, csrfToken } = view;
  const withUser = search === undefined || byId;
  const caption = byId
    ? 'The session with this id.'
    : search === undefined
      ? 'Sessions of all users, in no order. Times are those of UTC.'
      : 'Newest login first. Times are those of UTC.';
  // Roles, since browsers forget those of a table that a narrow screen shows as blocks.
  return html`<form method="post">
    ${tokenField(csrfToken)}
    <table role="table">
      <caption>
        ${caption}
      </caption>
      <thead role="rowgroup">
        <tr role="row">
          <th role="columnheader" scope="col">Device</th>
          ${withUser && html`<th role="columnheader" scope="col">User</th>`}
          <th role="columnheader" scope="col">Logged in</th>
          <th role="columnheader" scope="col">Last used</th>
          <th role="columnheader" scope="col">Ends unless used</th>
          <th role="columnheader" scope="col">Session’s id</th>
          <th role="columnheader" scope="col"><span class="hidden">What to do</span></th>
        </tr>
      </thead>
      <tbody role="rowgroup">
        ${part.sessions.map((info) => rowOf(info, withUser, view.now))}
      </tbody>
    </table>
  </form>`;
}

function rowOf(info: SessionInfo, withUser: boolean, now: number): Html {
  const { id, device, principal, createdAt, authenticatedAt, lastAccessedAt, expiresAt, current } = info;
  return html`<tr role="row">
    <th role="rowheader" scope="row">
      ${deviceName(device?.userAgent)} ${current && html`<span class="mark">yours</span>`}
      ${device?.address !== undefined && html`<span class="soft">${visible(device.address)}</span>`}
      ${device?.userAgent !== undefined && html`<span class="soft">${visible(device.userAgent)}</span>`}
    </th>
    ${withUser && html`<td role="cell" class="who" data-label="User">${userOf(principal, authenticatedAt)}</td>`}
    <td role="cell" data-label="Logged in">
      ${authenticatedAt === undefined ? 'never' : moment(authenticatedAt)}
      <span class="soft">begun ${momentBeside(createdAt, authenticatedAt)}</span>
    </td>
    <td role="cell" data-label="Last used">
      ${moment(lastAccessedAt)} <span class="soft">${distance(Number(lastAccessedAt) - now)}</span>
    </td>
    <td role="cell" data-label="Ends">
      ${
        expiresAt === undefined
          ? 'never'
          : html`${moment(expiresAt)} <span class="soft">${distance(Number(expiresAt) - now)}</span>`
      }
    </td>
    <td role="cell" class="id" data-label="Id"><code>${id}</code></td>
    <td role="cell" class="end">
      <button class="danger" name="end" value="${id}">
        End<span class="hidden"> the session on ${deviceName(device?.userAgent)}, ${id}</span>
      </button>
    </td>
  </tr>`;
}

function userOf(principal: string | undefined, authenticatedAt: Date | undefined): Html {
  if (principal !== undefined)
    return html`<a href="${addressOf({ user: principal })}">${visible(principal)}</a>`;
  return html`<span class="soft">${authenticatedAt === undefined ? 'nobody (a guest)' : 'no name'}</span>`;
}

function pagesOf({ search, part, isFirst }: AdminView): Html | undefined {
  if (isFirst && part.next === undefined) return undefined;
  return html`<nav class="pages" aria-label="Pages">
    ${!isFirst && html`<a href="${addressOf({ user: search })}">First page</a>`}
    ${part.next !== undefined && html`<a rel="next" href="${addressOf({ user: search, after: part.next })}">Next page</a>`}
  </nav>`;
}

function tokenField(csrfToken: string): Html {
  return html`<input type="hidden" name="${CSRF_FIELD}" value="${csrfToken}" />`;
}

/** Nothing for what is no date: a session may say that it lives for longer than dates reach. */
function moment(time: Date): Html {
  if (!isDate(time)) return html``;
  const iso = time.toISOString();
  return html`<time datetime="${iso}">${iso.slice(0, 16).replace('T', ' ')}</time>`;
}

/** Without its date, where that stands beside it. */
function momentBeside(time: Date, other: Date | undefined): Html {
  if (!isDate(time) || other === undefined || !isDate(other)) return moment(time);
  const [iso, shown] = [time.toISOString(), other.toISOString()];
  if (iso.slice(0, 10) !== shown.slice(0, 10)) return moment(time);
  return html`<time datetime="${iso}">${iso.slice(11, 16)}</time>`;
}

function isDate(time: Date): boolean {
  return !Number.isNaN(time.getTime());
}

const UNITS: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
];

/** How far away a moment is: `3 minutes ago`, `in 2 hours`. Nothing for what is no date. */
function distance(milliseconds: number): string {
  if (Number.isNaN(milliseconds)) return '';
  const [unit, length] = UNITS.find((each) => Math.abs(milliseconds) >= each[1]) ?? ['minute', 60_000];
  const amount = Math.trunc(milliseconds / length);
  if (amount === 0) return milliseconds > 0 ? 'in less than a minute' : 'just now';
  return new Intl.RelativeTimeFormat('en').format(amount, unit);
}

function count(number: number): string {
  return new Intl.NumberFormat('en').format(number);
}

/** How many sessions, in words. */
export function sessionsText(number: number): string {
  return `${count(number)} ${number === 1 ? 'session' : 'sessions'}`;
}
