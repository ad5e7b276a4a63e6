import type { AttributeDifference } from './attributes.js';
import type { ResponseContext, SessionEnvironment } from './environment.js';
import type { SessionState, WrittenLimits } from './state.js';
import type { CookieLife, NewSession, NotThere, SessionChange, SessionRenewal } from './store.js';
import { idOf, newToken, tagOf, type SessionId } from './token.js';

/** A login that comes with a write. */
export interface Login {
  readonly principal: string;
  /** Seconds; 0: none. Starts anew with a login. */
  readonly absoluteTimeout: number;
}

/** What a write has to know beside the session's state. */
export interface Write {
  readonly difference: AttributeDifference | undefined;
  /** Also if nothing differs, which confirms that the session is still there. */
  readonly force: boolean;
  /** Whether the session counts as authenticated now. */
  readonly authenticated: boolean;
  /** For the log, as in "saved because …". */
  readonly why: string;
  /** The response leaves with what this write is told. */
  readonly last?: boolean | undefined;
}

const NOTHING: AttributeDifference = { set: new Map(), remove: [] };

/** Brings one session's changes to its store, and the store's answers to its state. */
export class SessionChanges {
  readonly #environment: SessionEnvironment;
  readonly #client: ResponseContext | undefined;
  readonly #state: SessionState;

  constructor(environment: SessionEnvironment, client: ResponseContext | undefined, state: SessionState) {
    this.#environment = environment;
    this.#client = client;
    this.#state = state;
  }

  /** Writes if that would do anything: see {@link SessionState.owesWrite}. */
  async write({ difference, force, authenticated, why, last = false }: Write): Promise<void> {
    const state = this.#state;
    const { store, log, events } = this.#environment;
    if (!state.owesWrite(difference, force)) return;
    if (state.phase === 'new') {
      await this.#create(difference ?? NOTHING, authenticated, undefined);
      log.debug(`Session ${state.id}: created because ${why}.`);
      return events.emit({ type: 'created', id: state.id });
    }
    let limits = this.#limits(undefined);
    const outcome = await following(state, (id) => {
      // Decided for each id: who follows to one does not have its token, and no cookie to send.
      const change = this.#change(difference, authenticated, this.#cookieOfSave(last));
      limits = this.#limits(change.cookie);
      return store.save(id, change);
    });
    if (outcome.status !== 'written') {
      state.lost(outcome);
      if (difference !== undefined) state.dropped(difference);
      return;
    }
    state.settled(difference, outcome, limits);
    log.debug(`Session ${state.id}: saved because ${why}.`);
  }

