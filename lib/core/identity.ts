import {
  assertCookieCanLeave,
  assertGrace,
  assertKeepAttributes,
  assertNever,
  assertUsable,
  goneError,
  principalOf,
  rememberedFor,
} from './assertions.js';
import type { ReservedName, SessionChanges } from './changes.js';
import type { ResponseContext, SessionEnvironment } from './environment.js';
import { SessionFormatError, SessionStoreUnavailableError } from './errors.js';
import type { AuthenticateOptions, RegenerateOptions } from './members.js';
import type { OwnLimits, SessionState } from './state.js';
import { idOf, type SessionId } from './token.js';

/** The end of a session that this request has left, as long as the store has not acknowledged it. */
interface OwedEnd {
  readonly id: SessionId;
  /** What it was for the request until then. */
  readonly phase: 'stored' | 'gone';
  /** Whose it was. */
  readonly principal: string | undefined;
  tried: boolean;
}

/**
 * Login, id change and logout. One that the store failed must not pass as a success because nobody awaited it:
 * `failure` keeps it until one of them succeeds, and the commit reports it.
 */
export class SessionIdentity {
  readonly #environment: SessionEnvironment;
  readonly #client: ResponseContext | undefined;
  readonly #state: SessionState;
  readonly #changes: SessionChanges;
  /** In this order. */
  readonly #owed: OwedEnd[] = [];
  #failure: Error | undefined;

  constructor(
    environment: SessionEnvironment,
    client: ResponseContext | undefined,
    state: SessionState,
    changes: SessionChanges,
  ) {
    this.#environment = environment;
    this.#client = client;
    this.#state = state;
    this.#changes = changes;
  }

  get failure(): Error | undefined {
    return this.#failure;
  }

