import { RedisCommands } from '../../lib/redis/commands.js';
import type { Argument, RedisExecutor } from '../../lib/redis/executor.js';
import type { ScanPage, ScanPlace } from '../../lib/redis/scan.js';
import type { RedisClient } from '../../lib/redis/client.js';
import type { Endpoint } from '../../lib/redis/failure.js';
import type { Script } from '../../lib/redis/script.js';
import { Bag } from '../../lib/core/bag.js';
import { jsonCodec } from '../../lib/codecs/json.js';
import type { ManagedSession } from '../../lib/core/session.js';
import { KeyedLock } from '../../lib/core/keyed-lock.js';
import { SessionManager } from '../../lib/core/manager.js';
import { SessionCountError, SessionGoneError } from '../../lib/core/errors.js';
import type { SessionToken } from '../../lib/core/token.js';
import { UserSessions } from '../../lib/core/user-sessions.js';
import { RedisSessionIndex } from '../../lib/stores/redis/redis-index.js';
import { RedisStore } from '../../lib/stores/redis/redis-store.js';
import { CREATE_LISTED } from '../../lib/stores/redis/create-scripts.js';
import { ADD_ENTRY } from '../../lib/stores/redis/index-scripts.js';
import { RENEW_LISTED } from '../../lib/stores/redis/scripts.js';
import { RULES } from '../unit/core/helpers.js';
import { Chance, DEVICES, type UsersProgram } from './users-program.js';

const PREFIX = 'model:session:';
const WHO = 'anna';
/** The scripts that put a session into its user's list. */
const NAMING: ReadonlySet<Script> = new Set([ADD_ENTRY, CREATE_LISTED, RENEW_LISTED]);

/** The node was killed: nothing it has begun goes on. */
class Killed extends Error {}

/** Lets one command of one operation through at a time, in an order that chance decides. */
class Schedule {
  readonly #chance: Chance;
  readonly #waiting: (() => void)[] = [];
  #inFlight = 0;

  constructor(chance: Chance) {
    this.#chance = chance;
  }

  /** A command waits for its turn. */
  async inTurn<T>(work: () => Promise<T>): Promise<T> {
    await new Promise<void>((go) => this.#waiting.push(go));
    this.#inFlight += 1;
    try {
      return await work();
    } finally {
      this.#inFlight -= 1;
    }
  }

  /** Resolves when the command under way has been answered, and whoever waited for that has gone on. */
  async settled(): Promise<void> {
    for (let quiet = 0; quiet < 2; quiet = this.#inFlight === 0 ? quiet + 1 : 0)
      await new Promise((resolve) => setImmediate(resolve));
  }

  get isIdle(): boolean {
    return this.#waiting.length === 0;
  }

  /** One of those that wait goes on. */
  step(): void {
    const [go] = this.#waiting.splice(this.#chance.below(this.#waiting.length), 1);
    go?.();
  }
}

/** What a node does at a time; its commands are counted, for it to be killed between two of them. */
class Operation {
  /** When it named a session in the index: with that a login begins. */
  namedAt = 0;
  #left: number;

  constructor(killedAfter: number | undefined) {
    this.#left = killedAfter ?? Infinity;
  }

  command(): void {
    if (this.#left <= 0) throw new Killed();
    this.#left -= 1;
  }
}

/** Commands of one operation: each waits for its turn, and is answered in one step. */
class ScheduledCommands implements RedisExecutor {
  readonly endpoint: Endpoint = { address: 'model', via: 'host' };
  readonly timeoutMs = 2_000;
  readonly #inner: RedisCommands;
  readonly #schedule: Schedule;
  readonly #owner: Operation;
  readonly #tick: () => number;

  constructor(inner: RedisCommands, schedule: Schedule, owner: Operation, tick: () => number) {
    this.#tick = tick;
    this.#inner = inner;
    this.#schedule = schedule;
    this.#owner = owner;
  }

  load(key: string, only?: readonly string[]): Promise<[Buffer[], number | undefined]> {
    return this.#inTurn(() => this.#inner.load(key, only));
  }

  run(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<unknown> {
    return this.#inTurn(() => {
      if (NAMING.has(script)) this.#owner.namedAt = this.#tick();
      return this.#inner.run(script, keys, args);
    });
  }

  call(name: string, ...args: string[]): Promise<unknown> {
    return this.#inTurn(() => this.#inner.call(name, ...args));
  }

  callEach(name: string, ...args: string[]): Promise<unknown[]> {
    return this.#inTurn(() => this.#inner.callEach(name, ...args));
  }

  scan(pattern: string, place?: ScanPlace): Promise<ScanPage> {
    return this.#inTurn(() => this.#inner.scan(pattern, place));
  }

  timeAt(key: string): Promise<number> {
    return this.#inner.timeAt(key);
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    return this.#schedule.inTurn(() => {
      this.#owner.command();
      return work();
    });
  }
}

