import type { Attributes } from './attributes.js';
import { SessionUsageError } from './errors.js';
import { httpSessionOf, type PromisedMember, type ProxiedSession } from './proxy.js';
import type { HttpSession } from './members.js';
import type { SessionState } from './state.js';
import type { WatchedPromise } from './watched-promise.js';

/** A session that is only looked at: whatever would change it, or count as a use of it, is refused. */
export class PeekedSession implements ProxiedSession {
  useCount = 0;
  readonly httpSession: HttpSession;
  readonly #session: ProxiedSession;
  readonly #reason: string;

  /** @param reason Why it cannot be changed, and what to do instead. */
  constructor(session: ProxiedSession, reason: string) {
    this.#session = session;
    this.#reason = reason;
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

  readonly #refuse = (): never => {
    throw new SessionUsageError(this.#reason);
  };
  readonly #refuseLater = async (): Promise<never> => this.#refuse();

  readonly setAttribute = this.#refuse;
  readonly deleteAttribute = this.#refuse;
  readonly setMaxInactiveInterval = this.#refuse;
  readonly setCookieMaxAge = this.#refuse;
  readonly markDirty = this.#refuse;
  readonly keep = this.#refuse;
  readonly csrfToken = this.#refuse;
  readonly authenticate = this.#refuseLater;
  readonly regenerateId = this.#refuseLater;
  readonly save = this.#refuseLater;
  readonly update = this.#refuseLater;
  readonly reload = this.#refuseLater;
  readonly destroy = this.#refuseLater;

  asThrown(error: unknown): unknown {
    return this.#session.asThrown(error);
  }

  failedUnseen(method: PromisedMember, promise: WatchedPromise<unknown>): void {
    this.#session.failedUnseen(method, promise);
  }
}
