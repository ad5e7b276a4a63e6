import type { Bag } from './bag.js';
import type { SessionLimits } from './limits.js';
import type { SessionCodec } from './codec.js';
import type { SessionEvents } from './events.js';
import type { KeyedLock } from './keyed-lock.js';
import type { HttpSession } from './members.js';
import type { OperationQueue } from './operation-queue.js';
import type { SessionDevice } from './session-index.js';
import type { SessionStore } from './store.js';
import type { OldSessions } from './old-sessions.js';
import type { Timer } from './clock.js';
import type { RandomSource } from './random.js';
import type { UserSessions } from './user-sessions.js';

/**
 * When a session is saved; combinable.
 *
 * - `DEFAULT`: at the end of the request, what differs from what was loaded.
 * - `SAVE_ON_CHANGE`: a save starts at each set or delete (those of one tick are one write); the response waits for it.
 * - `ALWAYS_SAVE_AFTER_REQUEST`: after each request that used the session, changed or not.
 */
export const SESSION_POLICIES = ['DEFAULT', 'SAVE_ON_CHANGE', 'ALWAYS_SAVE_AFTER_REQUEST'] as const;

/** One of {@link SESSION_POLICIES}. */
export type SessionPolicy = (typeof SESSION_POLICIES)[number];

/** The log of what was decided, and why. Messages hold public ids and names of attributes, never a value or a token. */
export interface SessionLog {
  verbose(message: string): void;
  debug(message: string): void;
  /**
   * @param kind Given where a client can provoke the line: of each kind at most one a minute is written, with the number of
   * those that were left out. Undefined: it is always written.
   */
  warn(message: string, kind?: string): void;
}

/** The settings that the life of a session follows. */
export interface SessionRules extends SessionLimits {
  /** Idle life of a new session, in seconds. */
  readonly maxInactiveInterval: number;
  /** Seconds a session lives at most, used or not; 0: no such limit. */
  readonly absoluteTimeout: number;
  /** Seconds a browser keeps the cookie of a session that says nothing of its own; undefined: as long as it runs. */
  readonly cookieMaxAge: number | undefined;
  readonly saveOnChange: boolean;
  readonly alwaysSave: boolean;
  /** A value that cannot be stored is left out with a warning, which is the default, or throws and saves nothing. */
  readonly unstorable?: 'warn' | 'error' | undefined;
  /** Setting this attribute marks the session dirty; undefined: switched off. */
  readonly manualDirtyAttribute: string | undefined;
  /** Setting this attribute saves at once; undefined: switched off. */
  readonly persistOnDemandAttribute: string | undefined;
}

/** What every session of one module works with. */
export interface SessionEnvironment {
  readonly store: SessionStore;
  /** Which sessions each user has; undefined: that is not kept. */
  readonly users?: UserSessions | undefined;
  /** Sessions of another library, which are taken over; undefined: there are none. */
  readonly oldSessions?: OldSessions | undefined;
  /** For new sessions. */
  readonly codec: SessionCodec;
  /** Finds the codec that a session was written with; undefined: this node cannot read it. */
  readonly codecByName: (name: string) => SessionCodec | undefined;
  readonly rules: SessionRules;
  readonly log: SessionLog;
  readonly events: SessionEvents;
  readonly locks: KeyedLock;
  /** The queues of sessions that have something under way, for whoever has to wait for that. */
  readonly busy: Bag<OperationQueue>;
  /** This node's clock, epoch milliseconds. Only for sessions that no store has seen yet. */
  readonly now: () => number;
  /** Randomness of tokens; undefined: the system's. */
  readonly random?: RandomSource | undefined;
  /** Ends what would take for ever; undefined: by the system's clock. */
  readonly timer?: Timer | undefined;
  /** The pause after a lost race; undefined: by the system's clock. */
  readonly sleep?: ((milliseconds: number) => Promise<void>) | undefined;
  /**
   * Resolves once replicas have every end of a session that the store has acknowledged so far; rejects with
   * SessionStoreUnavailableError where they do not in time. Undefined: the store's word is enough.
   */
  readonly confirmEnds?: (() => Promise<void>) | undefined;
  /** Turns an error of the core into the one that applications get, of the framework's own kind; undefined: it stays as it is. */
  readonly asThrown?: ((error: unknown) => unknown) | undefined;
  /** The application's own idea of who is logged in, beside `authenticate()`. */
  readonly isAuthenticated?: ((session: HttpSession) => boolean) | undefined;
}

/** The response that a session's cookie travels with. */
export interface ResponseContext {
  /** Whether the headers have left, so that no cookie can be sent any more. */
  readonly headersSent: boolean;
  /** Whether the response waits for the last time: it does not wait for what begins from now on, nor carry its cookie. */
  readonly isClosing?: boolean | undefined;
  /** Whether the response has been ended. */
  readonly ended?: boolean | undefined;
  /** Set where there is no response and never will be: one or two sentences that say why, and what to do instead. */
  readonly noResponse?: string | undefined;
  /** Whether its request brought a token that looks like one of ours. */
  readonly cameWithToken?: boolean | undefined;
  /** Where its request came from, for the list of the user who logs in. */
  readonly device?: SessionDevice | undefined;
}
