import { MOST_MOVES } from '../../core/changes.js';
import { SessionFormatError } from '../../core/errors.js';
import { linkIn, type LinkUse, type OldLink, type OldStanding } from '../../core/old-sessions.js';
import type {
  DestroyOptions,
  DestroyOutcome,
  LoadOptions,
  LoadOutcome,
  SessionRecord,
  SessionRenewal,
  WriteOutcome,
} from '../../core/store.js';
import { NEVER_MS } from '../../core/times.js';
import type { SessionId } from '../../core/token.js';
import { StoreLayer, type LayeredStore } from './store-layer.js';

/** The sessions of another library that ours took the place of. */
export interface LinkedSessions {
  /** See RedisOldSessions.use. */
  use(link: OldLink, use: LinkUse): Promise<OldStanding | undefined>;
  /** See RedisOldSessions.leave. */
  leave(link: OldLink): Promise<void>;
  end(name: string): Promise<void>;
}

/** Is told of a session of ours that has ended since its old one has. Must not throw. */
export type LinkEnded = (id: SessionId, principal: string | undefined) => void;

/** Marks and old records outlive the session, which lives for its idle time and the tenth of it in which uses are not noted. */
const OUTLIVES = 1.25;
const LEAST_MS = 60_000;

/**
 * Ties a session that was taken over to the one of another library that it came from: when either ends, both do, and when the old
 * one comes to name another user, ours ends. Sessions of our own cost one read more when they end.
 */
export class LinkedStore extends StoreLayer {
  readonly #old: LinkedSessions;

  readonly #ended: LinkEnded;

  constructor(below: LayeredStore, old: LinkedSessions, ended: LinkEnded) {
    super(below);
    this.#old = old;
    this.#ended = ended;
  }

  /**
   * Where a node that still runs the other library has ended the old session, or changed whose it is, the new one ends as well. A
   * login that follows it on another node goes on: it is no longer tied to the old session, or is told here itself.
   */
  override async load(id: SessionId, options: LoadOptions = {}): Promise<LoadOutcome> {
    const outcome = await this.below.load(id, options);
    if (outcome.status !== 'found' || outcome.record.from === undefined) return outcome;
    const { from, principal, absoluteDeadline: until } = outcome.record;
    const link = linkIn(from);
    const lifeMs = options.touch === false ? 0 : lifeOf(outcome.record);
    const old = await this.#old.use(link, { lifeMs, until });
    if (old === undefined) return outcome;
    if (old.stands) {
      // A guest who has logged in here is not known there, and is whom they are here.
      const isOwnLogin = link.wasGuest && principal !== undefined;
      if (isOwnLogin || old.principal === principal) return outcome;
      await this.#old.leave(link);
    }
    const { status } = await this.below.destroy(id, { followLogins: false });
    if (status === 'removed') this.#ended(id, principal);
    return { status: 'ended', now: outcome.now };
  }

  /** The old session is ended first: if that fails, the new one is still there, and another logout tries both again. */
  override async destroy(id: SessionId, options: DestroyOptions = {}): Promise<DestroyOutcome> {
    const record = await this.#recordOf(id, options.followLogins ?? true);
    if (record?.from !== undefined) await this.#old.end(linkIn(record.from).name);
    return this.below.destroy(id, options);
  }

  /** A login as another user ends the old session, which belongs to the user before. */
  override async renew(id: SessionId, renewal: SessionRenewal): Promise<WriteOutcome> {
    if (renewal.login === undefined) return this.below.renew(id, renewal);
    const record = await this.#recordOf(id, false);
    const { from, principal } = record ?? {};
    if (from === undefined || principal === undefined || principal === renewal.login.principal)
      return this.below.renew(id, renewal);
    await this.#old.end(linkIn(from).name);
    return this.below.renew(id, { ...renewal, unlinked: true });
  }

  /** A record of a newer format cannot be read here, but it can be ended. */
  #recordOf(id: SessionId, followsLogins: boolean): Promise<SessionRecord | undefined> {
    return this.#find(id, followsLogins).catch((error: unknown) => {
      if (error instanceof SessionFormatError) return undefined;
      throw error;
    });
  }

  async #find(id: SessionId, followsLogins: boolean): Promise<SessionRecord | undefined> {
    let next: SessionId | undefined = id;
    for (let moves = 0; next !== undefined && moves <= MOST_MOVES; moves += 1) {
      const outcome: LoadOutcome = await this.below.load(next, { touch: false, only: [] });
      if (outcome.status === 'found') return outcome.record;
      next =
        outcome.status === 'ended'
          ? (outcome.movedTo ?? (followsLogins ? outcome.becameId : undefined))
          : undefined;
    }
    return undefined;
  }
}

function lifeOf({ maxInactiveInterval }: SessionRecord): number {
  if (maxInactiveInterval <= 0) return NEVER_MS;
  return Math.min(maxInactiveInterval * 1000 * OUTLIVES + LEAST_MS, NEVER_MS);
}
