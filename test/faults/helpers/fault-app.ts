import { expect } from '@jest/globals';
import { Body, Controller, Get, HttpCode, Post } from '@nestjs/common';
import { RedisSessionModule, Session, type HttpSession, type RedisOptions } from 'nestjs-redis-session';
import { RedisSessionHealthIndicator, RedisSessionHealthModule } from 'nestjs-redis-session/health';
import { LogSink, startApp, type Adapter } from '../../support/apps.js';
import { Browser, type BrowserResponse } from '../../support/cookie-jar.js';

/** Short, so that the tests are; the promises are stated in terms of it. */
export const TIMEOUT_MS = 500;

interface Counted {
  count?: number;
}

@Controller()
class FaultController {
  @Get('plain') plain(): string {
    return 'plain';
  }

  @Get('read') read(@Session() session: HttpSession<Counted>): { count: number | null; who: string | null } {
    return { count: session.count ?? null, who: session.principal ?? null };
  }

  @Post('write') @HttpCode(200) write(@Session() session: HttpSession<Counted>): { count: number } {
    return { count: (session.count = (session.count ?? 0) + 1) };
  }

  @Post('login') @HttpCode(200) async login(
    @Session() session: HttpSession,
    @Body('user') user: string,
  ): Promise<void> {
    await session.authenticate(user);
  }

  @Post('logout') @HttpCode(200) async logout(@Session() session: HttpSession): Promise<void> {
    await session.destroy();
  }
}

/** A part of what the health indicator says. */
export interface Health {
  readonly status: 'up' | 'down';
  readonly role?: string;
  readonly message?: string;
  readonly evictedKeys?: number;
  readonly unreachable?: readonly string[];
}

/**
 * The warnings of an application whose Redis was lost. With a pool, and of a node of a cluster, a request that fails is told at
 * once, and then, as with one connection, that all will until it is back.
 */
export function warningsOf(log: LogSink): { readonly requests: string[]; readonly outages: string[] } {
  const warnings = log.messages('warn');
  const isOfRequest = (line: string): boolean =>
    /^(A request|\d+ requests) with a session (more )?got 503: /.test(line);
  return { requests: warnings.filter(isOfRequest), outages: warnings.filter((line) => !isOfRequest(line)) };
}

/** What a client sees of an application whose Redis has a fault. */
export interface FaultApp {
  readonly log: LogSink;
  /** A browser that has logged in and written once. */
  readonly loggedIn: (user?: string) => Promise<Browser>;
  readonly browser: () => Browser;
  /** What the health indicator says. */
  readonly health: () => Promise<Health>;
  readonly close: () => Promise<void>;
}

export async function startFaultApp(
  adapter: Adapter,
  redis: RedisOptions,
  log = new LogSink(),
): Promise<FaultApp> {
  const { url, close, app } = await startApp(
    adapter,
    {
      imports: [
        RedisSessionModule.forRoot({ redis: { timeoutMs: TIMEOUT_MS, ...redis } }),
        RedisSessionHealthModule,
      ],
      controllers: [FaultController],
    },
    { logger: log },
  );
  const browser = (): Browser => new Browser(url);
  return {
    log,
    close,
    browser,
    health: async () =>
      (await app.get(RedisSessionHealthIndicator, { strict: false }).isHealthy('sessions'))
        .sessions as Health,
    loggedIn: async (user = 'ann') => {
      const one = browser();
      await one.post('/login', { user });
      await one.post('/write');
      return one;
    },
  };
}

/** Statuses of the four kinds of request: without session, read, write, logout. Each with a session of its own. */
export interface Statuses {
  readonly plain: number;
  readonly read: number;
  readonly write: number;
  readonly logout: number;
}

/** Where all requests are served. */
export const SERVED: Statuses = { plain: 200, read: 200, write: 200, logout: 200 };
/** Where those that need a session are not. */
export const DOWN: Statuses = { plain: 200, read: 503, write: 503, logout: 503 };

/** Fails unless all that need a session get 503, and health and the log name the cause. */
export async function expectDown(
  app: FaultApp,
  [witness, ...users]: readonly Browser[],
  { cause, isPool }: { readonly cause: RegExp; readonly isPool: boolean },
): Promise<void> {
  expect(await oneOfEach(app.browser(), users)).toEqual(DOWN);
  const message = expect.stringMatching(cause) as unknown;
  expect(await app.health()).toMatchObject({ status: 'down', message });
  // Of a pool it is told once it has failed often enough.
  for (let n = 0; n < 3; n += 1) expect((await witness?.get('/read'))?.status).toBe(503);
  const { requests, outages } = warningsOf(app.log);
  expect(outages).toEqual([message]);
  // One connection tells that it is lost; a pool is told of by the requests that fail.
  expect(requests).toEqual(isPool ? [message] : []);
}

/** One request of each kind at the same time. Fails where an answer that is no success sets a cookie. */
export async function oneOfEach(
  plain: Browser,
  [read, write, logout]: readonly Browser[],
): Promise<Statuses> {
  if (!read || !write || !logout) throw new Error('Three browsers are needed, one for each kind of request.');
  const answers = await Promise.all([
    plain.get('/plain'),
    read.get('/read'),
    write.post('/write'),
    logout.post('/logout'),
  ]);
  answers.forEach(assertHonest);
  const [a, r, w, l] = answers.map(({ status }) => status) as [number, number, number, number];
  return { plain: a, read: r, write: w, logout: l };
}

/** A failure leaves the cookie alone, says when to try again, and names nothing of the inside. */
export function assertHonest({ status, setCookies, headers, text }: BrowserResponse): void {
  if (status === 200) return;
  const wrong = [
    setCookies.length > 0 && 'sets a cookie',
    headers['retry-after'] !== '1' && 'has no Retry-After',
    /redis|127\.0\.0\.1|session/i.test(text) && 'tells of the inside',
  ].filter(Boolean);
  if (wrong.length > 0) throw new Error(`An answer ${status} ${wrong.join(', ')}: ${text}`);
}

/** Milliseconds until a read is answered 200 again. */
export async function recoveryMs(browser: Browser, withinMs = 10_000): Promise<number> {
  const start = performance.now();
  while (performance.now() - start < withinMs) {
    const answer = await browser.get('/read');
    if (answer.status === 200) return performance.now() - start;
    assertHonest(answer);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`Reads were not served again within ${withinMs} ms.`);
}
