import type { Scheduler } from 'fast-check';
import {
  SessionDestroyedError,
  SessionGoneError,
  SessionHeadersSentError,
  type SessionPolicy,
} from 'nestjs-redis-session';
import type { RedisClient } from '../../lib/redis/client.js';
import type { AnySession, Playground } from '../e2e/helpers/playground.js';
import { Browser } from '../support/cookie-jar.js';
import { emptyHistory, type History, type Lineage } from './history.js';
import { NAMES, type Name, type Program, type Request, type Step } from './program.js';

/** Errors that say a session has ended or cannot begin here: an answer, not a failure. */
const ANSWERS = [SessionGoneError, SessionDestroyedError, SessionHeadersSentError];

const LINEAGE = 'lineage';

/** Whether a visit was answered 409. */
function isConflict(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('A visit was answered 409');
}

/** Deletes a session's record as its expiry would, markers not. Replies whether there was one. */
const EXPIRE = `if redis.call('HEXISTS', KEYS[1], '@v') == 1 then return redis.call('DEL', KEYS[1]) end return 0`;

/** One run of one program against real nodes. */
export class ProgramRun {
  readonly history: History = emptyHistory();
  readonly #nodes: readonly Playground[];
  readonly #redis: RedisClient;
  readonly #scheduler: Scheduler;
  readonly #browser: Browser;
  readonly #background: Promise<unknown>[] = [];
  #policy: SessionPolicy = 'DEFAULT';
  #clock = 0;
  #unique = 0;

  constructor(nodes: readonly Playground[], redis: RedisClient, scheduler: Scheduler) {
    this.#nodes = nodes;
    this.#redis = redis;
    this.#scheduler = scheduler;
    this.#browser = new Browser(() => this.#node(0).url);
  }

  async run({ tabs, policy }: Program): Promise<History> {
    this.#policy = policy;
    await this.#redis.flushall();
    await this.#scheduler.waitFor(this.#request({ node: 0, steps: [{ do: 'set', name: 'a' }] }));
    const all = Promise.all(tabs.map((requests) => this.#tab(requests)));
    await this.#scheduler.waitFor(all);
    await this.#scheduler.waitFor(Promise.all(this.#background));
    await this.#look();
    return this.history;
  }

  #node(index: number): Playground {
    return this.#nodes[index % this.#nodes.length] as Playground;
  }

  async #tab(requests: readonly Request[]): Promise<void> {
    for (const request of requests) await this.#request(request);
  }