  /** Moves a stored session to a new id by a login, with its changes. Returns false if it is not there any more. */
  async renewByLogin(login: Login): Promise<boolean> {
    const state = this.#state;
    const outcome = await following(state, (id) => this.#renew(id, true, { login }));
    if (outcome.status !== 'renewed') {
      state.lost(outcome);
      return false;
    }
    const { id } = state;
    const { log, events } = this.#environment;
    log.debug(`Session ${outcome.oldId}: renewed as ${id} by a login.`);
    events.emit({ type: 'authenticated', id, previousId: outcome.oldId, principal: login.principal });
    return true;
  }

  /**
   * Moves a stored session to a new id, with its changes. Where another request has just done so, that counts for this
   * one too, which then has no cookie to send: of two ids the browser might keep the one that is dead by now. Unless
   * that one has left the old token a grace, and this one leaves none.
   * Returns false if the session is not there any more.
   */
  async renew(graceSeconds: number, authenticated: boolean): Promise<boolean> {
    const state = this.#state;
    const outcome = state.isRenewedFor(graceSeconds)
      ? undefined
      : await following(
          state,
          (id) => this.#renew(id, authenticated, { graceSeconds }),
          () => !state.isRenewedFor(graceSeconds),
        );
    if (outcome === undefined || hasMoved(outcome)) {
      const difference = state.attributes.difference();
      const why = 'its id was changed by another request';
      await this.write({ difference, force: true, authenticated, why });
      return state.phase === 'stored';
    }
    if (outcome.status !== 'renewed') {
      state.lost(outcome);
      return false;
    }
    const { log, events } = this.#environment;
    log.debug(`Session ${outcome.oldId}: renewed as ${state.id}.`);
    events.emit({ type: 'regenerated', id: state.id, previousId: outcome.oldId });
    return true;
  }

  /** Writes a login as a session of its own. What a record that ended meanwhile held is not brought back. */
  async createByLogin(login: Login): Promise<void> {
    const state = this.#state;
    if (state.phase !== 'new') state.attributes.forgetStored();
    const difference = state.attributes.difference() ?? NOTHING;
    state.forgetId();
    await this.#create(difference, true, login);
    const { log, events } = this.#environment;
    const { id } = state;
    log.debug(`Session ${id}: created by a login.`);
    events.emit({ type: 'created', id });
    events.emit({ type: 'authenticated', id, previousId: undefined, principal: login.principal });
  }

  /** Whether the cookie is to be sent again with this response. */
  get owesCookie(): boolean {
    return this.#cookieOfSave(true) !== undefined;
  }

  /**
   * Sends the cookie again, of a session that has nothing else to write. Only once the store has said that its token is
   * still the right one: it must not replace that of a login which came meanwhile. Best effort, since reads outlive
   * writes.
   */
  async sendCookieAgain(authenticated: boolean): Promise<void> {
    const state = this.#state;
    const { store, log } = this.#environment;
    const cookie = this.#cookieOfSave(true);
    // One try for a response, whatever becomes of it.
    state.cookieSentAt = state.times.accessedAt;
    try {
      const outcome = await store.save(state.id, this.#change(undefined, authenticated, cookie));
      if (outcome.status === 'written') state.settled(undefined, outcome, this.#limits(cookie));
    } catch (error) {
      const message = error instanceof Error ? error.message : 'unknown failure';
      log.debug(`Session ${state.id}: its cookie is not sent again: ${message}`);
    }
  }

  async #renew(
    oldId: SessionId,
    authenticated: boolean,
    how: Pick<SessionRenewal, 'login' | 'graceSeconds'>,
  ): Promise<NotThere | { readonly status: 'renewed'; readonly oldId: SessionId }> {
    const state = this.#state;
    const difference = state.attributes.difference();
    const token = newToken(this.#environment.random, tagOf(oldId));
    const change = this.#change(difference, authenticated, this.#firstCookie());
    const limits = this.#limits(change.cookie);
    const outcome = await this.#environment.store.renew(oldId, { ...change, newId: idOf(token), ...how });
    if (outcome.status !== 'written') return outcome;
    state.renewed(token, difference, outcome, limits);
    return { status: 'renewed', oldId };
  }

  async #create(
    difference: AttributeDifference,
    authenticated: boolean,
    login: Login | undefined,
  ): Promise<void> {
    const state = this.#state;
    const cookie = this.#firstCookie();
    const record: NewSession = {
      cookie,
      attributes: difference.set,
      codec: state.attributes.codecName,
      maxInactiveInterval: state.times.maxInactiveInterval,
      absoluteTimeout: this.#environment.rules.absoluteTimeout,
      principal: login?.principal,
      authenticated,
    };
    const limits = this.#limits(cookie);
    state.created(difference, await this.#environment.store.create(state.id, record), limits);
  }

  #change(
    difference: AttributeDifference | undefined,
    authenticated: boolean,
    cookie: CookieLife | undefined,
  ): SessionChange {
    const { intervalChanged, times } = this.#state;
    const { set, remove } = difference ?? NOTHING;
    const maxInactiveInterval = intervalChanged ? times.maxInactiveInterval : undefined;
    return { set, remove, maxInactiveInterval, authenticated, cookie };
  }

  /**
   * What a save says of the cookie. Only the `last` one of a request lets it leave with the response: what the store
   * said of the token before that may be out of date by then.
   */
  #cookieOfSave(last: boolean): CookieLife | undefined {
    const state = this.#state;
    const { cookieChanged } = state;
    if (!cookieChanged && !(last && state.isCookieDue)) return undefined;
    const sent = last && this.#client?.headersSent === false && state.hasCurrentToken;
    // Who cannot send it leaves that to the next use; nothing is to be said of it that is not new.
    return sent || cookieChanged ? { maxAge: state.cookieMaxAge, sent } : undefined;
  }

  /** What is kept of a cookie that goes with a new token. */
  #firstCookie(): CookieLife | undefined {
    const { effectiveCookieMaxAge, cookieChanged, cookieMaxAge } = this.#state;
    if (effectiveCookieMaxAge === undefined && !cookieChanged) return undefined;
    return { maxAge: cookieMaxAge, sent: true };
  }

  #limits(cookie: CookieLife | undefined): WrittenLimits {
    return { maxInactiveInterval: this.#state.times.maxInactiveInterval, cookie };
  }
}

/** Id changes in a row that are followed. More than a request can meet, and an end to whatever goes round in a ring. */
export const MOST_MOVES = 20;

/**
 * Asks the store for something under the session's id, and where another request has changed that meanwhile, under the
 * one that it has now: what was under way goes where the session goes. A login is not followed.
 * @param goesOn Whether it is still to be asked there.
 */
export async function following<T extends { readonly status: string }>(
  state: SessionState,
  ask: (id: SessionId) => Promise<T | NotThere>,
  goesOn = (): boolean => true,
): Promise<T | NotThere> {
  for (let moves = 0; ; moves += 1) {
    const outcome = await ask(state.id);
    if (!hasMoved(outcome) || moves === MOST_MOVES) return outcome;
    state.moved(outcome.movedTo, outcome.inGrace === true);
    if (!goesOn()) return outcome;
  }
}

/** Whether the session goes on under another id. */
export function hasMoved(outcome: object): outcome is NotThere & { readonly movedTo: SessionId } {
  return 'movedTo' in outcome && outcome.movedTo !== undefined;
}
