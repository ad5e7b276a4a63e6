import { setTimeout as delay } from 'node:timers/promises';
import { Browser, type BrowserResponse } from '../support/cookie-jar.js';
import { Chance } from '../model/users-program.js';
import type { Shown } from './crowd-node.js';

/** A login, and all ids that its session has had since. */
interface Lineage {
  readonly user: string;
  /** When its browser had the answer, in turns of the crowd. */
  readonly knownAt: number;
  /** An end of it was acknowledged: none of its tokens may answer any more. */
  isOver: boolean;
}

/** A token as a browser sends it. */
interface Token {
  readonly cookie: string;
  readonly lineage: Lineage;
}

/** A browser of a user. */
interface Device {
  readonly user: string;
  readonly browser: Browser;
  lineage: Lineage | undefined;
  id: string | undefined;
  /** It must answer: nothing has happened to it that may have ended it. */
  isCertain: boolean;
  /** Counts what was begun with it, or may have reached it. */
  deeds: number;
  isBusy: boolean;
}

type Deed = 'login' | 'renew' | 'write' | 'read' | 'logout';

/** What a run is like. */
export interface CrowdOptions {
  readonly users: number;
  readonly devices: number;
  readonly seed: number;
  /** Requests at the same time. */
  readonly atOnce: number;
  /** Where the next request goes. */
  readonly urls: () => readonly string[];
}

/** No request comes near it, whatever the machine does. */
const HANGS_AFTER_MS = 60_000;
/** Between two looks for a node that lives. */
const AGAIN_MS = 20;
/** 0: the node died over it. 409: ended meanwhile, or an id that another request had just changed. */
const EXPECTED = new Set([0, 200, 409]);

/**
 * Users who log in, change ids, log out, end others and all of theirs, on any node, and know what must be true of it. What is
 * not sure, since a node died over it or two things were done at once, they claim nothing of.
 */
export class Crowd {
  /** What must not be. */
  readonly wrong: string[] = [];
  /** How often what was done and acknowledged. */
  readonly done = new Map<string, number>();
  readonly users: readonly string[];
  readonly #options: CrowdOptions;
  readonly #chance: Chance;
  readonly #devices: Device[];
  readonly #tokens: Token[] = [];
  readonly #byId = new Map<string, Lineage>();
  /** Ends under way, by user: until they are over nothing of him is certain. */
  readonly #ends = new Map<string, number>();
  #mayExpire = false;
  #turn = 0;

  constructor(options: CrowdOptions) {
    this.#options = options;
    this.#chance = new Chance(options.seed);
    this.users = Array.from({ length: options.users }, (_, n) => `user ${n}`);
    this.#devices = this.users.flatMap((user) =>
      Array.from({ length: options.devices }, () => ({
        user,
        browser: new Browser(() => this.#chance.pick(options.urls())),
        lineage: undefined,
        id: undefined,
        isCertain: false,
        deeds: 0,
        isBusy: false,
      })),
    );
  }

  /** Tokens whose session was ended, acknowledged. */
  get revoked(): number {
    return this.#tokens.filter(({ lineage }) => lineage.isOver).length;
  }

  /** Devices that are logged in for certain. */
  get certain(): number {
    return this.#devices.filter(({ isCertain }) => isCertain).length;
  }

