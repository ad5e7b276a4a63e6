import { afterEach, describe, expect, it } from '@jest/globals';
import {
  Catch,
  Controller,
  Get,
  HttpException,
  Inject,
  Injectable,
  UseGuards,
  type ArgumentsHost,
  type CanActivate,
  type ExceptionFilter,
  type ExecutionContext,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { Session, SessionService, SessionStoreUnavailableError } from 'nestjs-redis-session';
import { eachAdapter } from '../support/apps.js';
import { Browser } from '../support/cookie-jar.js';
import { startRedis } from '../support/redis-server.js';
import { redisAt, startPlayground, type AnySession, type Playground } from './helpers/playground.js';

const seen: unknown[] = [];

/** As many applications have one: it knows HttpException, and for everything else answers 500. */
@Catch()
class CatchAll implements ExceptionFilter {
  constructor(private readonly host: HttpAdapterHost) {}

  catch(error: unknown, host: ArgumentsHost): void {
    seen.push(error);
    const status = error instanceof HttpException ? error.getStatus() : 500;
    const body = { own: error instanceof HttpException ? error.getResponse() : 'unknown' };
    this.host.httpAdapter.reply(host.switchToHttp().getResponse(), body, status);
  }
}

@Injectable()
class Asking implements CanActivate {
  constructor(@Inject(SessionService) private readonly sessions: SessionService) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    return (await this.sessions.of(context)).isNew !== undefined;
  }
}

let beforeSave: (() => Promise<void>) | undefined;

@Controller()
class Ways {
  constructor(@Inject(SessionService) private readonly sessions: SessionService) {}

  @Get('guard')
  @UseGuards(Asking)
  guard(): string {
    return 'ok';
  }

  @Get('parameter')
  parameter(@Session() session: AnySession): string {
    return session.id;
  }

  @Get('saved')
  async saved(@Session() session: AnySession): Promise<string> {
    session.value = 'x';
    await beforeSave?.();
    return 'ok';
  }

  @Get('save')
  async save(@Session() session: AnySession): Promise<string> {
    session.value = 'x';
    await beforeSave?.();
    await session.save();
    return 'ok';
  }

  @Get('authenticate')
  async authenticate(@Session() session: AnySession): Promise<string> {
    await beforeSave?.();
    await session.authenticate('ann');
    return 'ok';
  }

  @Get('open')
  async open(@Session() session: AnySession): Promise<string> {
    await beforeSave?.();
    await this.sessions.open(session.id);
    return 'ok';
  }
}

eachAdapter('an unavailable store, and a filter that catches everything', (adapter) => {
  describe.each([true, false])('with globalInterceptor %s', (globalInterceptor) => {
    let site: Playground;
    afterEach(() => {
      beforeSave = undefined;
      seen.length = 0;
      return site.close();
    });

    const start = async () => {
      const redis = await startRedis();
      site = await startPlayground(
        adapter,
        { ...redisAt(redis), globalInterceptor, storeGuests: true },
        {
          module: { controllers: [Ways], providers: [Asking] },
          configure: (app) => app.useGlobalFilters(new CatchAll(app.get(HttpAdapterHost))),
        },
      );
      const browser = new Browser(site.url);
      await site.visit(browser, (session) => void (session.value = 'start'));
      return { redis, browser };
    };

    it.each(['guard', 'parameter'])('%s: what cannot be loaded is 503 with Retry-After', async (path) => {
      const { redis, browser } = await start();
      await redis.stop();
      const answer = await browser.get(`/${path}`);
      expect([answer.status, answer.headers['retry-after']]).toEqual([503, '1']);
      expect(seen).toEqual([expect.any(HttpException)]);
      expect(seen[0]).toBeInstanceOf(SessionStoreUnavailableError);
      expect(answer.text).toMatch(/"own":.*temporarily unavailable/);
    });

    it.each(['save', 'authenticate', 'open', ...(globalInterceptor ? ['saved'] : [])])(
      '%s: what fails in or after a handler is 503 with Retry-After',
      async (path) => {
        const { redis, browser } = await start();
        beforeSave = () => redis.stop();
        const answer = await browser.get(`/${path}`);
        expect(answer.status).toBe(503);
        // Where there is no interceptor, nobody sees that another session than the request's own failed.
        if (globalInterceptor || path !== 'open') expect(answer.headers['retry-after']).toBe('1');
        expect(seen).toEqual([expect.any(HttpException)]);
        expect(seen[0]).toBeInstanceOf(SessionStoreUnavailableError);
        expect(answer.text).toMatch(/"own":.*temporarily unavailable/);
        expect(answer.setCookies).toEqual([]);
      },
    );

    if (!globalInterceptor)
      it('saved: what the deferred response alone saves does not pass through filters, and is 503 too', async () => {
        const { redis, browser } = await start();
        beforeSave = () => redis.stop();
        const answer = await browser.get('/saved');
        expect([answer.status, answer.headers['retry-after']]).toEqual([503, '1']);
        expect(seen).toEqual([]);
      });
  });
});
