import { Body, Get, Inject, Post, Query, Res, type HttpServer } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { HttpSession } from '../core/members.js';
import type { AnyResponse } from '../nest/raw-http.js';
import { Session } from '../nest/session.decorator.js';
import { AdminSessions, type Part } from './admin-sessions.js';
import { sendPage } from './answers.js';
import { fieldOf, type Fields } from './requests.js';
import { addressOf, farewellPage, listPage, sessionsText, type Notice } from './views.js';

/** Sessions of one page. */
const PAGE_SIZE = 50;

const NOTHING: Part = { sessions: [], next: undefined };

const CHANGED: Notice = {
  text: 'The list has changed, and there is no going on from where you were. This is its first page.',
  isBad: true,
};

const NOTHING_ENDED: Notice = { text: 'Nothing was ended: there is no such session.', isBad: true };

const TOO_FAR: Notice = {
  text:
    'There is no going on from where you were: the list has changed, or this lies too far in it. This is its first page. To find ' +
    'others, search for their users.',
  isBad: true,
};

/**
 * The page: one address, with what is looked at in its query. What it does is posted to the same address, so that a name needs no form
 * field, in which browsers rewrite line breaks. Extended by a class with path and guards, see SessionAdminModule.
 */
export class AdminPageController {
  readonly #admin: AdminSessions;
  readonly #host: HttpAdapterHost;

  constructor(@Inject(AdminSessions) admin: AdminSessions, @Inject(HttpAdapterHost) host: HttpAdapterHost) {
    this.#admin = admin;
    this.#host = host;
  }

  @Get()
  async show(
    @Session() own: HttpSession,
    @Query() query: Fields,
    @Res() response: AnyResponse,
  ): Promise<void> {
    const search = fieldOf(query, 'user');
    const after = fieldOf(query, 'after');
    const range = { principal: search, after, limit: PAGE_SIZE };
    const continued = await this.#admin.part(range, own);
    const part = continued ?? (await this.#admin.part({ ...range, after: undefined }, own)) ?? NOTHING;
    const isFirst = after === undefined || continued === undefined;
    const found =
      search !== undefined && isFirst && part.sessions.length === 0
        ? await this.#admin.find(search, own)
        : undefined;
    const page = listPage({
      search,
      byId: found !== undefined,
      part: found === undefined ? part : { sessions: [found], next: undefined },
      isFirst,
      total: await this.#totalOf(search, part, isFirst, query),
      notice: continued !== undefined ? doneNotice(query) : search !== undefined ? CHANGED : TOO_FAR,
      csrfToken: own.csrfToken(),
      now: Date.now(),
    });
    sendPage(this.#adapter, response, page);
  }

  /** A user's are few, and all of everybody's are counted on demand. */
  async #totalOf(
    search: string | undefined,
    part: Part,
    isFirst: boolean,
    query: Fields,
  ): Promise<number | undefined> {
    if (isFirst && part.next === undefined) return part.sessions.length;
    if (search === undefined && fieldOf(query, 'count') !== 'all') return undefined;
    return this.#admin.count(search);
  }

  @Post()
  async act(
    @Session() own: HttpSession,
    @Query() query: Fields,
    @Body() body: Fields,
    @Res() response: AnyResponse,
  ): Promise<void> {
    const user = fieldOf(query, 'user');
    const id = fieldOf(body, 'end');
    const all = id === undefined && fieldOf(body, 'endAll') === 'yes' ? user : undefined;
    const isOwn = id === own.id || (all !== undefined && all === own.principal);
    let ended: number | undefined;
    if (id !== undefined) {
      ended = (await this.#admin.end(id, own)) ? 1 : 0;
    } else if (all !== undefined) ended = await this.#admin.endAll(all, own);
    if (isOwn) return sendPage(this.#adapter, response, farewellPage());
    // What was searched for by its id is not there any more.
    const search = user === id ? undefined : user;
    const after = all === undefined ? fieldOf(query, 'after') : undefined;
    this.#adapter.redirect(response, 303, addressOf({ user: search, after, ended: ended?.toString() }));
  }

  get #adapter(): HttpServer {
    return this.#host.httpAdapter;
  }
}

/** What the request before this one has done. It stands in the address, where anybody may have put it: a number, and no more. */
function doneNotice(query: Fields): Notice | undefined {
  const ended = /^\d{1,9}$/.exec(fieldOf(query, 'ended') ?? '')?.[0];
  if (ended === undefined) return undefined;
  return Number(ended) === 0 ? NOTHING_ENDED : { text: `${sessionsText(Number(ended))} ended.` };
}
