import type { AttributeDifference } from './attributes.js';
import type { ResponseContext, SessionEnvironment } from './environment.js';
import type { NewName, SessionState, WrittenLimits } from './state.js';
import type { CookieLife, NewSession, NotThere, SessionChange, SessionRenewal } from './store.js';
import { goneError } from './assertions.js';
import { idOf, newToken, tagOf, type SessionId } from './token.js';
import type { Reservation } from './user-sessions.js';

/** A login that comes with a write. */
interface Login {
  readonly principal: string;
  /** Seconds; 0: none. Starts anew with a login. */
  readonly absoluteTimeout: number;
}

/** The name of a session that is about to log in: its place in the index is kept, whichever way it is written. */
export interface ReservedName extends NewName {
  readonly reservation: Reservation | undefined;
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

interface Renewed {
  readonly status: 'renewed';
  readonly oldId: SessionId;
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
    if (state.intervalChanged) await this.#prolong();
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

  /** Before the session is to live for longer: its entry in the index is to live for longer as well. */
  async #prolong(): Promise<void> {
    const { principal, id, times, authenticatedAt = 0 } = this.#state;
    const { users } = this.#environment;
    if (principal !== undefined)
      await users?.prolonged(principal, id, times.maxInactiveInterval, authenticatedAt);
  }

  /**
   * Before a login is written: names its session in the index.
   * @param leaves Nothing of the session that is there is handed on. @throws SessionCountError
   */
  async reserve({ principal }: Login, leaves: boolean): Promise<ReservedName> {
    const state = this.#state;
    const replaced = state.phase === 'stored' && !leaves ? state.id : undefined;
    const name = this.#newName(replaced);
    const { maxInactiveInterval } = state.times;
    const reservation = await this.#environment.users?.reserve(principal, name.id, maxInactiveInterval, {
      device: this.#client?.device,
      replaces: state.principal === principal ? replaced : undefined,
    });
    return { ...name, reservation };
  }

  /** @param replaced The id whose place in a cluster it keeps, if there is one. */
  #newName(replaced: SessionId | undefined): NewName {
    const token = newToken(this.#environment.random, replaced && tagOf(replaced));
    return { token, id: idOf(token) };
  }

  /**
   * Before a stored session is ended for a login that begins one of its own: a store that is full, or may not be written to, still ends
   * sessions, and would leave nobody logged in. @throws what a write throws
   */
  async assertTaken(): Promise<void> {
    const { id, authenticated } = this.#state;
    const nothing = { maxInactiveInterval: undefined, kept: undefined };
    const change = { ...this.#change(undefined, authenticated, undefined), ...nothing };
    await this.#environment.store.save(id, change);
  }

  /** Moves a stored session to a new id by a login, with its changes. Returns false if it is not there any more. */
  async renewByLogin(login: Login, name: ReservedName): Promise<boolean> {
    const state = this.#state;
    const outcome = await following(state, (id) => this.#renew(id, true, { login }, name));
    if (outcome.status !== 'renewed') {
      // Ended with all others of the user, before it was written: to begin one of its own would undo that.
      if (outcome.newIdEnded === true) throw goneError('log in', name.id);
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
          (id) => this.#renewReserved(id, authenticated, graceSeconds),
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
  async createByLogin(login: Login, name: ReservedName): Promise<void> {
    const state = this.#state;
    if (state.phase !== 'new') state.attributes.forgetStored();
    const difference = state.attributes.difference() ?? NOTHING;
    state.forgetId(name);
    await this.#create(difference, true, login, name.reservation);
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

  /** An id change, under a name that the index knows beforehand where the session is a user's. */
  async #renewReserved(
    oldId: SessionId,
    authenticated: boolean,
    graceSeconds: number,
  ): Promise<NotThere | Renewed> {
    const { principal, times } = this.#state;
    const { users } = this.#environment;
    const name = this.#newName(oldId);
    const entry = { replaces: oldId, keepsLogin: true };
    const reservation =
      principal === undefined
        ? undefined
        : await users?.reserve(principal, name.id, times.maxInactiveInterval, entry);
    let outcome: NotThere | Renewed | undefined;
    try {
      outcome = await this.#renew(oldId, authenticated, { graceSeconds }, { ...name, reservation });
      return outcome;
    } finally {
      if (outcome?.status !== 'renewed') await reservation?.released();
    }
  }

  async #renew(
    oldId: SessionId,
    authenticated: boolean,
    how: Pick<SessionRenewal, 'login' | 'graceSeconds'>,
    name: ReservedName,
  ): Promise<NotThere | Renewed> {
    const { reservation } = name;
    const state = this.#state;
    const difference = state.attributes.difference();
    const change = this.#change(difference, authenticated, this.#firstCookie());
    const limits = this.#limits(change.cookie);
    const indexed = reservation !== undefined;
    const renewal = { ...change, newId: name.id, indexed, entry: reservation?.entry, ...how };
    const outcome = await this.#environment.store.renew(oldId, renewal);
    if (outcome.status !== 'written') return outcome;
    if ((await reservation?.written()) === false) return { status: 'ended', newIdEnded: true };
    state.renewed(name, difference, outcome, limits);
    return { status: 'renewed', oldId };
  }

  async #create(
    difference: AttributeDifference,
    authenticated: boolean,
    login: Login | undefined,
    reservation?: Reservation,
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
      kept: this.#keptAnew(authenticated),
      indexed: reservation !== undefined,
      entry: reservation?.entry,
    };
    const limits = this.#limits(cookie);
    const outcome = await this.#environment.store.create(state.id, record);
    if (outcome.status !== 'written' || (await reservation?.written()) === false)
      throw goneError('log in', state.id);
    state.created(difference, outcome, limits);
  }

  #change(
    difference: AttributeDifference | undefined,
    authenticated: boolean,
    cookie: CookieLife | undefined,
  ): SessionChange {
    const { intervalChanged, times, mark } = this.#state;
    const { set, remove } = difference ?? NOTHING;
    const maxInactiveInterval = intervalChanged ? times.maxInactiveInterval : undefined;
    const kept = this.#keptAnew(authenticated);
    return { set, remove, maxInactiveInterval, authenticated, kept, cookie, mark };
  }

  /** What a write says of {@link SessionState.kept}; undefined: as it was. One that counts as authenticated is not a guest's. */
  #keptAnew(authenticated: boolean): boolean | undefined {
    const { kept, keptChanged } = this.#state;
    if (authenticated) return kept && !keptChanged ? false : undefined;
    return keptChanged ? true : undefined;
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
    const { times, kept } = this.#state;
    return { maxInactiveInterval: times.maxInactiveInterval, kept, cookie };
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
