import type { Scheduler } from 'fast-check';
import { SessionDestroyedError, SessionGoneError } from 'nestjs-redis-session';
import type { ManagedSession } from '../../lib/core/session.js';
import type { SessionManager } from '../../lib/core/manager.js';
import { idOf, type SessionToken } from '../../lib/core/token.js';
import type { RedisClient } from '../../lib/redis/client.js';
import { keyOf } from '../contract/redis-helpers.js';
import { FakeClient, type AnySession } from '../unit/core/helpers.js';
import {
  emptyCrowdHistory,
  firstOf,
  type CrowdHistory,
  type CrowdWrite,
  type Lineage,
} from './crowd-history.js';
import { NAMES, type Act, type CrowdProgram, type Name, type Sent, type Stroke } from './crowd-program.js';

/** Errors that say a session has ended: an answer, not a failure. */
const ANSWERS = [SessionGoneError, SessionDestroyedError];
const LINEAGE = 'lineage';

/** Deletes the record of a session that somebody has logged in to, as its expiry would. Replies whether there was one. */
const EXPIRE = `
local head = redis.call('HGET', KEYS[1], '@v')
if head and string.match(head, ' 1 [01]$') then return redis.call('DEL', KEYS[1]) end
return 0`;

/** One run of one program against two nodes. */
export class CrowdRun {
  readonly history: CrowdHistory = emptyCrowdHistory();
  readonly #nodes: readonly SessionManager[];
  readonly #redis: RedisClient;
  readonly #scheduler: Scheduler;
  readonly #lineages = new Map<SessionToken, Lineage>();
  /** The tokens that others have taken the place of, where their session had no name yet. */
  readonly #before = new Map<SessionToken, SessionToken>();
  /** Names that were given to sessions that had none, and the token that those began with. */
  readonly #adopted = new Map<Lineage, SessionToken>();
  readonly #leftNameless = new Set<SessionToken>();
  /** Tokens whose session has expired: nobody can tell a late request of theirs from a stranger's. */
  readonly #expired = new Set<SessionToken>();
  readonly #forms: { readonly csrf: string; readonly token: SessionToken; readonly isLive: boolean }[] = [];
  #own: SessionToken | undefined;
  #foreign: SessionToken | undefined;
  #moment = 0;
  #sent = 0;
  #underWay = 0;

  constructor(nodes: readonly SessionManager[], redis: RedisClient, scheduler: Scheduler) {
    this.#nodes = nodes;
    this.#redis = redis;
    this.#scheduler = scheduler;
  }

