import type { SessionId } from '../../core/token.js';

/**
 * What nodes tell each other of sessions, over one channel of Redis: `node type id previous principal`, in one line. The
 * scripts that begin and end sessions publish it in the same step. Delivery is at most once: a node that does not listen misses it.
 *
 * - `created id - principal`: principal '' for a guest.
 * - `authenticated id previous principal`, `regenerated id previous`.
 * - `destroyed id`, `evicted id`.
 * - `unknown id`: somebody has asked for the end of a session that his node does not know.
 */
export interface SessionMessage {
  /** Who has published it. */
  readonly node: string;
  readonly type: 'created' | 'authenticated' | 'regenerated' | 'destroyed' | 'evicted' | 'unknown';
  readonly id: SessionId;
  readonly previousId: SessionId | undefined;
  /** As stored, which may be sealed. */
  readonly principal: string | undefined;
}

/** What a node needs to publish. */
export interface MessageSender {
  readonly channel: string;
  /** This node's own name, so that it knows its own messages. */
  readonly node: string;
}

const MESSAGE =
  /^(\S+) (created|authenticated|regenerated|destroyed|evicted|unknown) ([A-Za-z0-9_-]{47})(?: ([A-Za-z0-9_-]{47}|-))?(?: (.*))?$/s;

/** The channel of the nodes whose keys have this prefix. */
export function channelOf(keyPrefix: string): string {
  return `${keyPrefix}events`;
}

/** Parses a message; undefined for anything else. */
export function readMessage(text: string): SessionMessage | undefined {
  const [, node, type, id, previous, principal = ''] = MESSAGE.exec(text) ?? [];
  if (node === undefined) return undefined;
  return {
    node,
    type: type as SessionMessage['type'],
    id: id as SessionId,
    previousId: previous === undefined || previous === '-' ? undefined : (previous as SessionId),
    principal: principal === '' ? undefined : principal,
  };
}
