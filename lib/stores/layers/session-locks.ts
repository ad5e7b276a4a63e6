import type { SessionRecord, Unreadable } from '../../core/store.js';
import type { SessionId } from '../../core/token.js';
import { ValueKey, type KeyRing, type Unlocked } from './key-ring.js';

/** The attribute that holds the locked key of a session. */
export const KEY_FIELD = '#key';
/** Stands in place of the locked key while a login is being written. Only the writer can finish such a record. */
export const UNFINISHED = new Uint8Array();
/** Ends the codec's name, so that a node without encryption says that it cannot read the record, and leaves it alone. */
const CODEC_SUFFIX = '_aesgcm';

/** Who logged in and when, as the record tells it. */
interface SealedLogin {
  /** Sealed with the session's key, as stored. */
  readonly principal: string;
  /** Epoch milliseconds of the store's clock. */
  readonly at: number;
}

/** The key of a session since its last login, and what it is bound to. */
export interface SessionKey extends Unlocked {
  /** As stored. */
  readonly codec: string;
  readonly login: SealedLogin | undefined;
  /** Whether it is bound to the login: what 0.1 wrote is not, until its next id change. */
  readonly isBound: boolean;
}

/** Locks the keys of sessions with those of the operator, each bound to where it belongs. */
export class SessionLocks {
  readonly #ring: KeyRing;

  constructor(ring: KeyRing) {
    this.#ring = ring;
  }

  /** A key for a session that begins, by a login or without. */
  fresh(codec: string): Omit<SessionKey, 'login'> {
    return { key: ValueKey.random(), current: true, codec: codec + CODEC_SUFFIX, isBound: true };
  }

  lock(id: SessionId, sessionKey: SessionKey): Uint8Array {
    const context = sessionKey.isBound ? contextOf(id, sessionKey) : contextOf01(id, sessionKey.codec);
    return this.#ring.lock(sessionKey.key, context);
  }

  unlock(id: SessionId, record: SessionRecord): SessionKey | Unreadable {
    const { codec, principal, authenticatedAt } = record;
    const locked = record.attributes.get(KEY_FIELD);
    if (locked === undefined || !codec.endsWith(CODEC_SUFFIX)) return unreadable('it is not encrypted');
    if (locked.length === 0)
      return unreadable('a login, whose encryption is not complete, has not been finished');
    const login =
      principal === undefined && authenticatedAt === undefined
        ? undefined
        : { principal: principal ?? '', at: authenticatedAt ?? 0 };
    const bound = this.#ring.unlock(locked, contextOf(id, { codec, login }));
    if (bound !== undefined) return { ...bound, codec, login, isBound: true };
    // How 0.1 locked keys. This version has never locked a key of its own ids like this.
    const of01 = this.#ring.unlock(locked, contextOf01(id, codec));
    if (of01 !== undefined) return { ...of01, codec, login, isBound: false };
    return this.#ring.has(locked)
      ? damaged(
          'its encryption key is of another session, login or codec, or its principal or time of login was changed',
        )
      : unreadable('no encryption key of this node fits it');
  }

  /** The codec's own name. */
  codecOf({ codec }: Pick<SessionKey, 'codec'>): string {
    return codec.slice(0, -CODEC_SUFFIX.length);
  }
}

/** The codec is part of it, so that no codec reads bytes of another. */
function contextOf(id: SessionId, { codec, login }: Pick<SessionKey, 'codec' | 'login'>): string {
  return `session 2 ${id} ${codec} ${login?.at ?? 0} ${login?.principal ?? ''}`;
}

function contextOf01(id: SessionId, codec: string): string {
  return `session ${id} ${codec}`;
}

/** The record is left alone: another node may have its key, or the operator, who changed the keys. */
function unreadable(reason: string): Unreadable {
  return { status: 'unreadable', reason };
}

/** No node can read it: a key that is known here has locked something else. */
export function damaged(reason: string): Unreadable {
  return { status: 'unreadable', reason, damaged: true };
}