  authenticate(principal: string | number, options: AuthenticateOptions = {}): Promise<void> {
    return this.#remembering(async () => {
      const state = this.#state;
      const { rules } = this.#environment;
      const { keepAttributes, rememberFor } = options;
      const remembered = rememberFor === undefined ? undefined : rememberedFor(rememberFor);
      const login = { principal: principalOf(principal), absoluteTimeout: rules.absoluteTimeout };
      assertKeepAttributes(keepAttributes);
      assertUsable(state.phase);
      assertCookieCanLeave(this.#client, 'log in');
      const another = state.principal !== undefined && state.principal !== login.principal;
      const leaves = state.phase === 'stored' && !(keepAttributes ?? !another);
      let [before, asked] = [state.limits, state.limits];
      let name: ReservedName | undefined;
      try {
        await this.#endRivals();
        before = state.limits;
        if (another) state.resetLimits(rules);
        if (remembered !== undefined) {
          state.setMaxInactiveInterval(remembered.idle);
          state.setCookieMaxAge(remembered.cookie);
        }
        asked = state.limits;
        if (leaves) await this.#changes.assertTaken();
        // The user's own place is free once it is left. Where another one's is refused, who is logged in stays it.
        if (leaves && !another) await this.#leave();
        name = await this.#changes.reserve(login, leaves);
        if (leaves && another) await this.#leave();
        if (state.phase !== 'stored' || !(await this.#changes.renewByLogin(login, name)))
          await this.#changes.createByLogin(login, name);
      } catch (error) {
        await name?.reservation?.released();
        // But for what the handler has set meanwhile.
        if (sameLife(asked, state.limits)) state.limits = before;
        throw error;
      }
      state.loggedIn(login.principal);
    });
  }

  regenerateId(authenticated: boolean, { graceSeconds = 0 }: RegenerateOptions = {}): Promise<void> {
    return this.#remembering(async () => {
      const state = this.#state;
      assertGrace(graceSeconds);
      assertUsable(state.phase);
      assertCookieCanLeave(this.#client, 'change its id');
      if (state.phase === 'new') return state.forgetId();
      if (state.phase !== 'stored' || !(await this.#changes.renew(graceSeconds, authenticated)))
        throw goneError('change its id', state.id);
    });
  }

  /** The session is left at once: what the request does from here on is done to the one that follows. */
  destroy(): Promise<void> {
    return this.#remembering(async () => {
      const state = this.#state;
      switch (state.phase) {
        case 'stored':
          this.#owed.push({ id: state.id, phase: 'stored', principal: state.principal, tried: false });
          state.beginAnew(this.#client === undefined ? 'destroyed' : 'new');
          break;
        case 'gone':
          // Asked of the store even so: it may live on under the id it was renewed to.
          this.#owed.push({ id: state.id, phase: 'gone', principal: state.principal, tried: false });
          state.beginAnew(this.#client === undefined ? 'destroyed' : 'detached');
          break;
        case 'new':
        case 'detached':
          state.beginAnew(state.phase);
          // Nothing of it is stored, and a cookie that came with the request is not known to be ours to clear. But its
          // session may have ended a moment ago without being confirmed, and this be the logout's second try.
          if (await this.#endRivals()) state.afterEnd(true);
          else if (state.endedToken !== undefined && state.phase === 'new' && this.#owed.length === 0) {
            // Another node may know more of it: a guest's session lives in the memory of the nodes that have served it.
            await this.#environment.store.endCopies?.(idOf(state.endedToken));
            await this.#environment.confirmEnds?.();
          } else if (this.#owed.length === 0 && this.#client?.cameWithToken)
            await this.#environment.confirmEnds?.();
          break;
        case 'destroyed':
          break;
        default:
          return assertNever(state.phase);
      }
      await this.#endOwed();
    });
  }

  async #endOwed(): Promise<void> {
    for (let end = this.#owed[0]; end !== undefined; end = this.#owed[0]) {
      const again = end.tried;
      end.tried = true;
      const { status, renewed } = await this.#environment.store.destroy(end.id);
      this.#owed.shift();
      if (end.principal !== undefined) this.#environment.users?.left(end.principal, end.id);
      this.#state.afterEnd(end.phase === 'stored' && status === 'removed' && renewed !== true);
      // A try that failed may have been the one that removed it.
      if (status === 'removed' || again) this.#tellEnd(end.id, 'destroyed');
    }
  }

  #tellEnd(id: SessionId, how: string): void {
    this.#environment.log.debug(`Session ${id}: ${how}.`);
    this.#environment.events.emit({ type: 'destroyed', id });
  }

  /**
   * Ends the stored session, so that nothing of it is handed on: neither what it holds nor what other requests are
   * about to write to it.
   */
  async #leave(): Promise<void> {
    const { id, principal } = this.#state;
    await this.#environment.store.destroy(id);
    if (principal !== undefined) this.#environment.users?.left(principal, id);
    this.#state.phase = 'gone';
    this.#tellEnd(id, 'destroyed by a login that begins one of its own');
  }

  /** Ends the live sessions that the request brought beside each other, so that the next is somebody. False: there are none. */
  async #endRivals(): Promise<boolean> {
    const { rivals } = this.#state;
    await Promise.all(rivals.map(({ id }) => this.#environment.store.destroy(id)));
    this.#state.rivals = [];
    for (const { id } of rivals) this.#tellEnd(id, 'destroyed, since its browser held another one as well');
    return rivals.length > 0;
  }

  async #remembering(task: () => Promise<void>): Promise<void> {
    try {
      await task();
      // What a login did not end is still to be ended: by whoever is told that the logout failed.
      if (this.#owed.length === 0) this.#failure = undefined;
    } catch (error) {
      if (isOfStore(error) || this.#owed.length > 0) this.#failure = error as Error;
      throw error;
    }
  }
}

function sameLife(one: OwnLimits, other: OwnLimits): boolean {
  return one.maxInactiveInterval === other.maxInactiveInterval && one.cookieMaxAge === other.cookieMaxAge;
}

function isOfStore(error: unknown): boolean {
  return error instanceof SessionStoreUnavailableError || error instanceof SessionFormatError;
}
