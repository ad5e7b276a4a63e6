import type { Attributes } from './attributes.js';
import { SessionUsageError } from './errors.js';
import { httpSessionOf, type ProxiedSession } from './proxy.js';
import type { HttpSession } from './members.js';
import type { SessionState } from './state.js';

/** A session that is only looked at: whatever would change it, or count as a use of it, is refused. */
export class PeekedSession implements ProxiedSession {
  useCount = 0;
  readonly httpSession: HttpSession;
  readonly #session: ProxiedSession;

  constructor(session: ProxiedSession) {
    this.#session = session;
    this.httpSession = httpSessionOf(this);
  }

  get id(): string {
    return this.#session.id;
  }

  get state(): Readonly<SessionState> {
    return this.#session.state;
  }

  get attributes(): Attributes {
    return this.#session.attributes;
  }

  readonly setAttribute = refuse;
  readonly deleteAttribute = refuse;
  readonly setMaxInactiveInterval = refuse;
  readonly setCookieMaxAge = refuse;
  readonly markDirty = refuse;
  readonly keep = refuse;
  readonly csrfToken = refuse;
  readonly authenticate = refuseLater;
  readonly regenerateId = refuseLater;
  readonly save = refuseLater;
  readonly update = refuseLater;
  readonly reload = refuseLater;
  readonly destroy = refuseLater;

  asThrown(error: unknown): unknown {
    return this.#session.asThrown(error);
  }
}

function refuse(): never {
  throw new SessionUsageError(
    'This session is only looked at (SessionService.peek) and cannot be changed. Use SessionService.open(id) to change it, ' +
      'or destroy(id) to end it.',
  );
}

async function refuseLater(): Promise<never> {
  return refuse();
}
