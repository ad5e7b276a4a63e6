import type { AttributeDifference } from './attributes.js';
import type { ResponseContext, SessionEnvironment } from './environment.js';
import type { SessionState, WrittenLimits } from './session-state.js';
import { following, hasMoved } from './following.js';
import type { CookieLife, NewSession, NotThere, SessionChange, SessionRenewal } from './store.js';
import { goneError } from './session-assertions.js';
import { idOf, newToken, tagOf, type SessionId, type SessionToken } from './token.js';
import type { Reservation } from './user-sessions.js';

/** A login that comes with a write. */
export interface Login {
  readonly principal: string;
  /** Seconds; 0: none. Starts anew with a login. */
  readonly absoluteTimeout: number;
}

/** The name of a session that is about to log in: its place in the index is kept, whichever way it is written. */
export interface LoginName {
  readonly token: SessionToken;
  readonly reservation: Reservation | undefined;
}

const NOTHING: AttributeDifference = { set: new Map(), remove: [] };

/** Brings one session's differences to its store, and the store's answers to its state. */
export class SessionWriter {
  readonly #environment: SessionEnvironment;
  readonly #client: ResponseContext | undefined;
  readonly #state: SessionState;
  readonly #isAuthenticated: () => boolean;

  constructor(
    environment: SessionEnvironment,
    client: ResponseContext | undefined,
    state: SessionState,
    isAuthenticated: () => boolean,
  ) {
    this.#environment = environment;
    this.#client = client;
    this.#state = state;
    this.#isAuthenticated = isAuthenticated;
  }

  /**
   * Writes what differs; with `force` also if nothing does, which confirms that the session is still there.
   * A new session that is empty is not written, unless something hangs on its token. `difference` may be given where it has just been made.
   * `last`: the response leaves with what this write is told.
   */
  async write(
    force: boolean,
    why: string,
    difference = this.#state.attributes.difference(),
    last = false,
  ): Promise<void> {
    const state = this.#state;
    const { store, log, events } = this.#environment;
    if (state.phase === 'new') {
      const attributes = difference ?? NOTHING;
      if (attributes.set.size === 0 && !state.mustPersist) return;
      await this.#create(attributes, undefined);
      log.debug(`Session ${state.id}: created because ${why}.`);
      events.emit({ type: 'created', id: state.id });
      return;
    }
    if (state.phase !== 'stored') return;
    if (difference === undefined && !state.intervalChanged && !state.cookieChanged && !force) return;
    const { users } = this.#environment;
    if (state.intervalChanged && state.principal !== undefined) {
      const { maxInactiveInterval } = state.times;
      await users?.prolonged(state.principal, state.id, maxInactiveInterval, state.authenticatedAt ?? 0);
    }
    let limits = this.#limits(undefined);
    const outcome = await following(state, (id) => {
      // Anew at each id: who follows to one has not its token, and no cookie to send.
      const change = this.#change(difference, this.#cookieOfSave(last));
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

  /** Before a login is written: names it in the index. @throws SessionCountError */
  async reserve({ principal }: Login): Promise<LoginName> {
    const state = this.#state;
    const isStored = state.phase === 'stored';
    const token = newToken(this.#environment.random, isStored ? tagOf(state.id) : undefined);
    const reservation = await this.#environment.users?.reserve(
      principal,
      idOf(token),
      state.times.maxInactiveInterval,
      {
        device: this.#client?.device,
        replaces: isStored && state.principal === principal ? state.id : undefined,
      },
    );
    return { token, reservation };
  }

  /** Moves a stored session to a new name by a login, with its differences. Returns false if it is not there any more. */
  async renewByLogin(login: Login, name: LoginName): Promise<boolean> {
    const state = this.#state;
    const renewed = await following(state, (id) => this.#renew(id, { login, authenticated: true }, name));
    if (renewed.status !== 'renewed') {
      if (renewed.newIdEnded === true) throw goneError('log in', idOf(name.token));
      state.lost(renewed);
      return false;
    }
    const { id } = state;
    this.#environment.log.debug(`Session ${renewed.oldId}: renewed as ${id} by a login.`);
    this.#environment.events.emit({
      type: 'authenticated',
      id,
      previousId: renewed.oldId,
      principal: login.principal,
    });
    return true;
  }

  /**
   * Moves a stored session to a new name, with its differences. Where another request has just done so, that counts for
   * this one too, which then has no cookie to send: of two ids the browser might keep the one that is dead by now. Unless
   * that one has left the old token a grace, and this one leaves none.
   * Returns false if the session is not there any more.
   */
  async renew(graceSeconds: number): Promise<boolean> {
    const state = this.#state;
    const outcome = state.isRenewedFor(graceSeconds)
      ? undefined
      : await following(
          state,
          (id) => this.#renew(id, { graceSeconds }),
          () => !state.isRenewedFor(graceSeconds),
        );
    if (outcome === undefined || hasMoved(outcome)) {
      await this.write(true, 'its id was changed by another request');
      return state.phase === 'stored';
    }
    if (outcome.status !== 'renewed') {
      state.lost(outcome);
      return false;
    }
    const { oldId } = outcome;
    this.#environment.log.debug(`Session ${oldId}: renewed as ${state.id}.`);
    this.#environment.events.emit({ type: 'regenerated', id: state.id, previousId: oldId });
    return true;
  }

  async #renew(
    oldId: SessionId,
    how: Partial<SessionRenewal>,
    name?: LoginName,
  ): Promise<NotThere | { readonly status: 'renewed'; readonly oldId: SessionId }> {
    const state = this.#state;
    const { token, reservation } = name ?? (await this.#reserveRenewal(oldId));
    const difference = state.attributes.difference();
    const change = this.#change(difference, this.#firstCookie());
    const limits = this.#limits(change.cookie);
    const indexed = reservation === undefined ? undefined : true;
    const renewal = { ...change, newId: idOf(token), indexed, ...how };
    const outcome = await this.#environment.store.renew(oldId, renewal).catch(async (error: unknown) => {
      if (name === undefined) await reservation?.released();
      throw error;
    });
    if (outcome.status !== 'written') {
      if (name === undefined) await reservation?.released();
      return outcome;
    }
    if ((await reservation?.written()) === false) return { status: 'ended', newIdEnded: true };
    state.renewed(token, difference, outcome, limits);
    return { status: 'renewed', oldId };
  }

