import type { SessionId } from '../core/token.js';

/** A store that can put a record away that has turned out to be damaged. */
export interface Quarantine {
  /**
   * Moves the session's record out of the way, so that it is reported once, and keeps it for a look at it. Only for one
   * that names its own session. Best effort: never rejects.
   */
  quarantine(id: SessionId): Promise<void>;
}