  /** So many steps, or as long as it `goesOn`; resolves once all is answered. */
  async run(goesOn: (steps: number) => boolean): Promise<void> {
    let steps = 0;
    const one = async (): Promise<void> => {
      while (goesOn((steps += 1))) {
        // All may be dead at once, and the turn of this process is needed to start others.
        while (this.#options.urls().length === 0) await delay(AGAIN_MS);
        await this.#step();
      }
    };
    await Promise.all(Array.from({ length: this.#options.atOnce }, one));
  }

  /** From now on nobody claims that a session lives: they may have expired. */
  letExpire(): void {
    this.#mayExpire = true;
    for (const device of this.#devices) device.isCertain = false;
  }

  /** Of all that was ever revoked nothing answers, and of what is certain all does. */
  async checkTokens(): Promise<void> {
    const over = this.#tokens.filter(({ lineage }) => lineage.isOver);
    await inParallel(over, this.#options.atOnce, (token) => this.#tryRevoked(token));
    const certain = this.#devices.filter(({ isCertain }) => isCertain);
    await inParallel(certain, this.#options.atOnce, async (device) => {
      const { status, text } = await device.browser.get('/read');
      if (status !== 200 || !text.includes(`"${device.user}"`))
        this.wrong.push(`${device.user} was logged in and is not: ${status} ${text}`);
    });
  }

  /** One device of each user logs in. */
  async logIn(): Promise<void> {
    await inParallel(this.users, this.#options.atOnce, async (user) => {
      const device = this.#devices.find((each) => each.user === user) as Device;
      await this.#perform(device, 'login');
    });
  }

  /** All of a user, from now on and for good. */
  async endAll(user: string): Promise<void> {
    await this.#endAll(user);
  }

  async #step(): Promise<void> {
    const chance = this.#chance;
    const device = chance.pick(this.#devices);
    const what = chance.next();
    if (what < 0.02) return this.#endAll(device.user);
    if (what < 0.05) return this.#endOne(device);
    if (what < 0.12) return this.#list(device.user);
    if (what < 0.2 && this.#tokens.length > 0) return this.#tryRevoked(chance.pick(this.#tokens));
    if (device.isBusy) return;
    device.isBusy = true;
    try {
      await this.#use(device);
    } finally {
      device.isBusy = false;
    }
  }

  async #use(device: Device): Promise<void> {
    const chance = this.#chance;
    const what =
      device.lineage === undefined
        ? 'login'
        : chance.pick<Deed>(['renew', 'renew', 'write', 'write', 'read', 'logout', 'login', 'login']);
    // Another tab of the browser, at the same time.
    const straggler =
      chance.below(3) === 0 ? this.#ask(device.browser.clone(), 'write', device.user) : undefined;
    await this.#perform(device, what);
    await straggler;
  }

  async #perform(device: Device, what: Deed): Promise<void> {
    const { lineage } = device;
    const mayEnd = what !== 'read' && what !== 'write';
    const wasCertain = device.isCertain;
    if (mayEnd) device.isCertain = false;
    device.deeds += 1;
    const { deeds } = device;
    const response = await this.#ask(device.browser, what, device.user);
    if (what === 'read' || what === 'write') return this.#seen(device, response, wasCertain);
    if (response?.status !== 200) return;
    this.#count(what);
    if (what === 'login' || what === 'logout') this.#over(lineage);
    if (what === 'logout') device.lineage = undefined;
    if (what === 'login') this.#began(device, response, deeds);
    if (what === 'renew') this.#renewed(device, response, lineage, wasCertain && deeds === device.deeds);
  }

  #seen(device: Device, response: BrowserResponse | undefined, wasCertain: boolean): void {
    if (response?.status !== 200) return;
    const { who } = response.json<Shown>();
    if (who !== null && who !== device.user) this.wrong.push(`${device.user} is shown as ${who}`);
    if (who === null && wasCertain && device.isCertain) this.wrong.push(`${device.user} is logged out`);
    if (who === null) device.lineage = undefined;
  }

  #began(device: Device, response: BrowserResponse, deeds: number): void {
    const { id } = response.json<Shown>();
    const lineage = { user: device.user, knownAt: this.#tick(), isOver: false };
    device.lineage = lineage;
    device.isCertain = deeds === device.deeds && this.#isSafe(device.user);
    this.#keep(device, id, lineage);
  }

  #renewed(
    device: Device,
    response: BrowserResponse,
    lineage: Lineage | undefined,
    isCertain: boolean,
  ): void {
    const { id, who } = response.json<Shown>();
    if (who === null || lineage === undefined) {
      device.lineage = undefined;
      return;
    }
    device.isCertain = isCertain && this.#isSafe(device.user);
    this.#keep(device, id, lineage);
  }

  #keep(device: Device, id: string, lineage: Lineage): void {
    device.id = id;
    this.#byId.set(id, lineage);
    this.#tokens.push({ cookie: device.browser.jar.header('/') ?? '', lineage });
  }

  async #endAll(user: string): Promise<void> {
    const begunAt = this.#tick();
    const response = await this.#ending(user, () => this.#ask(new Browser(this.#url()), 'end-all', user));
    if (response?.status !== 200) return;
    this.#count('end-all');
    for (const { lineage } of this.#tokens)
      if (lineage.user === user && lineage.knownAt < begunAt) lineage.isOver = true;
  }