/** How many records there are of a principal. */
const LIVE = `
local count = 0
for _, key in ipairs(redis.call('KEYS', '${PREFIX}{*')) do
  if string.sub(redis.call('HMGET', key, '@info')[1] or '', -#ARGV[1] - 1) == ' ' .. ARGV[1] then count = count + 1 end
end
return count`;

/** A token that a browser has got, and when the login began that it goes back to. */
interface Login {
  readonly token: SessionToken;
  readonly beganAt: number;
}

/** What the check says of a run; undefined: it kept every promise. */
export type Violation = string | undefined;

/** Runs a program over a real Redis, and checks it. */
export async function runUsers(program: UsersProgram, client: RedisClient): Promise<Violation> {
  await client.call('FLUSHALL');
  const chance = new Chance(program.seed ^ 0x5bd1e995);
  const schedule = new Schedule(chance);
  const commands = new RedisCommands(client, { address: 'model', via: 'host' }, 2_000);
  // So that no step of the schedule is one that only asks for the time.
  await commands.timeAt('any');
  let clock = 0;
  const tick = (): number => (clock += 1);
  const browsers: (Login | undefined)[] = Array.from({ length: DEVICES }, () => undefined);
  /** Every token that was ever handed out, with when its login began. */
  const tokens: Login[] = [];
  const ends: { beganAt: number; endedAt: number }[] = [];
  const logouts = new Map<SessionToken, number>();
  const problems: string[] = [];

  const nodeFor = (owner: Operation): { manager: SessionManager; users: UserSessions } => {
    const scheduled = new ScheduledCommands(commands, schedule, owner, tick);
    const store = new RedisStore(
      scheduled,
      { keyPrefix: PREFIX, topology: 'standalone', touchIntervalMs: 30_000, tombstoneMs: 60_000 },
      () => Promise.resolve(),
    );
    const events = { emit: () => undefined };
    const quiet = { verbose: () => undefined, debug: () => undefined, warn: () => undefined };
    const users = new UserSessions({
      store,
      index: new RedisSessionIndex(scheduled, {
        keyPrefix: PREFIX,
        isWithRecords: () => program.inOnePlace,
      }),
      rules: { maxSessionsPerUser: program.limit, sessionLimitPolicy: program.policy },
      events,
      log: quiet,
      now: () => performance.now(),
    });
    const manager = new SessionManager({
      store,
      users,
      codec: jsonCodec,
      codecByName: () => jsonCodec,
      rules: RULES,
      log: quiet,
      events,
      locks: new KeyedLock(),
      busy: new Bag(),
      random: (bytes) => Uint8Array.from({ length: bytes }, () => chance.below(256)),
      now: () => Date.now(),
      sleep: () => Promise.resolve(),
    });
    return { manager, users };
  };

  const perform = async (action: UsersProgram['actions'][number], owner: Operation): Promise<void> => {
    const { manager, users } = nodeFor(owner);
    if (action.do === 'endAll') {
      const beganAt = tick();
      await users.end(WHO);
      ends.push({ beganAt, endedAt: tick() });
      return;
    }
    if (action.do === 'list') {
      for await (const _ of users.list(WHO));
      return;
    }
    const device = action.device ?? 0;
    const before = browsers[device];
    const session = await manager.open(before === undefined ? [] : [before.token], {
      headersSent: false,
      cameWithToken: before !== undefined,
    });
    await use(action.do, session, before, owner, device);
  };

  const use = async (
    what: string,
    session: ManagedSession,
    before: Login | undefined,
    owner: Operation,
    device: number,
  ): Promise<void> => {
    const { httpSession } = session;
    if (what === 'visit' || what === 'save') {
      (httpSession as unknown as Record<string, unknown>).value = clock;
      await session.commit();
    } else if (httpSession.principal === undefined && what !== 'login') return;
    if (what === 'login') await httpSession.authenticate(WHO);
    else if (what === 'renew') await httpSession.regenerateId();
    else if (what === 'logout') await httpSession.destroy();
    if (what === 'logout' && before !== undefined) logouts.set(before.token, tick());
    const { cookie } = session.state;
    if (cookie?.action !== 'set') return;
    // An id change is no login: it is as old as the one it came from.
    const beganAt = what === 'login' || before === undefined ? owner.namedAt : before.beganAt;
    const login = { token: cookie.token, beganAt };
    tokens.push(login);
    browsers[device] = login;
  };

  const run = async (action: UsersProgram['actions'][number]): Promise<void> => {
    const owner = new Operation(action.killedAfter);
    try {
      await perform(action, owner);
    } catch (error) {
      const expected =
        error instanceof Killed || error instanceof SessionGoneError || error instanceof SessionCountError;
      if (!expected) problems.push(`${action.do}: ${String(error)}`);
    }
  };

  const pending: Promise<void>[] = [];
  const todo = [...program.actions];
  const isKilling = program.actions.some(({ killedAfter }) => killedAfter !== undefined);
  for (;;) {
    await schedule.settled();
    // At any time, not only in the end.
    const there = program.limit > 0 ? Number(await client.call('EVAL', LIVE, 0, WHO)) : 0;
    if (there > program.limit) problems.push(`${there} sessions of ${program.limit}`);
    const next = todo[0];
    // Begin something new, or let something go on.
    if (next !== undefined && (schedule.isIdle || chance.below(4) === 0)) {
      todo.shift();
      pending.push(run(next));
    } else if (schedule.isIdle) break;
    else schedule.step();
  }
  await Promise.all(pending);
  return problems[0] ?? (await check());

  async function check(): Promise<Violation> {
    const free = new Operation(undefined);
    const looking = async <T>(work: (node: ReturnType<typeof nodeFor>) => Promise<T>): Promise<T> => {
      const result = work(nodeFor(free));
      for (await schedule.settled(); !schedule.isIdle; await schedule.settled()) schedule.step();
      return result;
    };
    const live: { id: string; login: Login }[] = [];
    for (const login of tokens) {
      const session = await looking(({ manager }) =>
        manager.open([login.token], { headersSent: false, cameWithToken: true }),
      );
      if (session.httpSession.principal === WHO) live.push({ id: session.id, login });
    }
    for (const { id, login } of live) {
      if (logouts.has(login.token)) return `${id} was logged out and answers`;
      for (const end of ends)
        if (login.beganAt < end.beganAt) return `${id} began before an end of all and outlives it`;
    }
    // What began after the last end of all lives, unless something else has ended it.
    const lastEnd = Math.max(0, ...ends.map(({ endedAt }) => endedAt));
    const late = tokens.some(({ beganAt }) => beganAt > lastEnd);
    if (late && logouts.size === 0 && program.limit === 0 && live.length === 0 && !isKilling)
      return 'a login after the last end of all does not live';
    if (program.limit > 0 && live.length > program.limit)
      return `${live.length} sessions of ${program.limit}`;
    const listed = new Set<string>();
    await looking(async ({ users }) => {
      for await (const { id } of users.list(WHO)) listed.add(id);
    });
    for (const { id } of live) if (!listed.has(id)) return `${id} lives and is not listed`;
    for (const key of (await client.call('KEYS', '*')) as string[])
      if ((await client.pttl(key)) < 0) return `${key} has no expiry`;
    return undefined;
  }
}
