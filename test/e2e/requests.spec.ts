import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  type ArgumentsHost,
  Catch,
  Controller,
  Get,
  HttpException,
  Inject,
  Injectable,
  NotFoundException,
  Req,
  UseFilters,
  UseGuards,
  UseInterceptors,
  type CallHandler,
  type CanActivate,
  type ExceptionFilter,
  type ExecutionContext,
  type NestInterceptor,
  type NestMiddleware,
  type PipeTransform,
} from '@nestjs/common';
import { Session, SessionService, SessionUsageError, type AnyRequest } from 'nestjs-redis-session';
import { type SessionModuleOptions, type SessionSource } from 'nestjs-redis-session';
import { type IncomingMessage, type ServerResponse } from 'node:http';
import { type Observable } from 'rxjs';
import { eachAdapter, LogSink, startApp } from '../support/apps.js';
import { watchCommands, type CommandWatch } from '../support/commands.js';
import { Browser } from '../support/cookie-jar.js';
import { startRedis, type RedisProcess } from '../support/redis-server.js';
import { redisAt, startPlayground, type AnySession, type Playground } from './helpers/playground.js';
import { takeTraffic } from './helpers/traffic.js';

/** Which session each part of a request was given. */
@Injectable()
class Witness {
  readonly seen: [part: string, session: unknown][] = [];

  constructor(@Inject(SessionService) private readonly sessions: SessionService) {}

  async look(part: string, source: SessionSource): Promise<void> {
    this.seen.push([part, await this.sessions.of(source)]);
  }
}

@Injectable()
class WitnessMiddleware implements NestMiddleware<IncomingMessage, ServerResponse> {
  constructor(@Inject(Witness) private readonly witness: Witness) {}
  async use(request: IncomingMessage, _response: ServerResponse, next: () => void): Promise<void> {
    await this.witness.look('middleware', request);
    next();
  }
}

@Injectable()
class WitnessGuard implements CanActivate {
  constructor(@Inject(Witness) private readonly witness: Witness) {}
  async canActivate(context: ExecutionContext): Promise<boolean> {
    await this.witness.look('guard', context);
    return true;
  }
}

@Injectable()
class WitnessInterceptor implements NestInterceptor {
  constructor(@Inject(Witness) private readonly witness: Witness) {}
  async intercept(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
    await this.witness.look('interceptor', context);
    return next.handle();
  }
}

@Catch(HttpException)
class WitnessFilter implements ExceptionFilter {
  constructor(@Inject(Witness) private readonly witness: Witness) {}
  async catch(_error: unknown, host: ArgumentsHost): Promise<void> {
    await this.witness.look('filter', host);
    host.switchToHttp().getResponse<{ send(body: string): void }>().send('filtered');
  }
}

@Injectable()
class WitnessPipe implements PipeTransform {
  constructor(@Inject(Witness) private readonly witness: Witness) {}
  transform(value: unknown): unknown {
    this.witness.seen.push(['pipe', value]);
    return value;
  }
}

@Controller()
class PartsController {
  constructor(@Inject(Witness) private readonly witness: Witness) {}

  @Get('parts')
  @UseGuards(WitnessGuard)
  @UseInterceptors(WitnessInterceptor)
  @UseFilters(WitnessFilter)
  async parts(
    @Session() session: AnySession,
    @Session(WitnessPipe) piped: AnySession,
    @Req() request: AnyRequest,
  ): Promise<void> {
    this.witness.seen.push(['handler', session], ['second parameter', piped]);
    await this.witness.look('handler, by the request', request);
    throw new NotFoundException();
  }

  @Get('attributes')
  attributes(
    @Session('value') value: unknown,
    @Session('missing') missing: unknown,
    @Session('id') id: unknown,
  ): object {
    return { value, missing: missing ?? 'none', id: typeof id };
  }

  @Get('plain')
  plain(): string {
    return 'plain';
  }
}

let redis: RedisProcess;
let watch: CommandWatch;
beforeAll(async () => {
  redis = await startRedis();
  watch = await watchCommands(redis.port);
});