  async #request({ node, steps }: Request): Promise<void> {
    const start = this.#tick();
    const visit = new Visit(this, start);
    const answer = this.#node(node).visit(this.#browser, async (session) => {
      const { background } = await visit.perform(session, steps);
      if (background !== undefined) this.#background.push(background);
    });
    try {
      await answer;
      visit.answered();
    } catch (error) {
      // What such a request has written is not acknowledged, and may be there or not.
      if (this.#policy !== 'ALWAYS_SAVE_AFTER_REQUEST' || !isConflict(error)) throw error;
      this.history.refusals.push({ lineages: visit.lineages, start, end: this.#tick() });
    }
  }

  /** The moment is one after all before. */
  #tick(): number {
    return (this.#clock += 1);
  }

  moment(): number {
    return this.#tick();
  }

  unique(): number {
    return (this.#unique += 1);
  }

  /** Here the scheduler decides who goes on. */
  turn(label: string): Promise<void> {
    return this.#scheduler.schedule(Promise.resolve(), label);
  }

  async expire(id: string): Promise<boolean> {
    const [key] = await this.#redis.keys(`*{${id.slice(0, 4)}}${id.slice(4)}`);
    return key !== undefined && (await this.#redis.eval(EXPIRE, 1, key)) === 1;
  }

  async #look(): Promise<void> {
    const start = this.#tick();
    const { result } = await this.#node(1).visit(this.#browser, (session): Record<string, unknown> => ({
      ...session,
      who: session.principal,
    }));
    const { lineage, count = 0, who } = result as { lineage?: Lineage; count?: number; who?: string };
    Object.assign(this.history.final, { lineage, count, principal: who });
    if (lineage !== undefined) {
      for (const name of NAMES) {
        const value = JSON.stringify(result[name]) as string | undefined;
        this.history.reads.push({ lineage, name, value, start, end: this.#tick() });
      }
    }
    for (const key of await this.#redis.keys('*')) {
      const stored = await this.#redis.hget(key, LINEAGE);
      if (stored !== null) this.history.stored.push(JSON.parse(stored) as Lineage);
    }
  }
}

/** One request: does its steps and notes what became of them. */
class Visit {
  readonly #run: ProgramRun;
  readonly #start: number;
  /** Of the sessions that it has had so far. */
  readonly lineages = new Set<Lineage>();
  readonly #open: { end: number }[] = [];
  /** What this request has written itself: reading that says nothing about the store. */
  readonly #own = new Set<Name>();
  /** Sessions that it has let expire under its own hands. */
  readonly #expired = new Set<Lineage>();
  #inBackground = false;

  constructor(run: ProgramRun, start: number) {
    this.#run = run;
    this.#start = start;
  }

  /** Resolves when the response may leave, to what goes on after that. */
  async perform(session: AnySession, steps: readonly Step[]): Promise<{ background?: Promise<void> }> {
    const lineage = session[LINEAGE] as Lineage | undefined;
    if (lineage !== undefined) this.lineages.add(lineage);
    for (const [i, step] of steps.entries()) {
      await this.#run.turn(step.do);
      if (step.do === 'background') {
        this.#inBackground = true;
        return { background: this.#goOn(session, steps.slice(i + 1)) };
      }
      await this.#answering(session, step);
    }
    return {};
  }

  answered(): void {
    if (!this.#inBackground) this.#close();
  }

  #close(): void {
    const end = this.#run.moment();
    for (const interval of this.#open) interval.end = end;
  }

  async #goOn(session: AnySession, steps: readonly Step[]): Promise<void> {
    for (const step of steps) {
      await this.#run.turn(`${step.do} in the background`);
      await this.#answering(session, step);
    }
    await this.#answering(session, { do: 'save' });
    this.#close();
  }

  async #answering(session: AnySession, step: Step): Promise<void> {
    try {
      await this.#step(session, step);
    } catch (error) {
      if (!ANSWERS.some((type) => error instanceof type)) throw error;
    }
  }

  async #step(session: AnySession, step: Step): Promise<void> {
    const { history } = this.#run;
    switch (step.do) {
      case 'read': {
        const lineage = session[LINEAGE] as Lineage | undefined;
        if (lineage === undefined || this.#own.has(step.name)) return;
        const value = JSON.stringify(session[step.name]) as string | undefined;
        history.reads.push({ lineage, name: step.name, value, ...this.#instant() });
        return;
      }
      case 'set':
        return this.#write(session, step.name, `value ${this.#run.unique()}`);
      case 'delete':
        return this.#write(session, step.name, undefined);
      case 'mutate': {
        const list = session['list'];
        if (!Array.isArray(list)) return this.#write(session, 'list', [this.#run.unique()]);
        list.push(this.#run.unique());
        return this.#note(this.#lineage(session), 'list', list);
      }
      case 'update': {
        const lineage = this.#lineage(session);
        await session.update('count', (count) => ((count as number | undefined) ?? 0) + 1);
        history.updates.set(lineage, (history.updates.get(lineage) ?? 0) + 1);
        return;
      }
      case 'save':
        return session.save();
      case 'regenerate':
        return this.#turning(session, 'renewed', () => session.regenerateId());
      case 'authenticate': {
        const principal = `user ${this.#run.unique()}`;
        const before = session[LINEAGE] as Lineage | undefined;
        // What it has assigned itself goes along into the session that a login begins, and so would the name.
        if (before !== undefined && this.#expired.has(before)) delete session[LINEAGE];
        // Nobody logs in twice: over a login it is somebody else, for whom a session of their own begins.
        const another = session.principal !== undefined;
        const kind = another ? 'ended' : 'renewed';
        await this.#turning(session, kind, () => session.authenticate(principal), true);
        if (another) delete session[LINEAGE];
        history.logins.push(principal);
        if (session[LINEAGE] !== before || before === undefined) this.#begin(session);
        return;
      }
      case 'logout':
        return this.#turning(session, 'ended', () => session.destroy());
      case 'expire':
        return this.#turning(session, 'ended', async () => {
          const lineage = session[LINEAGE] as Lineage;
          const expired = await this.#run.expire(session.id);
          if (expired) this.#expired.add(lineage);
          return expired;
        });
      case 'background':
        // Where the response leaves: perform() has seen to it.
        return;
    }
  }

  /** A login on a session that had ended begins one, with what this request has assigned. */
  #begin(session: AnySession): void {
    const lineage = this.#lineage(session);
    for (const name of NAMES) if (session[name] !== undefined) this.#note(lineage, name, session[name]);
    this.#run.history.updates.set(lineage, Number(session['count'] ?? 0));
  }

  /** Notes an id change or an end, from the request's beginning until its answer, if it had anything to change. */
  async #turning(
    session: AnySession,
    kind: 'renewed' | 'ended',
    act: () => Promise<unknown>,
    login = false,
  ): Promise<void> {
    const lineage = session[LINEAGE] as Lineage | undefined;
    if (lineage === undefined) {
      await act();
      return;
    }
    const turn = { lineage, kind, login, start: this.#start, end: Infinity };
    this.#run.history.turns.push(turn);
    this.#open.push(turn);
    let done: unknown = false;
    try {
      done = await act();
    } finally {
      // What was refused has ended nothing.
      if (done === false) Object.assign(turn, { kind: 'renewed' });
    }
  }

  #write(session: AnySession, name: Name, value: unknown): void {
    const lineage = this.#lineage(session);
    if (value === undefined) delete session[name];
    else session[name] = value;
    this.#note(lineage, name, value);
  }

  #note(lineage: Lineage, name: Name, value: unknown): void {
    const text = JSON.stringify(value) as string | undefined;
    const write = { lineage, name, value: text, start: this.#start, end: Infinity };
    this.#own.add(name);
    this.#run.history.writes.push(write);
    this.#open.push(write);
  }

  /**
   * Whose session this is; a new one gets a name. That of its first id: a login's session is stored before it can be given
   * one, and another tab that has its cookie by then gives it the same.
   */
  #lineage(session: AnySession): Lineage {
    const known = session[LINEAGE] as Lineage | undefined;
    if (known !== undefined) return known;
    const lineage = `session ${session.id}`;
    session[LINEAGE] = lineage;
    this.lineages.add(lineage);
    return lineage;
  }

  #instant(): { start: number; end: number } {
    return { start: this.#start, end: this.#run.moment() };
  }
}
