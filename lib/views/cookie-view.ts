import { stringifySetCookie } from 'cookie';
import type { CookieSettings } from '../config/settings.js';
import { SessionUsageError } from '../core/errors.js';
import type { HttpSession } from '../core/members.js';

/** The session's cookie, with the names and units of express-session, which are those of @fastify/session. */
export interface ViewCookie {
  /**
   * Milliseconds until browsers drop the cookie; null: they keep it as long as they run. Settable: for so long, rounded up to
   * seconds and at most 400 days, both the cookie and the session last after each use. null or false: as the settings say.
   */
  maxAge: number | null;
  /** When browsers drop the cookie; null: when they end. Settable: see `maxAge`. */
  expires: Date | null;
  /** What `maxAge` was set to, and begins from at each use. */
  originalMaxAge: number | null;
  /** Read-only in effect, as the five below: one setting for all sessions. Setting it to what it is not throws. */
  secure: boolean;
  /** Always true: no script can read it. */
  httpOnly: boolean;
  /** COOKIE_PATH. */
  path: string;
  /** COOKIE_DOMAIN; undefined: the host that set it. */
  domain: string | undefined;
  /** COOKIE_SAME_SITE. */
  sameSite: 'lax' | 'strict' | 'none';
  /** COOKIE_PARTITIONED. */
  partitioned: boolean;
  /** What of it goes into a Set-Cookie header, as a plain object. */
  readonly data: ViewCookieData;
  /** A Set-Cookie header with another name and value, and the attributes of this one. */
  serialize(name: string, value: string): string;
  /** The same as `data`. */
  toJSON(): ViewCookieData;
}

/** A session's cookie as a plain object. */
export interface ViewCookieData {
  /** See {@link ViewCookie.originalMaxAge}. */
  originalMaxAge: number | null;
  /** See {@link ViewCookie.expires}. */
  expires: Date | null;
  /** Whether it goes over TLS only. */
  secure: boolean;
  /** Whether no script can read it: always true. */
  httpOnly: boolean;
  /** Under which paths browsers send it. */
  path: string;
  /** To whose hosts; left out: the one that set it. */
  domain?: string;
  /** Whether other sites' requests carry it. */
  sameSite: 'lax' | 'strict' | 'none';
  /** CHIPS: one for each site that embeds this one; left out: it is not. */
  partitioned?: boolean;
}

/** RFC 6265bis, 5.5: user agents keep no cookie for longer than 400 days. */
const MOST_SECONDS = 34_560_000;

/** What the cookie of a session has to know. */
interface CookieContext {
  /** As messages call the session: `req.session`. */
  readonly name: string;
  readonly session: Pick<HttpSession, 'cookieMaxAge' | 'maxInactiveInterval'>;
  readonly settings: CookieSettings;
  /** Seconds that a session lives unused, unless it says otherwise. */
  readonly idleSeconds: number;
  /** Whether the request came over TLS, as Express sees it. */
  readonly isSecure: () => boolean;
  /** Epoch milliseconds by the wall clock, as browsers and applications count. */
  readonly now: () => number;
}

/**
 * The cookie of express-session and of @fastify/session over a session of ours. Its life is the session's own: `cookieMaxAge` and, since express-session's
 * stores keep a session for as long as its cookie, `maxInactiveInterval`. The attributes are the settings' for all sessions:
 * a cookie under another path, or without Secure, could neither be found nor cleared again.
 */
export class SessionCookieView implements ViewCookie {
  #context: CookieContext;
  #startedAt: number;
  /** Its life has begun anew in this request. */
  isTouched = false;

  constructor(context: CookieContext) {
    this.#context = context;
    this.#startedAt = context.now();
  }

  get originalMaxAge(): number | null {
    const { session, settings } = this.#context;
    const seconds = session.cookieMaxAge ?? settings.maxAgeSeconds;
    return seconds === undefined ? null : seconds * 1000;
  }

  set originalMaxAge(milliseconds: number | null) {
    this.maxAge = milliseconds;
  }

  get maxAge(): number | null {
    const { expires } = this;
    return expires && expires.getTime() - this.#context.now();
  }