eachAdapter('the life of a request', (adapter) => {
  let site: Playground;
  afterEach(() => site.close());

  const start = async (options: SessionModuleOptions = {}): Promise<Browser> => {
    site = await startPlayground(
      adapter,
      { ...redisAt(redis), storeGuests: true, ...options },
      {
        module: { controllers: [PartsController], providers: [Witness, WitnessMiddleware, WitnessPipe] },
        configure: (app) => {
          const middleware = app.get(WitnessMiddleware);
          app.use((request: IncomingMessage, response: ServerResponse, next: () => void) =>
            request.url === '/parts' ? void middleware.use(request, response, next) : next(),
          );
        },
      },
    );
    return new Browser(site.url);
  };
  const storedVisitor = async (options?: SessionModuleOptions): Promise<Browser> => {
    const browser = await start(options);
    await site.visit(browser, (session) => void (session.value = 'stored'));
    await watch.take();
    return browser;
  };

  it('middleware, guard, interceptor, pipe, handler and filter get the same session, loaded once', async () => {
    const browser = await storedVisitor();
    expect((await browser.get('/parts')).text).toBe('filtered');
    expect(await takeTraffic(watch)).toEqual(['load']);
    const { seen } = site.app.get(Witness);
    expect(seen.map(([part]) => part)).toEqual([
      ...['middleware', 'guard', 'interceptor', 'pipe', 'handler', 'second parameter'],
      ...['handler, by the request', 'filter'],
    ]);
    expect(new Set(seen.map(([, session]) => session)).size).toBe(1);
    expect(seen[0]?.[1]).toMatchObject({ value: 'stored' });
  });

  it('asking for the session many times at once loads it once', async () => {
    const browser = await storedVisitor();
    await browser.get('/attributes');
    expect(await takeTraffic(watch)).toEqual(['load']);
  });

  it('@Session(name) is an attribute, and a member by a member’s name', async () => {
    const browser = await storedVisitor();
    expect((await browser.get('/attributes')).json()).toEqual({
      value: 'stored',
      missing: 'none',
      id: 'string',
    });
    expect((await new Browser(site.url).get('/attributes')).json()).toMatchObject({ missing: 'none' });
  });

  it('a route without a session costs nothing, with a cookie or without', async () => {
    const browser = await storedVisitor();
    const response = await browser.get('/plain');
    await new Browser(site.url).get('/plain');
    expect(await takeTraffic(watch)).toEqual([]);
    expect(response.headers.vary).toBeUndefined();
    expect(response.setCookies).toEqual([]);
  });

  it('1000 anonymous requests that write nothing: no command, no key, no cookie', async () => {
    await start({ storeGuests: false });
    await watch.take();
    for (let batch = 0; batch < 20; batch += 1) {
      const visits = Array.from({ length: 50 }, () =>
        site.visit(new Browser(site.url), (session) => [
          session.value,
          Object.keys(session).length,
          session.isNew,
        ]),
      );
      for (const { response, result } of await Promise.all(visits)) {
        expect(response.setCookies).toEqual([]);
        expect(result).toEqual([undefined, 0, true]);
      }
    }
    expect(await takeTraffic(watch)).toEqual([]);
  }, 120_000);

  it.each([
    ['unknown', 'A'.repeat(47)],
    ['too short', 'A'.repeat(46)],
    ['too long', 'A'.repeat(48)],
    ['not base64url', `${'A'.repeat(46)}!`],
    ['empty', ''],
    ['a glob', `${'*'.repeat(47)}`],
    ['percent-encoded', '%41'.repeat(20)],
    ['very long', 'A'.repeat(12_000)],
  ])('an id that is %s is not adopted', async (_what, value) => {
    const browser = await start();
    await watch.take();
    const response = await browser.get('/attributes', { cookie: `sid=${value}` });
    expect(response.status).toBe(200);
    expect(response.setCookies).toEqual([]);
    const commands = await takeTraffic(watch);
    expect(commands).toEqual(value === 'A'.repeat(47) ? ['load'] : []);

    browser.jar.store({ name: 'sid', value, path: '/' });
    const { response: written } = await site.visit(browser, (session) => void (session.value = 1));
    expect(written.setCookies).toHaveLength(1);
    expect(written.setCookies[0]?.value).not.toBe(value);
    expect(written.setCookies[0]?.value).toMatch(/^[\w-]{47}$/);
  });

  it('a destroyed session’s cookie is worth nothing, and an expired one’s neither', async () => {
    const browser = await storedVisitor();
    const straggler = browser.clone();
    const { response } = await site.visit(browser, (session) => session.destroy());
    expect(response.setCookies).toMatchObject([{ name: 'sid', value: '', maxAge: 0 }]);
    expect(browser.cookie('sid')).toBeUndefined();
    const { result } = await site.visit(straggler, (session) => [session.isNew, session.value]);
    expect(result).toEqual([true, undefined]);
  });

  it('SessionService opens and destroys by the public id, and knows nothing of others', async () => {
    const browser = await storedVisitor();
    const { result: id } = await site.visit(browser, (session) => session.id);
    const session = await site.sessions.open<{ value: string }>(id);
    expect(session?.value).toBe('stored');
    if (session !== undefined) session.value = 'from a job';
    await session?.save();
    expect((await site.visit(browser, ({ value }) => value)).result).toBe('from a job');
    await expect(session?.regenerateId()).rejects.toThrow(SessionUsageError);

    await site.sessions.destroy(id);
    await site.sessions.destroy(id);
    await site.sessions.destroy('no such id');
    for (const nobody of [id, 'no such id', browser.cookie('sid') ?? '', '']) {
      expect(await site.sessions.open(nobody)).toBeUndefined();
    }
    expect((await site.visit(browser, ({ value }) => value)).result).toBeUndefined();
  });

  describe('caches', () => {
    it('are told that the answer depends on the cookie and is private', async () => {
      const browser = await start();
      for (const use of [
        (session: AnySession) => session.value,
        (session: AnySession) => (session.value = 1),
      ]) {
        const { response } = await site.visit(browser, use);
        expect(response.headers.vary).toMatch(/\bCookie\b/);
        expect(response.headers['cache-control']).toBe('private, no-store');
      }
    });
  });
});

eachAdapter('@Session() without the module', (adapter) => {
  it('is an error that says what to import', async () => {
    @Controller()
    class LonelyController {
      @Get('lonely')
      lonely(@Session() session: AnySession): unknown {
        return session.value;
      }
    }
    const log = new LogSink();
    const { url, close } = await startApp(adapter, { controllers: [LonelyController] }, { logger: log });
    const response = await new Browser(url).get('/lonely');
    await close();
    expect(response.status).toBe(500);
    expect(log.text()).toMatch(/SessionUsageError/);
    expect(log.text()).toContain('RedisSessionModule.forRootAsync()');
    expect(log.text()).toContain("from 'nestjs-redis-session'");
  });
});