  async #endOne(device: Device): Promise<void> {
    const { id, user } = device;
    if (id === undefined) return;
    const lineage = this.#byId.get(id);
    const response = await this.#ending(user, () =>
      this.#send(new Browser(this.#url()), 'POST', '/end', { id }),
    );
    if (response?.status !== 200) return;
    this.#count('end');
    this.#over(lineage);
  }

  /** Whoever is logged in for certain, before and after, is in the list. */
  async #list(user: string): Promise<void> {
    const before = this.#devices.flatMap(({ id, deeds, isCertain, isBusy, ...device }) =>
      device.user === user && isCertain && !isBusy ? [{ id: id as string, deeds }] : [],
    );
    const response = await this.#send(
      new Browser(this.#url()),
      'GET',
      `/list?user=${encodeURIComponent(user)}`,
    );
    if (response?.status !== 200) return;
    this.#count('list');
    const list = new Set(response.json<string[]>());
    for (const { id, deeds } of before) {
      const now = this.#devices.find((device) => device.id === id);
      if (now?.deeds === deeds && now.isCertain && !list.has(id))
        this.wrong.push(`${id} of ${user} is live and not in the list`);
    }
  }

  async #tryRevoked({ cookie, lineage }: Token): Promise<void> {
    if (!lineage.isOver) return;
    const response = await this.#send(new Browser(this.#url()), 'GET', '/read', undefined, cookie);
    if (response?.status === 200 && response.json<Shown>().who !== null)
      this.wrong.push(`a session of ${lineage.user} was ended and answers: ${response.text}`);
  }

  /** Something that may happen to any session of a user, also to those that begin meanwhile. */
  async #ending<T>(user: string, work: () => Promise<T>): Promise<T> {
    this.#doubt(user);
    this.#ends.set(user, (this.#ends.get(user) ?? 0) + 1);
    try {
      return await work();
    } finally {
      this.#ends.set(user, (this.#ends.get(user) ?? 0) - 1);
      // A login that has begun meanwhile, and is answered after the end, may have come before it in Redis.
      this.#doubt(user);
    }
  }

  /** Nothing of a user is certain any more, nor what comes of what is under way. */
  #doubt(user: string): void {
    for (const device of this.#devices) {
      if (device.user !== user) continue;
      device.isCertain = false;
      device.deeds += 1;
    }
  }

  /** Nothing that is under way ends sessions of this user. */
  #isSafe(user: string): boolean {
    return !this.#mayExpire && (this.#ends.get(user) ?? 0) === 0;
  }

  #over(lineage: Lineage | undefined): void {
    if (lineage !== undefined) lineage.isOver = true;
  }

  #ask(browser: Browser, what: string, user: string): Promise<BrowserResponse | undefined> {
    return what === 'read'
      ? this.#send(browser, 'GET', '/read')
      : this.#send(browser, 'POST', `/${what}`, { user });
  }

  /** Undefined: the node died over it. */
  async #send(
    browser: Browser,
    method: string,
    path: string,
    body?: object,
    cookie?: string,
  ): Promise<BrowserResponse | undefined> {
    const signal = AbortSignal.timeout(HANGS_AFTER_MS);
    const response = await browser.request(method, path, { body, cookie, signal }).catch(() => undefined);
    if (signal.aborted) this.wrong.push(`${path} hangs`);
    if (!EXPECTED.has(response?.status ?? 0))
      this.wrong.push(`${path} is answered ${response?.status}: ${response?.text}`);
    return response;
  }

  #url(): string {
    return this.#chance.pick(this.#options.urls());
  }

  #count(what: string): void {
    this.done.set(what, (this.done.get(what) ?? 0) + 1);
  }

  #tick(): number {
    return (this.#turn += 1);
  }
}

/** At most so many at a time. */
export async function inParallel<T>(
  list: readonly T[],
  atOnce: number,
  work: (one: T) => Promise<void>,
): Promise<void> {
  const left = list.values();
  const some = async (): Promise<void> => {
    for (const one of left) await work(one);
  };
  await Promise.all(Array.from({ length: atOnce }, some));
}
