import { Attributes, type AttributeDifference, type RefusalListener } from './attributes.js';
import type { SessionEnvironment, SessionRules } from './environment.js';
import { SessionUnstorableValueError } from './errors.js';
import type { DropReason } from './events.js';
import { expiryOf, newTimes, timesAfter, type SessionTimes } from './times.js';
import { nameInLog, reasonFor, type Unstorable } from './storable.js';
import type { CookieLife, Found, LoadedMark, NotThere, Written } from './store.js';
import { idOf, newToken, type SessionId, type SessionToken } from './token.js';

/**
 * Where a session stands with its store.
 *
 * - `new`: the store does not know it.
 * - `stored`: the store has it.
 * - `detached`: the request came with the token of a session that was renewed or ended a moment ago, or has
 *   destroyed one that had ended. It sees an empty session; nothing of it is stored and no cookie is sent, so that
 *   a request that comes late cannot replace the cookie of a newer login. Only `authenticate()` makes a session of it.
 * - `gone`: it was stored, and has ended since through something else: another request, or its expiry. Never brought back.
 * - `destroyed`: it was ended through this object outside a request, where no new session can begin.
 */
export type SessionPhase = 'new' | 'stored' | 'detached' | 'gone' | 'destroyed';

/** What the response tells the browser to do with its cookie. */
export type CookieInstruction =
  /** `maxAge`: seconds; undefined: until the browser ends. */
  | { readonly action: 'set'; readonly token: SessionToken; readonly maxAge: number | undefined }
  | { readonly action: 'clear' };

/** A stored session's id, and its token, which is not known outside a request. */
export interface SessionHandle {
  readonly id: SessionId;
  readonly token?: SessionToken | undefined;
  /** The token belongs to an earlier id of the session, and is still accepted for a while. */
  readonly inGrace?: boolean | undefined;
}

/** A token that nobody has yet, and its id. */
export interface NewName {
  readonly token: SessionToken;
  readonly id: SessionId;
}

/** The limits as they were when a write was sent. */
export interface WrittenLimits {
  /** Seconds. */
  readonly maxInactiveInterval: number;
  readonly kept: boolean;
  readonly cookie: CookieLife | undefined;
}

/** What a session says of its own life. */
export type OwnLimits = Pick<SessionTimes, 'maxInactiveInterval'> &
  Pick<SessionState, 'intervalChanged' | 'cookieMaxAge' | 'cookieChanged'>;

/** A session whose token a request brought. */
export interface BroughtSession {
  readonly id: SessionId;
  readonly token: SessionToken;
}

/** What is known of one session, and how the store's answers change that. It decides nothing and writes nothing. */
export class SessionState implements RefusalListener {
  readonly attributes: Attributes;
  isNew: boolean;
  phase: SessionPhase;
  times: SessionTimes;
  principal: string | undefined;
  /** When the principal logged in, epoch milliseconds of the store's clock. */
  authenticatedAt: number | undefined;
  /** Whether the stored session counts as authenticated. Once true, it stays true. */
  authenticated = false;
  /** `keep()` was called: a guest's session that is stored like one that is logged in. */
  kept = false;
  /** `kept` differs from the stored one. */
  keptChanged = false;
  /** `maxInactiveInterval` differs from the stored one. */
  intervalChanged = false;
  /** Seconds a browser keeps the cookie; undefined: as the settings say. */
  cookieMaxAge: number | undefined;
  /** `cookieMaxAge` differs from the stored one. */
  cookieChanged = false;
  /** When the cookie was last sent, epoch milliseconds of the store's clock; 0: it must be sent again; undefined: never. */
  cookieSentAt: number | undefined;
  /** The store's own mark of the record that was loaded, which goes back to it with each write. */
  mark: LoadedMark | undefined;
  /** See NewSession.from. */
  from: string | undefined;
  /** A save was asked for, changed or not. */
  dirty = false;
  /** A new session is stored even if it stays empty: something that was handed out, a CSRF token perhaps, depends on it. */
  mustPersist = false;
  /** This object has written to the store, so that a policy that wants each request saved has what it wants. */
  written = false;
  cookie: CookieInstruction | undefined;
  /** The token that the request came with, where it opens no session. */
  endedToken: SessionToken | undefined;
  /** Whether the store knows that {@link endedToken} was a session's. Otherwise anybody may have made it up. */
  isEndKnown = false;
  /** Where a request brings tokens of several live sessions, those: which is the user's is unknown, so it gets none of them. */
  rivals: readonly BroughtSession[] = [];
  readonly #environment: SessionEnvironment;
  #told: Set<string> | undefined;
  /** Whether a token of an earlier id is still accepted: see {@link SessionHandle.inGrace}. */
  #inGrace: boolean;
  #dropReason: DropReason = 'ended';
  #droppedNames: Set<string> | undefined;
  #token: SessionToken | undefined;
  #id: SessionId | undefined;

