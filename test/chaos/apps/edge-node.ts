import { Body, Controller, Get, HttpCode, HttpException, Param, Post, Res } from '@nestjs/common';
import { type ServerResponse } from 'node:http';
import { Session, SessionError, type HttpSession } from 'nestjs-redis-session';
import { throwError, type Observable } from 'rxjs';
import { createNode, listen } from '../../support/node-main.js';

type EdgeSession = HttpSession<Record<string, unknown>>;

/** How a node is; memory after a collection. */
export interface EdgeVitals {
  readonly pid: number;
  readonly rss: number;
  readonly heapUsed: number;
  /** Bytes outside of the heap. */
  readonly external: number;
  /** Promises that were rejected with nobody to notice, and errors that nobody caught. */
  readonly unhandled: number;
  /** Timers, sockets, … that keep the process alive. */
  readonly resources: number;
}

let unhandled = 0;
for (const event of ['unhandledRejection', 'uncaughtException']) process.on(event, () => (unhandled += 1));

const codeOf = (error: unknown): string => (error instanceof SessionError ? error.code : String(error));

/** A node for what applications and clients do wrong. */
@Controller()
class EdgeController {
  @Get('read') read(@Session() session: EdgeSession): unknown {
    return { who: session.principal ?? null, entries: Object.entries(session) };
  }

  @Post('login') @HttpCode(200) async login(@Session() session: EdgeSession): Promise<void> {
    await session.authenticate('ann');
  }

  @Post('logout') @HttpCode(200) async logout(@Session() session: EdgeSession): Promise<void> {
    await session.destroy();
  }

  /** Sets one after the other; answers those that threw, with the code of the error. */
  @Post('set') @HttpCode(200) set(
    @Session() session: EdgeSession,
    @Body('entries') entries: [string, unknown][],
  ): [string, string][] {
    return entries.flatMap(([name, value]): [string, string][] => {
      try {
        session[name] = value;
        return [];
      } catch (error) {
        return [[name, codeOf(error)]];
      }
    });
  }

  @Post('mark/:name') @HttpCode(200) mark(
    @Session() session: EdgeSession,
    @Param('name') name: string,
  ): void {
    session[name] = true;
  }

  @Post('update') @HttpCode(200) async update(@Session() session: EdgeSession): Promise<void> {
    await session.update('count', (before) => (typeof before === 'number' ? before + 1 : 1));
  }

  @Post('throw/:how') @HttpCode(200) async throw(
    @Session() session: EdgeSession,
    @Param('how') how: string,
    @Body('value') value: string,
  ): Promise<Observable<never>> {
    session['value'] = value;
    if (how === 'error') throw new Error('crashed');
    await Promise.resolve();
    const error = new HttpException('thrown', Number(how.slice(-3)));
    if (how.startsWith('observable')) return throwError(() => error);
    throw error;
  }

  /** Answers with the code of the error that a write meets once the headers have left. */
  @Post('late') async late(
    @Session() session: EdgeSession,
    @Res() response: ServerResponse | { raw: ServerResponse },
  ): Promise<void> {
    const raw = 'raw' in response ? response.raw : response;
    raw.writeHead(200);
    raw.write('begun ');
    try {
      session['late'] = true;
      await session.save();
      raw.end('saved');
    } catch (error) {
      raw.end(codeOf(error));
    }
  }

  @Post('big') @HttpCode(200) big(
    @Session() session: EdgeSession,
    @Body() { bytes, keep = true }: { bytes: number; keep?: boolean },
  ): number {
    const big = Array.from({ length: bytes / 1000 }, () => Buffer.alloc(1000, 'x').toString());
    if (keep) Object.assign(session, { value: 'too big', big });
    return big.length;
  }

  @Get('vitals') vitals(): EdgeVitals {
    globalThis.gc?.();
    const { rss, heapUsed, external } = process.memoryUsage();
    const resources = process.getActiveResourcesInfo().length;
    return { pid: process.pid, rss, heapUsed, external, unhandled, resources };
  }
}

const app = await createNode({
  controllers: [EdgeController],
  defaults: { saveOnServerError: process.env['SAVE_ON_SERVER_ERROR'] !== 'false' },
  logger: ['error', 'warn', 'log'],
});
app.enableShutdownHooks();
await listen(app);
