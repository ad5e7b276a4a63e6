import { setTimeout as delay } from 'node:timers/promises';
import { type Shown } from '../apps/chaos-node.js';
import { onCleanup } from '../../support/cleanup.js';
import { Browser, type BrowserResponse } from '../../support/cookie-jar.js';
import { Ledger, type Answer, type Kind } from './ledger.js';

/** After so long without an answer a request counts as hanging; no promise comes near it. */
const HANGS_AFTER_MS = 20_000;

/** One user: sends one request after the other, and writes into the ledger what came of each. */
export class User {
  readonly browser: Browser;
  /** Cookie headers of sessions that were logged out, acknowledged. */
  readonly ended: string[] = [];
  #writes = 0;

  constructor(
    readonly name: string,
    url: string | (() => string),
    readonly ledger: Ledger,
  ) {
    this.browser = new Browser(url);
  }

  /**
   * One request. Does not reject: a connection that breaks is an answer with status 0. The handler of a write ends
   * `handlerMs` from now, loads the session at its beginning and saves it at its end.
   */
  async ask(kind: Kind, handlerMs = 0): Promise<Answer> {
    const startedAt = performance.now();
    const cookie = this.browser.jar.header('/');
    const sent = kind === 'write' || kind === 'login' ? `${this.name}#${(this.#writes += 1)}` : undefined;
    let response: BrowserResponse | undefined;
    try {
      response = await this.#send(kind, sent, handlerMs);
    } catch {
      // The ledger says so.
    }
    const status = response?.status ?? 0;
    const isShown = status === 200 && kind !== 'plain' && kind !== 'logout';
    const answer: Answer = {
      user: this.name,
      kind,
      status,
      ms: response?.timeFirstByteMs ?? performance.now() - startedAt,
      startedAt,
      setsCookie: (response?.setCookies.length ?? 0) > 0,
      sent,
      shown: isShown ? response?.json<Shown>() : undefined,
      dishonest: response && dishonesty(response),
    };
    if (kind === 'logout' && status === 200 && cookie !== undefined) this.ended.push(cookie);
    if (answer.ms >= HANGS_AFTER_MS) this.ledger.hanging.push(`${kind} of ${this.name}`);
    this.ledger.add(answer);
    return answer;
  }

  #send(kind: Kind, value: string | undefined, ms: number): Promise<BrowserResponse> {
    const signal = AbortSignal.timeout(HANGS_AFTER_MS);
    switch (kind) {
      case 'plain':
      case 'read':
        return this.browser.get(`/${kind}`, { signal });
      case 'write':
        if (ms > 0) return this.browser.post('/slow', { value, until: Date.now() + ms }, { signal });
        return this.browser.post('/write', { value }, { signal });
      case 'login':
        return this.browser.post('/login', { user: this.name, value }, { signal });
      case 'logout':
        return this.browser.post('/logout', undefined, { signal });
    }
  }
}

/** A refusal leaves the cookie alone, says when to try again, and names nothing of the inside. */
function dishonesty({ status, setCookies, headers, text }: BrowserResponse): string | undefined {
  if (status !== 503) return undefined;
  const wrong = [
    setCookies.length > 0 && 'sets a cookie',
    headers['retry-after'] === undefined && 'has no Retry-After',
    /redis|127\.0\.0\.1|session/i.test(text) && 'tells of the inside',
  ].filter((word) => word !== false);
  return wrong.length > 0 ? wrong.join(', ') : undefined;
}

/** How often each kind of request is made, in relation to the others. A user who is not logged in logs in first. */
export type Mix = Readonly<Partial<Record<Exclude<Kind, 'login'>, number>>>;

const USUAL: Mix = { plain: 2, read: 5, write: 4, logout: 1 };

export interface LoadOptions {
  readonly url: string | (() => string);
  readonly users: number;
  readonly mix?: Mix | undefined;
  /** Between two requests of a user, in ms. Default 100: the load itself takes processor time, and must not be what is measured. */
  readonly pauseMs?: number | undefined;
  /** For further users on the ledger of others; names begin with `prefix`, default `u`. */
  readonly ledger?: Ledger | undefined;
  readonly prefix?: string | undefined;
}

/** Users who do this and that until they are stopped. */
export interface Load {
  readonly ledger: Ledger;
  readonly users: readonly User[];
  /** Resolves once all requests under way are answered. */
  readonly stop: () => Promise<void>;
}

/** Users who are logged in; fails where one of them is not served. They do nothing further on their own. */
export async function logIn(options: LoadOptions): Promise<User[]> {
  const { ledger = new Ledger(), url, prefix = 'u' } = options;
  const users = Array.from({ length: options.users }, (_, n) => new User(`${prefix}${n}`, url, ledger));
  await Promise.all(
    users.map(async (user) => {
      const { status } = await user.ask('login');
      if (status !== 200) throw new Error(`Chaos helper: a login before the fault was answered ${status}.`);
    }),
  );
  return users;
}

/** Starts the load; resolves once all users are logged in. */
export async function startLoad(options: LoadOptions): Promise<Load> {
  const ledger = options.ledger ?? new Ledger();
  const { mix = USUAL, pauseMs = 100 } = options;
  const users = await logIn({ ...options, ledger });
  let running = true;
  const lives = users.map(async (user, at) => {
    const random = seeded(at);
    while (running) {
      await user.ask(ledger.who(user.name) === null ? 'login' : pick(mix, random()));
      await delay(pauseMs * 2 * random());
    }
  });
  const stop = async (): Promise<void> => {
    running = false;
    await Promise.all(lives);
  };
  // For a row that fails half-way: users without nodes would ask for ever.
  onCleanup(stop);
  return { ledger, users, stop };
}

function pick(mix: Mix, chance: number): Exclude<Kind, 'login'> {
  const entries = Object.entries(mix) as [Exclude<Kind, 'login'>, number][];
  let left = chance * entries.reduce((sum, [, weight]) => sum + weight, 0);
  for (const [kind, weight] of entries) {
    left -= weight;
    if (left < 0) return kind;
  }
  return 'read';
}

/** The same course of events for a user in each run (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed * 0x9e3779b9;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
