import type {
  IndexAdded,
  IndexAddition,
  IndexEntry,
  IndexName,
  IndexReading,
  SessionIndex,
} from '../core/session-index.js';
import type { SessionId } from '../core/token.js';

interface Entry extends IndexEntry {
  readonly until: number;
}

interface List {
  readonly entries: Map<SessionId, Entry>;
  /** Whoever logged in until then is to be logged out. */
  endedAt: number | undefined;
  /** The size at which expired entries are looked for next. */
  prune: number;
}

const SMALLEST_PRUNE = 32;

/** The index of one process: it keeps the same promises, grows with the number of sessions, and is gone with the process. */
export class MemorySessionIndex implements SessionIndex {
  readonly #lists = new Map<string, List>();
  readonly #now: () => number;
  #prune = SMALLEST_PRUNE;

  /** @param now Epoch milliseconds that never go back; the memory store's own. */
  constructor(now: () => number) {
    this.#now = now;
  }

  namesOf(principal: string): readonly IndexName[] {
    return [principal as IndexName];
  }

  async add(principal: string, id: SessionId, addition: IndexAddition): Promise<IndexAdded> {
    const { lifeMs, replaces, keepsLogin, limit = 0, evict = false } = addition;
    const now = this.#now();
    const list = this.#listOf(principal);
    const beyond: SessionId[] = [];
    if (limit > 0) {
      const held = this.#held(list, new Set([id, ...(replaces === undefined ? [] : [replaces])]));
      if (held.length >= limit) {
        if (!evict) return { status: 'full', reading: await this.read(principal as IndexName) };
        for (const entry of held.slice(0, held.length - limit + 1)) {
          beyond.push(entry.id);
          if (entry.replaces !== undefined) beyond.push(entry.replaces);
        }
      }
    }
    const before = keepsLogin && replaces !== undefined ? list.entries.get(replaces) : undefined;
    this.#put(list, {
      id,
      addedAt: now,
      loginAt: before?.loginAt ?? now,
      replaces,
      device: before === undefined ? addition.device : before.device,
      until: now + lifeMs,
    });
    return { status: 'added', beyond };
  }

  async enter(
    principal: string,
    id: SessionId,
    { lifeMs, loginAt }: { readonly lifeMs: number; readonly loginAt: number },
  ): Promise<'entered' | 'ended'> {
    const now = this.#now();
    const list = this.#listOf(principal);
    const before = list.entries.get(id);
    if (before === undefined && loginAt <= (list.endedAt ?? -Infinity)) return 'ended';
    const entry = before ?? { id, addedAt: now, loginAt, replaces: undefined, device: undefined };
    this.#put(list, { ...entry, until: now + lifeMs });
    return 'entered';
  }

  async read(name: IndexName, only?: readonly SessionId[]): Promise<IndexReading> {
    const now = this.#now();
    const all = this.#lists.get(name)?.entries ?? new Map<SessionId, Entry>();
    const entries = (only?.flatMap((id) => all.get(id) ?? []) ?? [...all.values()]).filter(
      ({ until }) => until > now,
    );
    return { now, entries };
  }

  async stands(name: IndexName, id: SessionId): Promise<boolean> {
    const list = this.#lists.get(name);
    const { until, addedAt } = list?.entries.get(id) ?? { until: 0, addedAt: 0 };
    return until > this.#now() && addedAt > (list?.endedAt ?? -Infinity);
  }

  end(name: IndexName): Promise<IndexReading> {
    this.#listOf(name).endedAt = this.#now();
    return this.read(name);
  }

  async remove(name: IndexName, ids: readonly SessionId[], minimumAgeMs = 0): Promise<void> {
    const list = this.#lists.get(name);
    for (const id of ids) {
      const entry = list?.entries.get(id);
      if (entry !== undefined && this.#now() - entry.addedAt >= minimumAgeMs) list?.entries.delete(id);
    }
    if (list?.entries.size === 0 && list.endedAt === undefined) this.#lists.delete(name);
  }

  async *names(): AsyncIterable<IndexName> {
    for (const name of [...this.#lists.keys()]) yield name as IndexName;
  }

  #listOf(name: string): List {
    let list = this.#lists.get(name);
    if (list === undefined) {
      list = { entries: new Map(), endedAt: undefined, prune: SMALLEST_PRUNE };
      this.#lists.set(name, list);
      if (this.#lists.size > this.#prune) this.#forgetLists();
    }
    return list;
  }

  /** The entries that count towards the limit, oldest login first. */
  #held({ entries }: List, replaced: Set<SessionId>): Entry[] {
    const now = this.#now();
    const live = [...entries.values()].filter(({ until }) => until > now);
    for (const { replaces } of live) if (replaces !== undefined) replaced.add(replaces);
    return live
      .filter(({ id }) => !replaced.has(id))
      .sort((a, b) => a.loginAt - b.loginAt || a.addedAt - b.addedAt || (a.id < b.id ? -1 : 1));
  }

  #put(list: List, entry: Entry): void {
    list.entries.set(entry.id, entry);
    if (list.entries.size <= list.prune) return;
    this.#forgetEntries(list);
    list.prune = Math.max(SMALLEST_PRUNE, list.entries.size * 2);
  }

  #forgetEntries({ entries }: List): void {
    const now = this.#now();
    for (const { id, until } of entries.values()) if (until <= now) entries.delete(id);
  }

  #forgetLists(): void {
    for (const [name, list] of this.#lists) {
      if (list.entries.size === 0) continue;
      this.#forgetEntries(list);
      if (list.entries.size === 0 && list.endedAt === undefined) this.#lists.delete(name);
    }
    this.#prune = Math.max(SMALLEST_PRUNE, this.#lists.size * 2);
  }
}
