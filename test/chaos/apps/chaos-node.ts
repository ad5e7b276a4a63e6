import { Body, Controller, Get, HttpCode, Post } from '@nestjs/common';
import { setTimeout as delay } from 'node:timers/promises';
import { Session, SessionService, type HttpSession } from 'nestjs-redis-session';
import { createNode, listen } from '../../support/node-main.js';

/** What a session holds, as an answer shows it. */
export interface Shown {
  readonly id: string;
  readonly who: string | null;
  readonly value: string | null;
  readonly count: number | null;
  /** The node that answered. */
  readonly pid: number;
}

/** How a node is. */
export interface Vitals {
  readonly pid: number;
  readonly rss: number;
  /** After a collection. */
  readonly heapUsed: number;
  /** Buffers, also after a collection. */
  readonly external: number;
  /** Promises that were rejected with nobody to notice, and errors that nobody caught. */
  readonly unhandled: number;
  /** Timers, sockets, … that keep the process alive. */
  readonly resources: number;
  /** What time it is, as this node believes: epoch ms. */
  readonly now?: number;
}

interface Kept {
  value?: string;
  count?: number;
}

type ChaosSession = HttpSession<Kept>;

let unhandled = 0;

function shown(session: ChaosSession): Shown {
  const { id, principal = null, value = null, count = null } = session;
  return { id, who: principal, value, count, pid: process.pid };
}

/** One node; its settings come from the environment, as in production. */
@Controller()
class ChaosController {
  @Get('plain') plain(): string {
    return 'plain';
  }

  @Get('read') read(@Session() session: ChaosSession): Shown {
    return shown(session);
  }

  /** Answers what was there before. */
  @Post('write') @HttpCode(200) write(@Session() session: ChaosSession, @Body('value') value: string): Shown {
    const before = shown(session);
    session.value = value;
    return before;
  }

  /** Sets the value as well, so that each login is seen to be there. */
  @Post('login') @HttpCode(200) async login(
    @Session() session: ChaosSession,
    @Body() { user, value }: { user: string; value?: string },
  ): Promise<Shown> {
    if (value !== undefined) session.value = value;
    await session.authenticate(user);
    return shown(session);
  }

  @Post('logout') @HttpCode(200) async logout(@Session() session: ChaosSession): Promise<void> {
    await session.destroy();
  }

  /** An increment that is never lost. */
  @Post('update') @HttpCode(200) async update(@Session() session: ChaosSession): Promise<Shown> {
    const count = await session.update('count', (before = 0) => before + 1);
    return { ...shown(session), count: count ?? null };
  }

  /** Writes at the end of a handler that takes so many ms, or until a point in time (epoch ms). */
  @Post('slow') @HttpCode(200) async slow(
    @Session() session: ChaosSession,
    @Body() { value, ms = 0, until }: { value: string; ms?: number; until?: number },
  ): Promise<Shown> {
    const before = shown(session);
    await delay(until === undefined ? ms : Math.max(0, until - Date.now()));
    session.value = value;
    return before;
  }

  /** The whole process stands still: what comes meanwhile waits in its sockets. */
  @Post('stall') @HttpCode(200) stall(@Body('ms') ms: number): void {
    const end = performance.now() + ms;
    while (performance.now() < end);
  }

  @Get('vitals') vitals(): Vitals {
    globalThis.gc?.();
    const { rss, heapUsed, external } = process.memoryUsage();
    const resources = process.getActiveResourcesInfo().length;
    return { pid: process.pid, rss, heapUsed, external, unhandled, resources, now: Date.now() };
  }
}

const app = await createNode({ controllers: [ChaosController] });
app.enableShutdownHooks();
// What the module tells an application, where rows can read it: no ids.
app.get(SessionService).events.subscribe((event) => {
  process.stdout.write(`event ${event.type}${event.type === 'rejected' ? ` ${event.reason}` : ''}\n`);
});
await listen(app);
// Not before: a start that fails has to end the process, and say why.
for (const event of ['unhandledRejection', 'uncaughtException']) process.on(event, () => (unhandled += 1));
