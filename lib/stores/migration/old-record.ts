import type { OldOutcome } from '../../core/old-sessions.js';
import { isWellFormed } from '../../core/storable.js';

/** How the records of a library are read. */
export interface OldRecordRules {
  /** Whether a record ends at the expiry that it names, even if Redis still has it. */
  readonly honoursExpiry: boolean;
  /** Who is logged in, by the record as the library's own nodes see it; undefined: a guest. */
  readonly principal: (session: Record<string, unknown>) => unknown;
}

/** When Redis answered, and what it says of the record; times in milliseconds. */
interface OldReading {
  /** Epoch. */
  readonly now: number;
  /** What is left of its life; negative: it has no expiry. */
  readonly leftMs: number;
  /** When the session of ours that it is to have ends whatever happens, where it had one that ran out; 0: nothing is known. */
  readonly until: number;
  readonly turn: number;
}

/** Ten years, which is more than any session of ours may ask for. */
const MOST_SECONDS = 315_360_000;
/** 400 days: what browsers keep a cookie at most. */
const MOST_COOKIE_SECONDS = 34_560_000;

/**
 * Reads a record as connect-redis writes it: JSON with a `cookie` and the application's attributes. Reasons hold nothing of
 * its content.
 */
export function readOldRecord(
  text: string,
  { now, leftMs, until, turn }: OldReading,
  rules: OldRecordRules,
): OldOutcome {
  const session = objectIn(text);
  if (session === undefined) return unreadable('its record is no JSON object');
  const { cookie } = session;
  if (!isObject(cookie)) return unreadable('its record has no cookie');
  if (rules.honoursExpiry && isOver(cookie['expires'], now)) return { status: 'gone' };
  let principal: unknown;
  try {
    principal = rules.principal(session);
  } catch {
    return unreadable('principal() of migrateFrom threw');
  }
  if (!isPrincipal(principal))
    return unreadable(`principal() of migrateFrom returned ${typeof principal} and not text or undefined`);
  // Others would be stored as the same user.
  if (typeof principal === 'string' && !isWellFormed(principal))
    return unreadable('principal() of migrateFrom returned text with a lone surrogate');
  const lifeMs = cookie['originalMaxAge'];
  const told = typeof lifeMs === 'number' && lifeMs > 0 ? Math.ceil(lifeMs / 1000) : undefined;
  const left = leftMs > 0 ? Math.ceil(leftMs / 1000) : undefined;
  const idle = told ?? left;
  return {
    status: 'live',
    turn,
    record: {
      attributes: new Map(Object.entries(session).filter(([name]) => name !== 'cookie')),
      principal: principal === undefined || principal === null ? undefined : String(principal),
      idleSeconds: idle && Math.min(idle, MOST_SECONDS),
      cookieMaxAge: told && Math.min(told, MOST_COOKIE_SECONDS),
      ...(until > 0 && { absoluteSeconds: Math.max(1, Math.ceil((until - now) / 1000)) }),
    },
  };
}

/** Who an old record names; undefined: a guest, or nobody who could be told, as nobody is taken over with such a record. */
export function principalIn(text: string, { principal }: OldRecordRules): string | undefined {
  // Its expiry is not looked at: until its own nodes have removed it, the session that took its place lives by its own times.
  const reading = { now: 0, leftMs: -1, until: 0, turn: 0 };
  const outcome = readOldRecord(text, reading, { honoursExpiry: false, principal });
  return outcome.status === 'live' ? outcome.record.principal : undefined;
}

/** Who is logged in by Passport: what `serializeUser` returned, where that is text or a number. */
export function passportUser(session: Record<string, unknown>): string | number | undefined {
  const { passport } = session;
  const user = isObject(passport) ? passport['user'] : undefined;
  return typeof user === 'string' || typeof user === 'number' ? user : undefined;
}

function objectIn(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isPrincipal(value: unknown): value is string | number | undefined | null {
  if (value === undefined || value === null) return true;
  return (typeof value === 'string' && value !== '') || (typeof value === 'number' && Number.isFinite(value));
}

function isOver(expires: unknown, now: number): boolean {
  return typeof expires === 'string' && Date.parse(expires) <= now;
}

function unreadable(reason: string): OldOutcome {
  return { status: 'unreadable', reason };
}
