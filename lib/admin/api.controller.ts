import {
  BadRequestException,
  Delete,
  Get,
  GoneException,
  HttpCode,
  Inject,
  NotFoundException,
  Param,
  Query,
} from '@nestjs/common';
import type { HttpSession } from '../core/members.js';
import { isSessionId } from '../core/token.js';
import type { SessionInfo } from '../nest/session-info.js';
import { Session } from '../nest/session.decorator.js';
import { AdminSessions, MOST_PASSED } from './admin-sessions.js';
import { JsonAnswer } from './answers.js';
import { limitOf, strictFieldOf, type Fields } from './requests.js';

/** A part of a list, in JSON. */
export interface SessionAdminList {
  /** Dates are ISO 8601, what is not known is left out. */
  readonly sessions: readonly SessionInfo[];
  /** The `after` of the next part; null: this was the last. */
  readonly next: string | null;
}

/** The same for programs. Extended by a class with path and guards, see SessionAdminModule. */
export class AdminApiController {
  readonly #admin: AdminSessions;

  constructor(@Inject(AdminSessions) admin: AdminSessions) {
    this.#admin = admin;
  }

  @Get('sessions')
  @JsonAnswer()
  async list(@Session() own: HttpSession, @Query() query: Fields): Promise<SessionAdminList> {
    const principal = strictFieldOf(query, 'principal');
    const part = await this.#admin.part(
      { principal, after: strictFieldOf(query, 'after'), limit: limitOf(query) },
      own,
    );
    if (part !== undefined) return { sessions: part.sessions, next: part.next ?? null };
    throw new GoneException(
      `The session that 'after' names is not in the list any more, or lies behind more than ${MOST_PASSED} others. Begin again without it.`,
    );
  }

  @Get('sessions/:id')
  @JsonAnswer()
  async find(@Session() own: HttpSession, @Param('id') id: string): Promise<SessionInfo> {
    const info = await this.#admin.find(id, own);
    if (info === undefined) throw new NotFoundException('There is no session with this id.');
    return info;
  }

  @Get('count')
  @JsonAnswer()
  async count(@Query() query: Fields): Promise<{ readonly count: number }> {
    return { count: await this.#admin.count(strictFieldOf(query, 'principal')) };
  }

  /** For the header `x-csrf-token` of what ends sessions. */
  @Get('csrf-token')
  @JsonAnswer()
  csrfToken(@Session() own: HttpSession): { readonly token: string } {
    return { token: own.csrfToken() };
  }

  @Delete('sessions/:id')
  @HttpCode(204)
  async end(@Session() own: HttpSession, @Param('id') id: string): Promise<void> {
    if (!isSessionId(id)) throw new NotFoundException('This is not the id of a session.');
    await this.#admin.end(id, own);
  }

  @Delete('sessions')
  @JsonAnswer()
  async endAll(@Session() own: HttpSession, @Query() query: Fields): Promise<{ readonly ended: number }> {
    const principal = strictFieldOf(query, 'principal');
    if (principal === undefined)
      throw new BadRequestException(
        "'principal' says whose sessions are to end. Those of everybody at once do not end here.",
      );
    return { ended: await this.#admin.endAll(principal, own) };
  }
}
