import { Attributes, type AttributeDifference, type RefusalListener } from './attributes.js';
import type { SessionEnvironment } from './environment.js';
import { SessionUnstorableValueError } from './errors.js';
import { reasonFor, type Unstorable } from './storable.js';
import { nameInLog } from './value-path.js';
import { expiryOf, timesAfter, type SessionTimes } from './session-times.js';
import type { Found, NotThere, Written } from './store.js';
import { idOf, newToken, type SessionId, type SessionToken } from './token.js';

/**
 * Where a session stands with its store.
 *
 * - `new`: the store does not know it.
 * - `stored`: the store has it.
 * - `detached`: the request came with the token of a session that was renewed or ended a moment ago. It sees an
 *   empty session; nothing of it is stored and no cookie is sent, so that a straggler cannot replace the cookie
 *   of a newer login. Only `authenticate()` leads out.
 * - `gone`: it was stored and ended meanwhile by somebody else's doing. Never brought back.
 * - `destroying`, `destroyed`: through this object.
 */
export type SessionPhase = 'new' | 'stored' | 'detached' | 'gone' | 'destroying' | 'destroyed';

/** What the response owes the browser. */
export type CookieInstruction =
  | { readonly action: 'set'; readonly token: SessionToken; readonly maxInactiveInterval: number }
  | { readonly action: 'clear' };

/** What a stored session is called. Outside a request its token is not known. */
export interface SessionName {
  readonly id: SessionId;
  readonly token?: SessionToken | undefined;
}

/** What is known of one session, and how it changes when the store answers. Decides nothing and writes nothing. */
export class SessionState implements RefusalListener {
  readonly attributes: Attributes;
  readonly isNew: boolean;
  phase: SessionPhase;
  times: SessionTimes;
  principal: string | undefined;
  /** When the principal logged in, epoch milliseconds of the store's clock. */
  authenticatedAt: number | undefined;
  /** Once true, it stays: whatever made the session authenticated is stored with it. */
  authenticated = false;
  /** `maxInactiveInterval` differs from the stored one. */
  intervalChanged = false;
  /** A save was asked for, changed or not. */
  dirty = false;
  /** A new session is to be stored even if it stays empty: something that was given out hangs on its token. */
  needed = false;
  /** The store has been written to through this object, so that a policy which asks for a write is content. */
  written = false;
  cookie: CookieInstruction | undefined;
  readonly #environment: SessionEnvironment;
  #told: Set<string> | undefined;
  #token: SessionToken | undefined;
  #id: SessionId | undefined;

  constructor(environment: SessionEnvironment, phase: SessionPhase, times: SessionTimes, name?: SessionName) {
    this.#environment = environment;
    this.phase = phase;
    this.times = times;
    this.#token = name?.token;
    this.#id = name?.id;
    this.isNew = phase !== 'stored';
    this.attributes = new Attributes(environment.codec, environment.rules, this);
  }

  unstorable(name: string, what: Unstorable): void {
    const reason = reasonFor(name, what);
    if (this.#environment.rules.unstorable !== 'error')
      return this.refused(name, reason, what.path === '' ? reason : `${what.reason} inside`);
    throw new SessionUnstorableValueError(
      `Attribute ${nameInLog(name)} cannot be stored: ${reason}. Store plain data, or an instance with a toJSON(); ` +
        'REDIS_SESSION_UNSTORABLE=warn leaves such a value out and saves the rest.',
      { path: what.path },
    );
  }

  refused(name: string, reason: string, kind = reason): void {
    const refusal = `attribute ${nameInLog(name)} is left out: ${reason}.`;
    // Once each: a value is looked at again at every step of a response, and one line is enough.
    const told = (this.#told ??= new Set<string>());
    if (told.has(refusal)) return;
    told.add(refusal);
    this.#environment.log.warn(`Session ${this.id}: ${refusal}`, `${nameInLog(name)} ${kind}`);
  }

  /** Made up when first asked for: most new sessions never need one. */
  get id(): SessionId {
    return (this.#id ??= idOf(this.token));
  }

  get createdAt(): Date {
    return new Date(this.times.createdAt);
  }

  get lastAccessedAt(): Date {
    return new Date(this.times.lastAccessedAt);
  }

  get expiresAt(): Date | undefined {
    return expiryOf(this.times);
  }

  /** Milliseconds from the login to this request; undefined: nobody is logged in. */
  get loginAgeMs(): number | undefined {
    return this.authenticatedAt === undefined ? undefined : this.times.accessedAt - this.authenticatedAt;
  }

  get token(): SessionToken {
    return (this.#token ??= newToken(this.#environment.random));
  }

  /** The next id asked for is another one. Only for a session that no store knows. */
  forgetName(): void {
    this.#token = undefined;
    this.#id = undefined;
  }

  /** Starts from what the store has. */
  adopt({ record }: Found): void {
    const { codecByName, codec } = this.#environment;
    this.attributes.load(record.attributes, codecByName(record.codec) ?? codec);
    this.principal = record.principal;
    this.authenticatedAt = record.authenticatedAt;
    this.authenticated = record.authenticated;
    this.intervalChanged = false;
  }

  /** The store has acknowledged a new record. */
  created(difference: AttributeDifference, written: Written): void {
    this.phase = 'stored';
    this.times = { ...this.times, createdAt: written.now, lastAccessedAt: written.now };
    this.settled(difference, written);
    this.#offerCookie();
  }

  /** The store has acknowledged a change and a new name. */
  renewed(token: SessionToken, difference: AttributeDifference | undefined, written: Written): void {
    this.#token = token;
    this.#id = idOf(token);
    this.settled(difference, written);
    this.#offerCookie();
  }

  /** The store has acknowledged a change. */
  settled(difference: AttributeDifference | undefined, written: Written): void {
    if (difference !== undefined) this.attributes.settle(difference);
    this.intervalChanged = false;
    this.dirty = false;
    this.used(written);
  }

  /** The store has seen a use of the session. */
  used(written: Written): void {
    this.written = true;
    this.needed = false;
    this.times = timesAfter(this.times, written);
  }

  /** The store does not have it any more. The cookie may belong to a newer login by now: hands off. */
  lost(outcome: NotThere): void {
    this.phase = 'gone';
    this.cookie = undefined;
    this.#environment.log.debug(
      `Session ${this.id}: it ended meanwhile (${outcome.status}); changes are dropped.`,
    );
    this.#environment.events.emit({ type: 'rejected', reason: 'gone', id: this.id });
  }

  /** Its last write was a login. */
  loggedIn(principal: string): void {
    this.principal = principal;
    this.authenticatedAt = this.times.accessedAt;
    this.authenticated = true;
  }

  /** It is over, by our own doing. */
  ended(cookie: CookieInstruction | undefined): void {
    this.phase = 'destroyed';
    this.cookie = cookie;
    this.principal = undefined;
    this.authenticatedAt = undefined;
    this.attributes.clear();
  }

  #offerCookie(): void {
    const { maxInactiveInterval } = this.times;
    this.cookie = { action: 'set', token: this.token, maxInactiveInterval };
  }
}
