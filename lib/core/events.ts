/**
 * Why a request's session was refused.
 *
 * - `forged`: a value that cannot be ours: not the shape of a token, or not signed by one of the secrets.
 * - `ambiguous`: two live sessions at once, or more than 16 tokens; which of them is the user's cannot be told.
 * - `unknown`: the shape of a token, and no such session: expired long ago, or made up.
 * - `corrupt`: the record is there and cannot be trusted: damaged, foreign, or tampered with.
 * - `gone`: the session ended a short while ago, or under the request: a late request, a replay after a logout.
 */
export type RejectionReason = 'forged' | 'ambiguous' | 'unknown' | 'corrupt' | 'gone';

/** Why what a request has changed is not stored. */
export type DropReason = 'login' | 'ended' | 'late';

/** Whose doing it was. */
export type EventOrigin = 'here' | 'elsewhere';

/**
 * A session is over.
 *
 * - `destroyed`: a logout, a login as somebody else, `SessionService.destroy` or `destroyAll`. None where nothing was left
 *   to remove.
 * - `evicted`: its user logged in once more than MAX_SESSIONS_PER_USER allows, and it was the oldest login.
 * - `expired`: it was not used for its idle life, or reached its absolute timeout. Told only where Redis has keyspace
 *   notifications for expired keys (`notify-keyspace-events Ex`), and of sessions whose login this node has heard of.
 */
export interface EndedEvent {
  readonly type: 'destroyed' | 'evicted' | 'expired';
  readonly id: string;
}

/**
 * What happened to a session, for an application to count and to raise alarms on. Ids are the public ones; there is
 * never a token or an attribute in an event.
 */
export type SessionEvent = (
  | { readonly type: 'created'; readonly id: string }
  /** A login. `previousId`: the session it was renewed from; undefined: there was none. */
  | {
      readonly type: 'authenticated';
      readonly id: string;
      readonly previousId: string | undefined;
      /** Undefined: of a login on another node, where ENCRYPTION_KEYS are set. */
      readonly principal: string | undefined;
    }
  | { readonly type: 'regenerated'; readonly id: string; readonly previousId: string }
  | EndedEvent
  /**
   * The channel of other nodes' events was lost for a while: what happened meanwhile is not told. Whoever keeps something of
   * sessions looks again whether they are still there.
   */
  | { readonly type: 'gap' }
  /**
   * What a request has changed is not stored, because the session ended under its hands. `attributes`: their names.
   *
   * - `login`: another request logged in meanwhile.
   * - `ended`: it was destroyed or expired meanwhile.
   * - `late`: the request came with the token of a session that had ended a short while ago.
   */
  | {
      readonly type: 'dropped';
      readonly id: string;
      readonly attributes: readonly string[];
      readonly reason: DropReason;
    }
  | {
      readonly type: 'rejected';
      readonly reason: RejectionReason;
      /** Undefined where no session can be named. */
      readonly id: string | undefined;
      /** More about a corrupt record; nothing of its content. */
      readonly detail?: string | undefined;
    }
) & {
  /** `elsewhere`: on another node, or by Redis itself. Of events that this node has not heard of from others: `here`. */
  readonly origin?: EventOrigin | undefined;
};

/** Where sessions tell of themselves. `emit` never throws and does not wait for anybody. */
export interface SessionEvents {
  emit(event: SessionEvent): void;
}