  async run({ tabs }: CrowdProgram): Promise<CrowdHistory> {
    await this.#redis.flushall();
    await this.#wait(this.#begin());
    await this.#wait(Promise.all(tabs.map((steps) => this.#tab(steps))));
    await this.#wait(this.#request(look(0)));
    await this.#wait(this.#request(look(1)));
    for (const key of await this.#redis.keys('*'))
      if ((await this.#redis.pttl(key)) === -1) this.history.wrong.push(`${key} has no expiry`);
    return this.history;
  }

  #wait(work: Promise<unknown>): Promise<unknown> {
    return this.#scheduler.waitFor(work);
  }

  /** Somebody else's session, whose cookie may turn up beside the browser's; then the browser's own. */
  async #begin(): Promise<void> {
    await this.#request({ ...look(0), acts: [{ do: 'login', who: 'bob' }] });
    this.#foreign = this.#own;
    this.#own = undefined;
    await this.#request({ ...look(1), acts: [{ do: 'write', name: 'cart' }] });
  }

  async #tab(steps: readonly (Sent | Stroke)[]): Promise<void> {
    for (const step of steps) await (step.kind === 'request' ? this.#request(step) : this.#strike(step));
  }

  async #strike({ kind }: Stroke): Promise<void> {
    await this.#scheduler.schedule(Promise.resolve(), kind);
    this.#sent += 1;
    this.#underWay += 1;
    if (this.#own !== undefined) await this.#endOf(this.#own, kind);
    this.#underWay -= 1;
  }

  async #endOf(token: SessionToken, kind: Stroke['kind']): Promise<void> {
    const lineage = this.#lineages.get(token);
    if (kind === 'revoke') await this.#node(0).destroyById(idOf(token));
    else if ((await this.#redis.eval(EXPIRE, 1, keyOf(idOf(token)))) === 0) return;
    else this.#expired.add(token);
    if (lineage !== undefined) this.#end(lineage);
  }

  #node(at: number): SessionManager {
    return this.#nodes[at] as SessionManager;
  }

  async #request({ node, cookies, acts, answer }: Sent): Promise<void> {
    const tokens = this.#cookies(cookies);
    const visit = new Visit(this, tokens, this.tick());
    const client = new FakeClient(tokens.length > 0);
    const [sent, alone] = [(this.#sent += 1), this.#underWay === 0];
    this.#underWay += 1;
    const rivals = tokens.length > 1 && tokens.every((token) => this.#isLatest(token));
    const session = await this.#node(node).open(tokens, client);
    visit.look(session);
    this.checkForms(session, visit);
    if (rivals && alone && sent === this.#sent && session.phase === 'stored')
      this.history.wrong.push(`a request of ${visit.start} brought two live sessions and was one of them`);
    for (const act of acts) {
      await this.#scheduler.schedule(Promise.resolve(), act.do);
      await visit.perform(session, act);
    }
    await session.commit();
    client.headersSent = true;
    visit.answered(session);
    this.#underWay -= 1;
    await this.#scheduler.schedule(Promise.resolve(), 'answer');
    if (answer === 'arrives') this.#obey(session, visit);
  }

  #cookies(which: Sent['cookies']): SessionToken[] {
    const own = this.#own === undefined ? [] : [this.#own];
    const foreign = which === 'own' || this.#foreign === undefined ? [] : [this.#foreign];
    return which === 'foreign first' ? [...foreign, ...own] : [...own, ...foreign];
  }

  /** The answer reaches the browser: a late one must not take a newer login's cookie. */
  #obey(session: ManagedSession, visit: Visit): void {
    const { cookie } = session.state;
    if (cookie === undefined) return;
    const current = this.#own;
    const isNewer = current !== undefined && !visit.tokens.includes(current) && this.#isAlive(current);
    const couldKnow = visit.tokens.length === 1 && !visit.tokens.some((token) => this.#expired.has(token));
    if (isNewer && couldKnow && visit.isStraggler)
      this.history.wrong.push(
        `a request of ${visit.start} that only ${visit.did.join() || 'read'} took the cookie of ${this.#lineages.get(current)}`,
      );
    this.#own = cookie.action === 'set' ? cookie.token : undefined;
  }

  #isAlive(token: SessionToken): boolean {
    const lineage = this.#lineages.get(token);
    return lineage !== undefined && !this.history.ends.has(lineage);
  }

  /** Whether a token opens a session, as far as answers tell. */
  #isLatest(token: SessionToken): boolean {
    const lineage = this.#lineages.get(token);
    const from = lineage === undefined ? undefined : this.#adopted.get(lineage);
    if (from !== undefined && this.#leftNameless.has(from)) return false;
    const latest = [...this.#lineages].findLast(([, name]) => name === lineage);
    return this.#isAlive(token) && !this.#expired.has(token) && latest?.[0] === token;
  }

  lineageOf(token: SessionToken): Lineage | undefined {
    const before = this.#before.get(token);
    return this.#lineages.get(token) ?? (before === undefined ? undefined : this.lineageOf(before));
  }

  replaced(before: SessionToken, token: SessionToken): void {
    if (before !== token) this.#before.set(token, before);
  }

  name(token: SessionToken, lineage: Lineage): void {
    const known = this.lineageOf(token);
    if (known !== undefined) link(this.history.aliases, lineage, known);
    this.#lineages.set(token, lineage);
  }

  /** A request that found a session without a name has given it one. */
  adopted(token: SessionToken, lineage: Lineage): void {
    const first = this.#beginning(token);
    this.#adopted.set(lineage, first);
    for (const [other, from] of this.#adopted) if (from === first) link(this.history.kin, lineage, other);
  }

  /** A logout of a session that had no name where it was asked for, and may have one by now. */
  leftNameless(token: SessionToken): void {
    this.#leftNameless.add(this.#beginning(token));
  }

  #beginning(token: SessionToken): SessionToken {
    const before = this.#before.get(token);
    return before === undefined ? token : this.#beginning(before);
  }

  /** A page was given out for a token. */
  form(csrf: string, token: SessionToken, isLive: boolean): void {
    this.#forms.push({ csrf, token, isLive });
  }

  /** A page is good for requests with the token that it was made for alone, and for each of them while that is its session. */
  checkForms(managed: ManagedSession, { tokens, start }: Visit): void {
    for (const { csrf, token, isLive } of this.#forms) {
      const passes = managed.isCsrfToken(csrf);
      if (passes && !tokens.includes(token))
        this.history.wrong.push(`a request of ${start} passes with the form of another's token`);
      if (!passes && isLive && managed.phase === 'stored' && managed.state.token === token)
        this.history.wrong.push(`a request of ${start} does not pass with the form of its own session`);
    }
  }

  #end(lineage: Lineage): void {
    if (!this.history.ends.has(lineage)) this.history.ends.set(lineage, this.tick());
  }

  ended(lineage: Lineage): void {
    this.#end(lineage);
  }

  /** The moment is one after all before. */
  tick(): number {
    return (this.#moment += 1);
  }
}

function look(node: 0 | 1): Sent {
  return { kind: 'request', node, cookies: 'own', acts: [], answer: 'arrives' };
}

function link(names: Map<Lineage, Lineage>, lineage: Lineage, other: Lineage): void {
  const [name, first] = [firstOf(names, lineage), firstOf(names, other)];
  if (name !== first) names.set(name, first);
}

/** One request: does its acts and notes what became of them. */
class Visit {
  readonly tokens: readonly SessionToken[];
  readonly start: number;
  readonly did: Act['do'][] = [];
  readonly #run: CrowdRun;
  readonly #open: CrowdWrite[] = [];
  readonly #lineages = new Set<Lineage>();
  #loggedOut: Lineage[] = [];
  /** The token of the session that it has opened. */
  #token: SessionToken | undefined;
  /** The same, where it had no name, for as long as what is named is that session. */
  #nameless: SessionToken | undefined;

  constructor(run: CrowdRun, tokens: readonly SessionToken[], start: number) {
    this.#run = run;
    this.tokens = tokens;
    this.start = start;
  }

  /** Whether it did nothing that gives out a cookie of its own right. */
  get isStraggler(): boolean {
    return this.did.every((act) => act === 'write' || act === 'save' || act === 'form');
  }

  look(managed: ManagedSession): void {
    if (managed.phase === 'stored') this.#token = managed.state.token;
    const session = managed.httpSession as AnySession;
    if (session[LINEAGE] === undefined) this.#nameless = this.#token;
    const values: Partial<Record<Name, string>> = {};
    for (const name of NAMES) if (session[name] !== undefined) values[name] = session[name] as string;
    this.#run.history.sights.push({
      start: this.start,
      end: this.#run.tick(),
      principal: session.principal,
      lineage: session[LINEAGE] as Lineage | undefined,
      values,
      brought: () => this.tokens.flatMap((token) => this.#run.lineageOf(token) ?? []),
    });
  }

  async perform(managed: ManagedSession, act: Act): Promise<void> {
    this.did.push(act.do);
    const { rivals } = managed.state;
    try {
      await this.#act(managed.httpSession as AnySession, managed, act);
      // A login or logout ends all that stood beside each other.
      if (managed.state.rivals.length === 0)
        for (const { token } of rivals) this.#run.ended(this.#run.lineageOf(token) ?? '');
    } catch (error) {
      if (!ANSWERS.some((type) => error instanceof type)) throw error;
    }
  }

  async #act(session: AnySession, managed: ManagedSession, act: Act): Promise<void> {
    const { history } = this.#run;
    const before = session[LINEAGE] as Lineage | undefined;
    switch (act.do) {
      case 'write': {
        const lineage = this.#lineage(session);
        const value = `${lineage} ${this.#run.tick()}`;
        session[act.name] = value;
        const write = { lineage, name: act.name, value, start: this.start, end: Infinity };
        history.writes.push(write);
        this.#open.push(write);
        return;
      }
      case 'login': {
        const another = session.principal !== undefined && session.principal !== act.who;
        if (another) this.#nameless = undefined;
        const { phase } = managed;
        // What a request has assigned itself goes along to whatever a login begins, and with it the name of what was left.
        if (phase !== 'new' && before !== undefined && this.#lineages.has(before)) return;
        await session.authenticate(act.who);
        if (another && before !== undefined) {
          if (session[LINEAGE] === before)
            history.wrong.push(`${act.who} has ${before} after a login over it`);
          // One that was gone for this request may go on under an id that a login of another request gave it.
          if (phase === 'stored') this.#run.ended(before);
        }
        if (session[LINEAGE] !== before) this.#forget(session);
        const lineage = this.#lineage(session);
        if (history.owners.get(lineage) === undefined) history.owners.set(lineage, act.who);
        return;
      }
      case 'regenerate':
        return session.regenerateId({ graceSeconds: act.graceSeconds });
      case 'save':
        return session.save();
      case 'form': {
        const csrf = session.csrfToken();
        const { endedToken, token } = managed.state;
        const isLive = managed.phase === 'new' || managed.phase === 'stored';
        return this.#run.form(csrf, managed.phase === 'detached' ? (endedToken ?? token) : token, isLive);
      }
      case 'logout':
        await session.destroy();
        if (before !== undefined) this.#loggedOut.push(before);
        else if (this.#nameless !== undefined) this.#run.leftNameless(this.#nameless);
        return;
    }
  }

  /** The answer leaves: what it acknowledges. */
  answered({ state, phase, httpSession }: ManagedSession): void {
    for (const lineage of this.#loggedOut) this.#run.ended(lineage);
    if (phase !== 'stored') return;
    const end = this.#run.tick();
    for (const write of this.#open) write.end = end;
    const { cookie, token } = state;
    const lineage = (httpSession as AnySession)[LINEAGE] as Lineage | undefined;
    // A form may have given out the cookie of a session that only now gets its name.
    const named = cookie?.action === 'set' ? cookie.token : this.tokens.find((each) => each === token);
    if (named !== undefined && lineage !== undefined) this.#run.name(named, lineage);
    // It may be served under the one that it had as well, for a while.
    if (lineage !== undefined && this.#token !== undefined && !this.did.includes('login'))
      if (this.#run.lineageOf(this.#token) === undefined) this.#run.name(this.#token, lineage);
    if (lineage === undefined && named !== undefined && this.#token !== undefined)
      this.#run.replaced(this.#token, named);
  }

  /** What it assigned goes along into what a login has begun: to the history that would be another's. */
  #forget(session: AnySession): void {
    for (const { name } of this.#open.splice(0)) delete session[name];
  }

  /** Whose session this is; a new one gets a name. */
  #lineage(session: AnySession): Lineage {
    const known = session[LINEAGE] as Lineage | undefined;
    const lineage = known ?? `session ${this.#run.tick()}`;
    if (known === undefined) {
      session[LINEAGE] = lineage;
      this.#lineages.add(lineage);
      if (this.#nameless !== undefined) this.#run.adopted(this.#nameless, lineage);
    }
    return lineage;
  }
}