  set maxAge(milliseconds: number | Date | false | null | undefined) {
    if (milliseconds instanceof Date) {
      this.#expireAt(milliseconds);
      return;
    }
    const { session, idleSeconds, now } = this.#context;
    this.#startedAt = now();
    if (milliseconds === null || milliseconds === undefined || milliseconds === false) {
      if (session.cookieMaxAge === undefined) return;
      session.cookieMaxAge = undefined;
      session.maxInactiveInterval = idleSeconds;
      return;
    }
    const seconds = wholeSeconds(milliseconds, this.#context.name);
    session.cookieMaxAge = Math.min(seconds, MOST_SECONDS);
    session.maxInactiveInterval = seconds;
  }

  get expires(): Date | null {
    const { originalMaxAge } = this;
    return originalMaxAge === null ? null : new Date(this.#startedAt + originalMaxAge);
  }

  set expires(date: Date | false | null | undefined) {
    if (date instanceof Date) this.#expireAt(date);
    else this.maxAge = date;
  }

  get secure(): boolean {
    const { settings, isSecure } = this.#context;
    return settings.secure === 'auto' ? isSecure() : settings.secure;
  }

  set secure(value: boolean) {
    this.#assertSame('secure', 'COOKIE_SECURE', value);
  }

  get httpOnly(): boolean {
    return true;
  }

  set httpOnly(value: boolean) {
    this.#assertSame('httpOnly', undefined, value);
  }

  get path(): string {
    return this.#context.settings.path;
  }

  set path(value: string) {
    this.#assertSame('path', 'COOKIE_PATH', value);
  }

  get domain(): string | undefined {
    return this.#context.settings.domain;
  }

  set domain(value: string | undefined) {
    this.#assertSame('domain', 'COOKIE_DOMAIN', value);
  }

  get sameSite(): 'lax' | 'strict' | 'none' {
    return this.#context.settings.sameSite;
  }

  set sameSite(value: 'lax' | 'strict' | 'none' | true) {
    this.#assertSame('sameSite', 'COOKIE_SAME_SITE', value === true ? 'strict' : value);
  }

  get partitioned(): boolean {
    return this.#context.settings.partitioned;
  }

  set partitioned(value: boolean) {
    this.#assertSame('partitioned', 'COOKIE_PARTITIONED', value);
  }

  get data(): ViewCookieData {
    const { originalMaxAge, expires, secure, httpOnly, path, domain, sameSite, partitioned } = this;
    return {
      ...{ originalMaxAge, expires, secure, httpOnly, path, sameSite },
      ...(domain !== undefined && { domain }),
      ...(partitioned && { partitioned }),
    };
  }

  serialize(name: string, value: string): string {
    const { originalMaxAge: _, expires, ...attributes } = this.data;
    return stringifySetCookie({ name, value, ...attributes, ...(expires !== null && { expires }) });
  }

  toJSON(): ViewCookieData {
    return this.data;
  }

  /** Its life begins anew. */
  reset(): void {
    this.isTouched = true;
    this.#startedAt = this.#context.now();
  }

  /** It stays as it is now, whatever becomes of the session. */
  leave(): void {
    const { cookieMaxAge, maxInactiveInterval } = this.#context.session;
    this.#context = { ...this.#context, session: { cookieMaxAge, maxInactiveInterval } };
  }

  /** Takes over the life of another session's cookie, as `merge(session, previous)` does. */
  adopt(other: unknown): void {
    const { name } = this.#context;
    if (typeof other !== 'object' || other === null)
      throw new SessionUsageError(`${name}.cookie is an object: set ${name}.cookie.maxAge instead.`);
    const { originalMaxAge } = other as Partial<ViewCookie>;
    if (originalMaxAge !== undefined && originalMaxAge !== this.originalMaxAge) this.maxAge = originalMaxAge;
  }

  #expireAt(date: Date): void {
    this.maxAge = date.getTime() - this.#context.now();
  }

  #assertSame(
    name: 'secure' | 'httpOnly' | 'path' | 'domain' | 'sameSite' | 'partitioned',
    setting: string | undefined,
    value: unknown,
  ): void {
    if ((value ?? undefined) === this[name] || (value === undefined && this[name] === false)) return;
    throw new SessionUsageError(
      `${this.#context.name}.cookie.${name} is one for all sessions: ` +
        (setting === undefined
          ? 'HttpOnly always, so that no script can read it.'
          : `set REDIS_SESSION_${setting}.`),
    );
  }
}

function wholeSeconds(milliseconds: unknown, session: string): number {
  const seconds = typeof milliseconds === 'number' ? Math.ceil(milliseconds / 1000) : NaN;
  if (Number.isSafeInteger(seconds) && seconds > 0) return seconds;
  throw new SessionUsageError(
    'The life of a session and its cookie is a number of milliseconds above 0 (cookie.maxAge) or a Date in the future ' +
      `(cookie.expires); null: as the settings say. To end the session call ${session}.destroy().`,
  );
}
