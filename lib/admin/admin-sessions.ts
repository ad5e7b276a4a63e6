import { Inject, Injectable, Logger } from '@nestjs/common';
import type { HttpSession } from '../core/members.js';
import { isSessionId } from '../core/token.js';
import type { SessionInfo } from '../nest/session-info.js';
import { SessionService } from '../nest/session.service.js';

/** Which part of which list. */
interface Range {
  /** Whose sessions; undefined: everybody's. */
  readonly principal: string | undefined;
  /** The last session of the part before. */
  readonly after: string | undefined;
  readonly limit: number;
}

/** A part of a list. */
export interface Part {
  readonly sessions: readonly SessionInfo[];
  /** What the next part comes after; undefined: this was the last. */
  readonly next: string | undefined;
}

/** Sessions of everybody that are passed over to get to a part: whoever pages for longer had better search. */
export const MOST_PASSED = 10_000;

/**
 * What an administrator sees of sessions, and ends. Looking is not using, and shows no attribute and no token. Each end is told in the
 * log, by public ids.
 */
@Injectable()
export class AdminSessions {
  readonly #sessions: SessionService;
  readonly #logger = new Logger('SessionAdmin');

  constructor(@Inject(SessionService) sessions: SessionService) {
    this.#sessions = sessions;
  }

  /**
   * A part of a list. Undefined: there is no going on from where it was to begin, since that session has ended, or lies
   * behind {@link MOST_PASSED} others.
   * @param own The administrator's own session, which is marked.
   */
  async part(range: Range, own: HttpSession): Promise<Part | undefined> {
    const { principal, after, limit } = range;
    const found =
      principal === undefined
        ? await this.#ofEverybody(range, own)
        : await this.#sessions.list(principal, { limit: limit + 1, after, current: own });
    if (found === undefined) return undefined;
    if (principal !== undefined && after !== undefined && found.length === 0) {
      // Either there is nothing behind it, or it is not there itself.
      const last = await this.#sessions.peek(after);
      if (last?.principal !== principal) return undefined;
    }
    const sessions = found.slice(0, limit);
    return { sessions, next: found.length > limit ? sessions.at(-1)?.id : undefined };
  }

  async #ofEverybody({ after, limit }: Range, own: HttpSession): Promise<SessionInfo[] | undefined> {
    const found = new Map<string, SessionInfo>();
    let hasBegun = after === undefined;
    let passed = 0;
    for await (const info of this.#sessions.all()) {
      if (hasBegun) found.set(info.id, { ...info, current: info.id === own.id });
      else if (info.id === after) hasBegun = true;
      else if ((passed += 1) > MOST_PASSED) return undefined;
      if (found.size > limit) break;
    }
    return hasBegun ? [...found.values()] : undefined;
  }

  /** A session by its public id, a guest's too; undefined where there is none. */
  async find(id: string, own: HttpSession): Promise<SessionInfo | undefined> {
    const session = await this.#sessions.peek(id);
    if (session === undefined) return undefined;
    const { principal, createdAt, authenticatedAt, lastAccessedAt, expiresAt } = session;
    const listed = principal === undefined ? [] : await this.#sessions.list(principal);
    const device = listed.find((each) => each.id === id)?.device;
    const current = id === own.id;
    return { id, principal, createdAt, authenticatedAt, lastAccessedAt, expiresAt, device, current };
  }

  /** How many live sessions a user has, or all who are logged in, for which all of them are looked at. */
  count(principal: string | undefined): Promise<number> {
    return this.#sessions.count(principal);
  }

  /** Ends a session on every node. Resolves to whether there was one; that there is none is no error. */
  async end(id: string, own: HttpSession): Promise<boolean> {
    if (!isSessionId(id)) return false;
    const by = own.id;
    // By itself, so that its cookie goes as well.
    if (id === by) await own.destroy();
    else if (!(await this.#destroy(id))) return false;
    this.#logger.log(`Session ${id} is ended, as session ${by} wants it.`);
    return true;
  }

  /** The service does not tell whether there was one, but an event does, before it returns. */
  async #destroy(id: string): Promise<boolean> {
    let wasThere = false;
    const listening = this.#sessions.events.subscribe((event) => {
      if (event.type === 'destroyed' && event.id === id && event.origin === 'here') wasThere = true;
    });
    try {
      await this.#sessions.destroy(id);
    } finally {
      listening.unsubscribe();
    }
    return wasThere;
  }

  /** Ends all sessions of a user, on every node. Resolves to how many there were. */
  async endAll(principal: string, own: HttpSession): Promise<number> {
    const by = own.id;
    const isOwn = own.principal === principal;
    let ended = await this.#sessions.destroyAll(principal, { except: own });
    if (isOwn) {
      await own.destroy();
      ended += 1;
    }
    this.#logger.log(`All sessions of a user, ${ended}, are ended, as session ${by} wants it.`);
    return ended;
  }
}
