import { types } from 'node:util';
import { SessionStoreUnavailableError } from '../core/errors.js';

/** The kind of a failure to answer in time. */
export const NO_ANSWER = 'no answer in time';

/** Failures of the way to Redis, as against refusals by a Redis that does answer. */
const outages = new WeakSet<Error>();
/** What kind of failure each of our own errors was. */
const kinds = new WeakMap<Error, string>();

/**
 * Turns what ioredis rejects with into the package's own error. The original is dropped on purpose: it carries
 * the command with its arguments (keys, payloads, on a failed AUTH the password). Only what kind of failure it
 * was is kept.
 */
export function storeUnavailable(error: unknown, address: string): SessionStoreUnavailableError {
  if (error instanceof SessionStoreUnavailableError) return error;
  const kind = failureKind(error);
  const unavailable = new SessionStoreUnavailableError(
    `Redis at ${address} could not serve the session: ${kind}. ${remedy(kind)}`,
  );
  kinds.set(unavailable, kind);
  if (!isReply(error)) outages.add(unavailable);
  return unavailable;
}

/** Redis did not answer in time. */
export function noAnswer(address: string, timeoutMs: number): SessionStoreUnavailableError {
  const error = outage(
    `Redis at ${address} did not answer in ${timeoutMs} ms. ` +
      'Check REDIS_SESSION_HOST and that the server is up, or raise REDIS_SESSION_TIMEOUT.',
  );
  kinds.set(error, NO_ANSWER);
  return error;
}

/** An error of the way to Redis. */
export function outage(message: string): SessionStoreUnavailableError {
  const error = new SessionStoreUnavailableError(message);
  outages.add(error);
  return error;
}

/** Whether Redis could not be reached or did not answer. A server that is full or refuses a command is up. */
export function isOutage(error: Error): boolean {
  return outages.has(error);
}

/** `OOM`, `READONLY`, `ECONNREFUSED`, …, or a few fixed words. Never text from a command or a reply. */
export function failureKind(error: unknown): string {
  // Not `instanceof`: errors of Node's own may come from another realm (vm contexts, test runners).
  if (!types.isNativeError(error)) return 'unknown failure';
  const known = kinds.get(error);
  if (known !== undefined) return known;
  // "All nodes of the cluster failed": why the last of them did says more.
  const { lastNodeError } = error as { lastNodeError?: unknown };
  if (types.isNativeError(lastNodeError)) return failureKind(lastNodeError);
  const code = (error as NodeJS.ErrnoException).code;
  if (typeof code === 'string' && /^[A-Z0-9_]{3,60}$/.test(code)) return code;
  const first = /^([A-Z]{3,20})(?: |$)/.exec(error.message)?.[1];
  if (first !== undefined) return first;
  if (/timed out|timeout|expecting data/i.test(error.message)) return NO_ANSWER;
  return 'the connection is down';
}

/**
 * Whether a cluster asks for patience: of the keys of one slot, which is being moved, some are on either node. ioredis
 * tries a few times itself, by whichever node, and then says so in words of its own. All that it heard were refusals.
 */
export function isTryAgain(error: unknown): boolean {
  const refusals = /^(?:TRYAGAIN|Too many Cluster redirections\b.*\b(?:TRYAGAIN|MOVED|ASK|NOSCRIPT)) /;
  return types.isNativeError(error) && refusals.test(error.message);
}

/** Whether this is Redis's own word, in both versions of ioredis. */
function isReply(error: unknown): boolean {
  return error instanceof Error && error.name === 'ReplyError';
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
    case 'READONLY':
      return 'The server is a replica: check where REDIS_SESSION_HOST leads, or use Sentinel.';
    case 'NOREPLICAS':
      return 'The server has fewer replicas than its min-replicas-to-write demands.';
    case 'MISCONF':
      return "The server cannot save to its disk: see the server's log.";
    case 'BUSY':
      return 'A script runs for too long on the server: SCRIPT KILL ends it.';
    case 'LOADING':
      return 'The server is loading its data and will be back.';
    default:
      return 'Check that the server is up and reachable.';
  }
}
