import { Body, Get, Inject, Post, Query, Redirect } from '@nestjs/common';
import type { HttpSession } from '../core/members.js';
import { Session } from '../nest/session.decorator.js';
import { AdminSessions, type Part } from './admin-sessions.js';
import { AnswerHeaders } from './headers.js';
import { fieldOf, type Fields } from './requests.js';
import { PAGE_HEADERS } from './style.js';
import { addressOf, listPage, sessionsText, type Notice } from './views.js';

/** Sessions of one page. */
const PAGE_SIZE = 50;

const NOTHING: Part = { sessions: [], next: undefined };

const CHANGED: Notice = {
  text: 'The list has changed, and there is no going on from where you were. This is its first page.',
  isBad: true,
};

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

  constructor(@Inject(AdminSessions) admin: AdminSessions) {
    this.#admin = admin;
  }

  @Get()
  @AnswerHeaders(PAGE_HEADERS)
  async show(@Session() own: HttpSession, @Query() query: Fields): Promise<string> {
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
    return listPage({
      search,
      byId: found !== undefined,
      part: found === undefined ? part : { sessions: [found], next: undefined },
      isFirst,
      total: await this.#totalOf(search, part, isFirst, query),
      notice: continued !== undefined ? doneNotice(query) : search !== undefined ? CHANGED : TOO_FAR,
      csrfToken: own.csrfToken(),
      now: Date.now(),
    });
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
  @Redirect('?', 303)
  async act(
    @Session() own: HttpSession,
    @Query() query: Fields,
    @Body() body: Fields,
  ): Promise<{ url: string }> {
    const user = fieldOf(query, 'user');
    const after = fieldOf(query, 'after');
    const id = fieldOf(body, 'end');
    if (id !== undefined) {
      await this.#admin.end(id, own);
      return { url: addressOf({ user: user === id ? undefined : user, after, ended: '1' }) };
    }
    const ended =
      user !== undefined && fieldOf(body, 'endAll') === 'yes'
        ? await this.#admin.endAll(user, own)
        : undefined;
    return { url: addressOf({ user, ended: ended?.toString() }) };
  }
}

/** What the request before this one has done. It stands in the address, where anybody may have put it: a number, and no more. */
function doneNotice(query: Fields): Notice | undefined {
  const ended = /^\d{1,9}$/.exec(fieldOf(query, 'ended') ?? '')?.[0];
  return ended === undefined ? undefined : { text: `${sessionsText(Number(ended))} ended.` };
}
