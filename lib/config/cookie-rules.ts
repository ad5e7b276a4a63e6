import type { SettingPath } from './catalog.js';
import type { CookieSettings } from './settings.js';

/** RFC 6265bis, 5.6: user agents may drop a cookie of more than this, name, value and attributes together. */
const MAX_COOKIE_BYTES = 4096;
/** A token, a dot and a signature. */
const VALUE_BYTES = 47 + 1 + 43;
const FIXED_ATTRIBUTES =
  '=; Max-Age=34560000; Domain=; Path=; HttpOnly; Secure; Partitioned; SameSite=Strict';

/** Combinations that user agents refuse (RFC 6265bis, 4.1.2 and 4.1.3; CHIPS), so that no session would ever last. */
export function refuseCookies(
  cookie: CookieSettings,
  refuse: (path: SettingPath, text: string) => void,
): void {
  // User agents compare prefixes without case.
  const name = String(cookie.name ?? '');
  if (/^__host-/i.test(name)) {
    if (cookie.domain !== undefined)
      refuse('cookie.name', "must not start with '__Host-' together with a domain");
    if (cookie.path !== '/') refuse('cookie.name', "must not start with '__Host-' unless the path is '/'");
  }
  if (/^__(host|secure|http)-/i.test(name) && cookie.secure === false) {
    refuse('cookie.name', 'has a prefix that needs a Secure cookie, and Secure is switched off');
  }
  const secure = 'needs REDIS_SESSION_COOKIE_SECURE=true: user agents refuse the cookie otherwise';
  if (cookie.sameSite === 'none' && cookie.secure !== true) refuse('cookie.sameSite', secure);
  if (cookie.partitioned === true && cookie.secure !== true) refuse('cookie.partitioned', secure);
  const { names } = cookie;
  const variable = [names.secure, cookie.path, cookie.domain ?? ''].map(String).join('');
  const bytes = Buffer.byteLength(variable) + FIXED_ATTRIBUTES.length + VALUE_BYTES;
  if (bytes > MAX_COOKIE_BYTES) {
    refuse('cookie.name', `makes a cookie of ${bytes} bytes; user agents keep at most ${MAX_COOKIE_BYTES}`);
  }
}
