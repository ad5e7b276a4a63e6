import type { AttributeDifference } from './attributes.js';
import type { SessionEnvironment } from './environment.js';
import type { SessionState } from './session-state.js';
import type { NewSession, SessionChange } from './store.js';
import { idOf, newToken, tagOf } from './token.js';

/** A login that comes with a write. */
export interface Login {
  readonly principal: string;
  /** Seconds; 0: none. Starts anew with a login. */
  readonly absoluteTimeout: number;
}

const NOTHING: AttributeDifference = { set: new Map(), remove: [] };

/** Brings one session's differences to its store, and the store's answers to its state. */
export class SessionWriter {
  readonly #environment: SessionEnvironment;
  readonly #state: SessionState;
  readonly #isAuthenticated: () => boolean;

  constructor(environment: SessionEnvironment, state: SessionState, isAuthenticated: () => boolean) {
    this.#environment = environment;
    this.#state = state;
    this.#isAuthenticated = isAuthenticated;
  }

  /**
   * Writes what differs; with `force` also if nothing does, which confirms that the session is still there.
   * A new session that is empty is not written, unless something hangs on its token. `difference` may be given where it has just been made.
   */
  async write(force: boolean, why: string, difference = this.#state.attributes.difference()): Promise<void> {
    const state = this.#state;
    const { store, log, events } = this.#environment;
    if (state.phase === 'new') {
      const attributes = difference ?? NOTHING;
      if (attributes.set.size === 0 && !state.needed) return;
      state.created(attributes, await store.create(state.id, this.#record(attributes, undefined)));
      log.debug(`Session ${state.id}: created because ${why}.`);
      events.emit({ type: 'created', id: state.id });
      return;
    }
    if (state.phase !== 'stored') return;
    if (difference === undefined && !state.intervalChanged && !force) return;
    const outcome = await store.save(state.id, this.#change(difference));
    if (outcome.status !== 'written') return state.lost(outcome);
    state.settled(difference, outcome);
    log.debug(`Session ${state.id}: saved because ${why}.`);
  }

  /** Moves a stored session to a new name, with its differences. Returns false if it is not there any more. */
  async renew(login: Login | undefined): Promise<boolean> {
    const state = this.#state;
    const { store, random, log, events } = this.#environment;
    const oldId = state.id;
    const difference = state.attributes.difference();
    const token = newToken(random, tagOf(oldId));
    const change = { ...this.#change(difference), newId: idOf(token), login };
    const outcome = await store.renew(
      oldId,
      login === undefined ? change : { ...change, authenticated: true },
    );
    if (outcome.status !== 'written') {
      state.lost(outcome);
      return false;
    }
    state.renewed(token, difference, outcome);
    log.debug(`Session ${oldId}: renewed as ${state.id}${login === undefined ? '' : ' by a login'}.`);
    events.emit(
      login === undefined
        ? { type: 'regenerated', id: state.id, previousId: oldId }
        : { type: 'authenticated', id: state.id, previousId: oldId, principal: login.principal },
    );
    return true;
  }

  /** Writes a login as a session of its own. What a record that ended meanwhile held is not brought back. */
  async createByLogin(login: Login): Promise<void> {
    const state = this.#state;
    if (state.phase !== 'new') state.attributes.forgetStored();
    const difference = state.attributes.difference() ?? NOTHING;
    state.forgetName();
    state.created(
      difference,
      await this.#environment.store.create(state.id, this.#record(difference, login)),
    );
    const { log, events } = this.#environment;
    const { id } = state;
    log.debug(`Session ${id}: created by a login.`);
    events.emit({ type: 'created', id });
    events.emit({ type: 'authenticated', id, previousId: undefined, principal: login.principal });
  }

  #record(difference: AttributeDifference, login: Login | undefined): NewSession {
    const state = this.#state;
    return {
      attributes: difference.set,
      codec: state.attributes.codecName,
      maxInactiveInterval: state.times.maxInactiveInterval,
      absoluteTimeout: this.#environment.rules.absoluteTimeout,
      principal: login?.principal,
      authenticated: login !== undefined || this.#isAuthenticated(),
    };
  }

  #change(difference: AttributeDifference | undefined): SessionChange {
    const { intervalChanged, times } = this.#state;
    const { set, remove } = difference ?? NOTHING;
    return {
      set,
      remove,
      maxInactiveInterval: intervalChanged ? times.maxInactiveInterval : undefined,
      authenticated: this.#isAuthenticated(),
    };
  }
}