  constructor(
    environment: SessionEnvironment,
    phase: SessionPhase,
    times: SessionTimes,
    handle?: SessionHandle,
  ) {
    this.#environment = environment;
    this.phase = phase;
    this.times = times;
    this.#token = handle?.token;
    this.#id = handle?.id;
    this.#inGrace = handle?.inGrace === true;
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
    this.#tell(name, `is left out: ${reason}`, kind);
  }

  outdated(name: string): void {
    const what =
      'was changed inside an object that update() has replaced: what is not in the updated value is not stored. ' +
      'Read the attribute again after update()';
    this.#tell(name, what, 'changed in vain');
  }

  #tell(name: string, what: string, kind: string): void {
    const line = `attribute ${nameInLog(name)} ${what}.`;
    // Each is logged once, although the values are looked at several times while a response leaves.
    const told = (this.#told ??= new Set<string>());
    if (told.has(line)) return;
    told.add(line);
    this.#environment.log.warn(`Session ${this.id}: ${line}`, `${nameInLog(name)} ${kind}`);
  }

  /** Made when it is first asked for: most new sessions never need one. */
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

  /** Drops id and token; the next ones are `next`, or new. Only for a session that the store does not know. */
  forgetId(next?: NewName): void {
    this.#token = next?.token;
    this.#id = next?.id;
  }

  /** Takes over a loaded record. */
  adopt({ record }: Found): void {
    const { codecByName, codec } = this.#environment;
    this.attributes.load(record.attributes, codecByName(record.codec) ?? codec);
    this.principal = record.principal;
    this.authenticatedAt = record.authenticatedAt;
    this.authenticated = record.authenticated;
    this.kept = record.kept === true;
    this.cookieMaxAge = record.cookieMaxAge;
    this.cookieSentAt = record.cookieSentAt;
    this.mark = record.mark;
    this.from = record.from;
    this.intervalChanged = this.cookieChanged = this.keptChanged = false;
  }

  /** The store has acknowledged a new record. */
  created(difference: AttributeDifference, written: Written, limits: WrittenLimits): void {
    this.phase = 'stored';
    this.isNew = true;
    this.times = { ...this.times, createdAt: written.now, lastAccessedAt: written.now };
    this.settled(difference, written, limits);
    this.offerCookie();
  }

  /** The store has acknowledged a change and a new name. */
  renewed(
    { token, id }: NewName,
    difference: AttributeDifference | undefined,
    written: Written,
    limits: WrittenLimits,
  ): void {
    this.#token = token;
    this.#id = id;
    this.settled(difference, written, limits);
    this.offerCookie();
  }

  /** The store has acknowledged a change. What was changed again while that was under way stays to be written. */
  settled(difference: AttributeDifference | undefined, written: Written, limits: WrittenLimits): void {
    if (difference !== undefined) this.attributes.settle(difference);
    this.intervalChanged &&= this.times.maxInactiveInterval !== limits.maxInactiveInterval;
    this.keptChanged &&= this.kept !== limits.kept;
    this.cookieChanged &&= this.cookieMaxAge !== limits.cookie?.maxAge;
    if (limits.cookie !== undefined) this.cookieSentAt = limits.cookie.sent ? written.now : 0;
    if (limits.cookie?.sent === true) this.offerCookie();
    this.dirty = false;
    this.used(written);
  }

  /** The store has seen a use of the session. */
  used(written: Written): void {
    this.written = true;
    this.mustPersist = false;
    this.times = timesAfter(this.times, written);
  }