  async #reserveRenewal(oldId: SessionId): Promise<LoginName> {
    const { principal, times } = this.#state;
    const token = newToken(this.#environment.random, tagOf(oldId));
    if (principal === undefined) return { token, reservation: undefined };
    const reservation = await this.#environment.users?.reserve(
      principal,
      idOf(token),
      times.maxInactiveInterval,
      { replaces: oldId, keepsLogin: true },
    );
    return { token, reservation };
  }

  /** Writes a login as a session of its own. What a record that ended meanwhile held is not brought back. */
  async createByLogin(login: Login, name: LoginName): Promise<void> {
    const state = this.#state;
    if (state.phase !== 'new') state.attributes.forgetStored();
    const difference = state.attributes.difference() ?? NOTHING;
    state.forgetName(name.token);
    await this.#create(difference, login, name.reservation);
    const { log, events } = this.#environment;
    const { id } = state;
    log.debug(`Session ${id}: created by a login.`);
    events.emit({ type: 'created', id });
    events.emit({ type: 'authenticated', id, previousId: undefined, principal: login.principal });
  }

  /** Whether there is nothing to write, but the cookie is to be sent again. */
  get owesCookie(): boolean {
    return this.#cookieOfSave(true) !== undefined;
  }

  /**
   * Sends the cookie again, of a session that has nothing else to write. Only once the store has said that its token is
   * still the right one: it must not replace that of a login which came meanwhile. Best effort, since reads outlive writes.
   */
  async sendCookieAgain(): Promise<void> {
    const state = this.#state;
    const cookie = this.#cookieOfSave(true);
    // One try for a response, whatever becomes of it.
    state.cookieSentAt = state.times.accessedAt;
    try {
      const outcome = await this.#environment.store.save(state.id, this.#change(undefined, cookie));
      if (outcome.status === 'written') state.settled(undefined, outcome, this.#limits(cookie));
    } catch (error) {
      const message = error instanceof Error ? error.message : 'unknown failure';
      this.#environment.log.debug(`Session ${state.id}: its cookie is not sent again: ${message}`);
    }
  }

  /**
   * What a save says of the cookie. Only the `last` one of a request lets it leave with the response: what the store said
   * of the token before that may be out of date by then.
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

  async #create(
    difference: AttributeDifference,
    login: Login | undefined,
    reservation?: Reservation,
  ): Promise<void> {
    const state = this.#state;
    const record = { ...this.#record(difference, login), indexed: reservation === undefined ? undefined : true };
    const limits = this.#limits(record.cookie);
    const outcome = await this.#environment.store.create(state.id, record);
    if (outcome.status !== 'written' || (await reservation?.written()) === false)
      throw goneError(login === undefined ? 'begin' : 'log in', state.id);
    state.created(difference, outcome, limits);
  }

  #record(difference: AttributeDifference, login: Login | undefined): NewSession {
    const state = this.#state;
    return {
      cookie: this.#firstCookie(),
      attributes: difference.set,
      codec: state.attributes.codecName,
      maxInactiveInterval: state.times.maxInactiveInterval,
      absoluteTimeout: this.#environment.rules.absoluteTimeout,
      principal: login?.principal,
      authenticated: login !== undefined || this.#isAuthenticated(),
    };
  }

  #change(difference: AttributeDifference | undefined, cookie: CookieLife | undefined): SessionChange {
    const { intervalChanged, times } = this.#state;
    const { set, remove } = difference ?? NOTHING;
    return {
      set,
      remove,
      maxInactiveInterval: intervalChanged ? times.maxInactiveInterval : undefined,
      authenticated: this.#isAuthenticated(),
      cookie,
    };
  }
}
