import { parseSetCookie, type SetCookie } from 'cookie';

/** A cookie as the server set it; the value is as it was sent, not decoded. */
export type ReceivedCookie = SetCookie & { readonly value: string };

interface Kept {
  readonly cookie: ReceivedCookie;
  readonly path: string;
  /** Epoch ms; Infinity: until the browser is closed. */
  readonly endsAt: number;
}

/** Reads a Set-Cookie header. */
export function readSetCookie(header: string): ReceivedCookie {
  const parsed = parseSetCookie(header, { decode: (value) => value });
  return { ...parsed, value: parsed.value ?? '' };
}

/**
 * The cookies of one site, kept and sent as a browser does (RFC 6265bis): path, Max-Age before Expires, the rules
 * of `__Host-` and `__Secure-`. Domain is ignored, and Secure cookies are fine on loopback, as in browsers.
 */
export class CookieJar {
  private kept = new Map<string, Kept>();

  /** `now` gives epoch ms. */
  constructor(private readonly now: () => number = () => Date.now()) {}

  /** Takes a cookie in, or removes one where its life is over. A path is needed for the default Path only. */
  store(cookie: ReceivedCookie, requestPath = '/'): void {
    if (!mayBeStored(cookie)) return;
    const path = cookie.path?.startsWith('/') ? cookie.path : defaultPath(requestPath);
    const key = `${cookie.name};${path}`;
    const endsAt =
      cookie.maxAge === undefined
        ? (cookie.expires?.getTime() ?? Infinity)
        : cookie.maxAge <= 0
          ? -Infinity
          : this.now() + cookie.maxAge * 1000;
    if (endsAt <= this.now()) this.kept.delete(key);
    // Replaced in place, so that a cookie keeps its turn in the header.
    else this.kept.set(key, { cookie, path, endsAt });
  }

  /** The Cookie header for a path, longer paths first; undefined: none. */
  header(path: string): string | undefined {
    const pairs = this.alive()
      .filter((kept) => matches(path, kept.path))
      .sort((a, b) => b.path.length - a.path.length)
      .map(({ cookie }) => `${cookie.name}=${cookie.value}`);
    return pairs.length > 0 ? pairs.join('; ') : undefined;
  }

  /** A cookie by name, whatever its path. */
  get(name: string): ReceivedCookie | undefined {
    return this.all().find((cookie) => cookie.name === name);
  }

  all(): ReceivedCookie[] {
    return this.alive().map(({ cookie }) => cookie);
  }

  /** Removes one cookie, or all. */
  clear(name?: string): void {
    for (const [key, { cookie }] of this.kept) {
      if (name === undefined || cookie.name === name) this.kept.delete(key);
    }
  }

  clone(): CookieJar {
    const copy = new CookieJar(this.now);
    copy.kept = new Map(this.kept);
    return copy;
  }

  private alive(): Kept[] {
    return [...this.kept.values()].filter(({ endsAt }) => endsAt > this.now());
  }
}

function mayBeStored({ name, secure, path, domain }: ReceivedCookie): boolean {
  if (/^__host-/i.test(name)) return secure === true && path === '/' && domain === undefined;
  return secure === true || !/^__secure-/i.test(name);
}

function defaultPath(requestPath: string): string {
  return requestPath.slice(0, requestPath.lastIndexOf('/')) || '/';
}

function matches(path: string, cookiePath: string): boolean {
  return path === cookiePath || path.startsWith(cookiePath.endsWith('/') ? cookiePath : `${cookiePath}/`);
}