  /** Another request has given it another id, whose token only that request has. */
  moved(id: SessionId, inGrace: boolean): void {
    this.#environment.log.debug(
      `Session ${this.id}: followed to ${id}, which another request has made its id.`,
    );
    this.#id = id;
    this.#inGrace = inGrace;
    this.cookie = undefined;
  }

  /** Whether the request's token is the session's own: no other request has given it another id since. */
  get hasCurrentToken(): boolean {
    return this.#token !== undefined && idOf(this.#token) === this.#id;
  }

  /**
   * Whether another request has changed the id already, so that this request need not. It still has to where it wants the old
   * token to be refused at once (`graceSeconds` is 0) and the other request has left that a grace.
   */
  isRenewedFor(graceSeconds: number): boolean {
    return !this.hasCurrentToken && (graceSeconds > 0 || !this.#inGrace);
  }

  /** The store does not have it any more. The cookie is left alone, since it may belong to a newer login by now. */
  lost(outcome: NotThere): void {
    this.phase = 'gone';
    this.cookie = undefined;
    this.#dropReason = outcome.byLogin === true ? 'login' : 'ended';
    this.#environment.events.emit({ type: 'rejected', reason: 'gone', id: this.id });
  }

  /** A change will not be stored, since the session is not there any more. An event tells it, once for each attribute. */
  dropped({ set, remove }: AttributeDifference): void {
    const late = this.phase === 'detached';
    // A detached session is empty to begin with: there is nothing to remove from it.
    const names = late ? [...set.keys()] : [...set.keys(), ...remove];
    const attributes = names.filter((name) => !this.#droppedNames?.has(name));
    if (attributes.length === 0) return;
    this.#droppedNames = new Set([...(this.#droppedNames ?? []), ...attributes]);
    const reason = late ? 'late' : this.#dropReason;
    this.#environment.events.emit({ type: 'dropped', id: this.id, attributes, reason });
  }

  /** Limits that were set for one principal do not hold for the next. */
  resetLimits({ maxInactiveInterval }: SessionRules): void {
    if (!this.intervalChanged) this.setMaxInactiveInterval(maxInactiveInterval);
    if (!this.cookieChanged) this.setCookieMaxAge(undefined);
  }

  /** How long it lives, and its cookie, and whether either differs from what is stored. */
  get limits(): OwnLimits {
    const { times, intervalChanged, cookieMaxAge, cookieChanged } = this;
    return { maxInactiveInterval: times.maxInactiveInterval, intervalChanged, cookieMaxAge, cookieChanged };
  }

  set limits({ maxInactiveInterval, ...others }: OwnLimits) {
    Object.assign(this, { times: { ...this.times, maxInactiveInterval }, ...others });
  }

  /** In seconds. Returns whether that has changed it. */
  setMaxInactiveInterval(maxInactiveInterval: number): boolean {
    if (maxInactiveInterval === this.times.maxInactiveInterval) return false;
    this.times = { ...this.times, maxInactiveInterval };
    return (this.intervalChanged = true);
  }

  /** In seconds. Returns whether that has changed it. */
  setCookieMaxAge(cookieMaxAge: number | undefined): boolean {
    if (cookieMaxAge === this.cookieMaxAge) return false;
    this.cookieMaxAge = cookieMaxAge;
    return (this.cookieChanged = true);
  }

  /** Returns whether that has changed anything. */
  keep(): boolean {
    if (this.kept || this.authenticated) return false;
    // A new one is stored even if it stays empty.
    if (this.phase === 'new') this.mustPersist = true;
    return (this.kept = this.keptChanged = true);
  }

  /**
   * Whether there is something to write. A new session that is empty is not stored, unless {@link mustPersist}.
   * @param force Writes a stored session even if nothing differs.
   */
  owesWrite(difference: AttributeDifference | undefined, force: boolean): boolean {
    if (this.phase === 'new')
      return this.mustPersist || (difference !== undefined && difference.set.size > 0);
    if (this.phase !== 'stored') return false;
    if (force || difference !== undefined) return true;
    return this.intervalChanged || this.cookieChanged || this.keptChanged;
  }

  /** Whether the cookie is to be sent: its life was set anew, or a tenth of that has passed since it was last sent. */
  get isCookieDue(): boolean {
    const { effectiveCookieMaxAge: maxAge, cookieSentAt } = this;
    if (cookieSentAt === 0) return true;
    return maxAge !== undefined && this.times.accessedAt - (cookieSentAt ?? 0) >= maxAge * 100;
  }

  /** How long the browser is to keep the cookie, in seconds; undefined: as long as it runs. */
  get effectiveCookieMaxAge(): number | undefined {
    return this.cookieMaxAge ?? this.#environment.rules.cookieMaxAge;
  }

  /** The write of a login has succeeded. */
  loggedIn(principal: string): void {
    this.principal = principal;
    this.authenticatedAt = this.times.accessedAt;
    this.authenticated = true;
    this.kept = this.keptChanged = false;
  }

  /** It was ended through this object, which is a new, empty session from here on. */
  beginAnew(phase: 'new' | 'detached' | 'destroyed'): void {
    const { now, rules, codec } = this.#environment;
    if (this.phase === 'stored' || this.phase === 'gone') {
      this.endedToken = this.#token;
      this.isEndKnown = true;
    }
    this.phase = phase;
    this.isNew = true;
    // One that is destroyed keeps its id, for messages.
    if (phase !== 'destroyed') this.forgetId();
    this.times = newTimes(now(), rules);
    this.principal = undefined;
    this.authenticatedAt = undefined;
    this.authenticated = this.intervalChanged = this.dirty = this.mustPersist = this.written = false;
    this.cookieMaxAge = this.cookieSentAt = this.mark = this.from = undefined;
    this.cookieChanged = this.kept = this.keptChanged = false;
    if (this.cookie?.action === 'set') this.cookie = undefined;
    this.attributes.load(new Map(), codec);
  }

  /**
   * The store has ended the session that this one follows.
   * @param byUs It was there until then, so the browser's cookie is its own and is cleared. Otherwise something else has ended
   * it before, and the cookie is left alone, since it may belong to a newer login by now.
   */
  afterEnd(byUs: boolean): void {
    if (byUs) this.cookie ??= { action: 'clear' };
    else if (this.phase === 'new' && this.cookie === undefined) this.phase = 'detached';
  }

  /** The response is to send the cookie. */
  offerCookie(): void {
    this.cookie = { action: 'set', token: this.token, maxAge: this.effectiveCookieMaxAge };
  }
}
