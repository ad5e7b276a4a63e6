import { SessionStoreUnavailableError } from '../core/errors.js';

/**
 * Turns what ioredis rejects with into the package's own error. The original is dropped on purpose: it carries
 * the command with its arguments (keys, payloads, on a failed AUTH the password). Only what kind of failure it
 * was is kept.
 */
export function storeUnavailable(error: unknown, address: string): SessionStoreUnavailableError {
  const kind = failureKind(error);
  return new SessionStoreUnavailableError(
    `Redis at ${address} could not serve the session: ${kind}. ${remedy(kind)}`,
  );
}

/** `OOM`, `READONLY`, `ECONNREFUSED`, …, or a few fixed words. Never text from a command or a reply. */
export function failureKind(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown failure';
  const code = (error as NodeJS.ErrnoException).code;
  if (typeof code === 'string' && /^[A-Z_]{3,40}$/.test(code)) return code;
  const first = /^([A-Z]{3,20})(?: |$)/.exec(error.message)?.[1];
  if (first !== undefined) return first;
  if (/timed out|timeout/i.test(error.message)) return 'no answer in time';
  return 'the connection is down';
}

function remedy(kind: string): string {
  switch (kind) {
    case 'NOAUTH':
    case 'WRONGPASS':
      return 'Check REDIS_SESSION_USERNAME and REDIS_SESSION_PASSWORD.';
    case 'NOPERM':
      return 'Check the ACL of REDIS_SESSION_USERNAME.';
    case 'OOM':
      return 'The server is full: raise maxmemory or free some.';
    default:
      return 'Check that the server is up and reachable.';
  }
}
