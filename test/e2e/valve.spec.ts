import { afterEach, expect, it, jest } from '@jest/globals';
import {
  Controller,
  Get,
  Header,
  HttpCode,
  Inject,
  Injectable,
  Module,
  ParseIntPipe,
  Query,
  Redirect,
  Scope,
  Sse,
  StreamableFile,
  UseInterceptors,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
  type Provider,
} from '@nestjs/common';
import { APP_INTERCEPTOR, ExternalContextCreator, HttpAdapterHost } from '@nestjs/core';
import { RedisSessionInterceptor, RedisSessionModule, Session, SessionService } from 'nestjs-redis-session';
import { MemoryStore } from 'nestjs-redis-session/testing';
import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { concat, EMPTY, from, map, of, throwError, timer, Observable } from 'rxjs';
import { rawRequest } from '../../lib/nest/raw-http.js';
import { eachAdapter, startApp, type Adapter, type StartedApp } from '../support/apps.js';
import { Browser } from '../support/cookie-jar.js';
import { eventually } from '../support/eventually.js';
import type { AnySession } from './helpers/playground.js';

const steps: string[] = [];
const place = new AsyncLocalStorage<string>();
let stream = new Readable();

@Injectable()
class Noted implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    steps.push('before');
    return next.handle().pipe(
      map((value: unknown) => {
        steps.push('after');
        return { value };
      }),
    );
  }
}

/** As of a library that makes stand-ins: whoever asks what it is gets an error. */
function opaque(): Error {
  return new Proxy(new Error('opaque'), {
    getPrototypeOf: () => {
      throw new Error('nobody may look');
    },
  });
}

const APP_NOTED: Provider = { provide: APP_INTERCEPTOR, useClass: Noted };

/** What a handler may return, throw or ask Nest for. */
@Controller()
class Handlers {
  @Get('value')
  value(@Session() session: AnySession): string {
    session.value = 1;
    return 'value';
  }

  @Get('nothing')
  nothing(@Session() session: AnySession): void {
    session.value = 1;
  }

  @Get('json')
  json(@Session() session: AnySession): object {
    session.value = 1;
    return { is: 'json' };
  }

  @Get('promise')
  async promise(@Session() session: AnySession): Promise<string> {
    await Promise.resolve();
    session.value = 1;
    return 'promise';
  }

  @Get('thenable')
  thenable(@Session() session: AnySession): PromiseLike<string> {
    session.value = 1;
    return { then: (resolve: (value: string) => unknown) => resolve('thenable') } as PromiseLike<string>;
  }

  @Get('values')
  values(@Session() session: AnySession): Observable<string> {
    return concat(of('first'), timer(1).pipe(map(() => ((session.value = 1), 'last'))));
  }

  @Get('promised-values')
  async promisedValues(@Session() session: AnySession): Promise<Observable<string>> {
    session.value = 1;
    return Promise.resolve(of('one', 'two'));
  }

  @Get('empty')
  empty(@Session() session: AnySession): Observable<never> {
    session.value = 1;
    return EMPTY;
  }

  @Get('failing-values')
  failingValues(@Session() session: AnySession): Observable<never> {
    session.value = 1;
    return throwError(() => new Error('of an Observable'));
  }

  @Get('throws')
  throws(@Session() session: AnySession): never {
    session.value = 1;
    throw new Error('thrown');
  }

  @Get('rejects')
  async rejects(@Session() session: AnySession): Promise<never> {
    session.value = 1;
    return Promise.reject(new Error('rejected'));
  }

  @Get('throws-opaque')
  throwsOpaque(@Session() session: AnySession): never {
    session.value = 1;
    throw opaque();
  }

  @Get('pipe')
  pipe(@Session() session: AnySession, @Query('number', ParseIntPipe) number: number): number {
    session.value = number;
    return number;
  }

  @Get('redirect')
  @Redirect('/elsewhere')
  redirect(@Session() session: AnySession): { url: string; statusCode: number } {
    session.value = 1;
    return { url: '/there', statusCode: 307 };
  }

  @Get('status')
  @HttpCode(202)
  @Header('X-Own', 'header')
  status(@Session() session: AnySession): string {
    session.value = 1;
    return 'status';
  }

  @Get('file')
  file(@Session() session: AnySession): StreamableFile {
    session.value = 1;
    return new StreamableFile(stream);
  }

  @Get('files')
  files(@Session() session: AnySession): Observable<StreamableFile> {
    session.value = 1;
    return of(new StreamableFile(stream));
  }

  @Get('web')
  web(@Session() session: AnySession): ReadableStream {
    session.value = 1;
    return new ReadableStream({
      start: (controller) => {
        controller.enqueue(Buffer.from('of the web'));
        controller.close();
      },
    });
  }

  @Get('readable')
  readable(@Session() session: AnySession): Readable {
    session.value = 1;
    return stream;
  }

  @Get('response')
  response(@Session() session: AnySession): Response {
    session.value = 1;
    const pull = (controller: ReadableStreamDefaultController): void => {
      controller.enqueue(Buffer.from('a response of fetch()'));
      controller.close();
    };
    const cancel = (): void => void steps.push('cancelled');
    return new Response(new ReadableStream({ pull, cancel }, { highWaterMark: 0 }));
  }

  @Get('missing')
  missing(@Session() session: AnySession): Readable {
    session.value = 1;
    return createReadStream('/missing');
  }

  @Get('missing-file')
  missingFile(@Session() session: AnySession): StreamableFile {
    session.value = 1;
    return new StreamableFile(createReadStream('/missing'));
  }

  @Get('inner-file')
  @UseInterceptors(Noted)
  innerFile(@Session() session: AnySession): StreamableFile {
    session.value = 1;
    return new StreamableFile(stream);
  }

  @Get('place')
  place(@Session() session: AnySession): string {
    session.value = 1;
    return place.getStore() ?? 'nowhere';
  }

  @Sse('events')
  events(@Session() session: AnySession): Observable<string> {
    session.value = 1;
    return from(['one', 'two']);
  }

  @Sse('promised-events')
  async promisedEvents(@Session() session: AnySession): Promise<Observable<string>> {
    session.value = 1;
    return Promise.resolve(from(['one', 'two']));
  }

  @Get('inner')
  @UseInterceptors(Noted)
  inner(@Session() session: AnySession): string {
    session.value = 1;
    return 'inner';
  }

  @Get('inner-values')
  @UseInterceptors(Noted)
  innerValues(@Session() session: AnySession): Observable<number> {
    session.value = 1;
    return of(1, 2);
  }

  @Get('inner-throws')
  @UseInterceptors(Noted)
  innerThrows(@Session() session: AnySession): never {
    session.value = 1;
    throw new Error('within another interceptor');
  }

  @Get('left')
  left(): Observable<never> {
    steps.push('asked');
    return new Observable(() => () => steps.push('left'));
  }
}

/** Made anew for each request, and with it the list of its interceptors. */
@Controller({ path: 'scoped', scope: Scope.REQUEST })
class Scoped {
  @Get()
  value(@Session() session: AnySession): string {
    session.value = 1;
    return 'scoped';
  }
}

/** A store whose writes fail, once a test says so. */
class Refusing extends MemoryStore {
  refuses = false;
  before: Promise<unknown> | undefined;
  override async save(...args: Parameters<MemoryStore['save']>): ReturnType<MemoryStore['save']> {
    await this.before;
    return this.refuses ? Promise.reject(new Error('the store refuses')) : super.save(...args);
  }
  override async create(...args: Parameters<MemoryStore['create']>): ReturnType<MemoryStore['create']> {
    await this.before;
    return this.refuses ? Promise.reject(new Error('the store refuses')) : super.create(...args);
  }
}

/** As a tool that traces, or a subclass, puts its own in the place of the method: then Nest calls it, in its pipeline. */
@Injectable()
class Traced extends RedisSessionInterceptor {
  constructor(
    @Inject(SessionService) sessions: SessionService,
    @Inject(HttpAdapterHost) host: HttpAdapterHost,
    @Inject(ExternalContextCreator) creator: ExternalContextCreator,
  ) {
    super(sessions, host, creator);
  }

  override intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    steps.push('traced');
    return super.intercept(context, next);
  }
}

interface Site extends StartedApp {
  readonly store: Refusing;
}

async function start(adapter: Adapter, traced = false): Promise<Site> {
  const store = new Refusing();
  const app = await startApp(
    adapter,
    {
      imports: [RedisSessionModule.forRoot({ store, globalInterceptor: !traced })],
      controllers: [Handlers, Scoped],
      providers: traced ? [{ provide: APP_INTERCEPTOR, useClass: Traced }] : [],
    },
    {
      configure: (application) => {
        application.use((_request: unknown, _response: unknown, next: () => void) =>
          place.run('of the request', next),
        );
      },
    },
  );
  return { ...app, store };
}

const ROUTES = Object.getOwnPropertyNames(Handlers.prototype)
  .filter((name) => !['constructor', 'left'].includes(name))
  .map((name) => name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`))
  .concat('pipe?number=7', 'pipe?number=x', 'scoped');

eachAdapter('The valve, called directly', (adapter) => {
  let site: Site;
  afterEach(async () => {
    jest.restoreAllMocks();
    steps.length = 0;
    await site.close();
  });

  async function answer(route: string): Promise<unknown> {
    stream = Readable.from(['of a ', 'file']);
    const { status, headers, text } = await new Browser(site.url).get(`/${route}`);
    const { date: _date, 'set-cookie': cookies, etag: _etag, ...rest } = headers;
    return {
      status,
      rest,
      text,
      isClosed: stream.destroyed,
      cookies: cookies?.length,
      steps: steps.splice(0),
    };
  }

  it.each([false, true])(
    'answers each handler as within the pipeline of Nest, where saves fail: %s',
    async (refuses) => {
      const answers: Record<string, unknown>[] = [];
      for (const traced of [false, true]) {
        site = await start(adapter, traced);
        site.store.refuses = refuses;
        const all: Record<string, unknown> = {};
        for (const route of ROUTES) all[route] = await answer(route);
        answers.push(all);
        await site.close();
      }
      const [direct, piped] = answers as [
        Record<string, { steps: string[] }>,
        Record<string, { steps: string[] }>,
      ];
      for (const [route, { steps: passed, ...rest }] of Object.entries(piped)) {
        expect(passed[0]).toBe('traced');
        expect({ route, ...direct[route] }).toEqual({ route, ...rest, steps: passed.slice(1) });
      }
    },
  );

  it('is not called by Nest where it comes first, but for events that a server sends', async () => {
    site = await start(adapter);
    const around = jest.spyOn(RedisSessionInterceptor.prototype, 'around');
    for (const route of ROUTES) await answer(route);
    const called = around.mock.calls.map(([request]) => rawRequest(request).url?.slice(1));
    expect(ROUTES.filter((route) => !called.includes(route))).toEqual(['events', 'promised-events']);
  });

  it('is called by Nest once something else is in the place of its intercept()', async () => {
    site = await start(adapter);
    const intercept = jest.spyOn(RedisSessionInterceptor.prototype, 'intercept');
    expect(await answer('json')).toMatchObject({ text: '{"is":"json"}' });
    expect(intercept).toHaveBeenCalledTimes(1);
  });

  it.each<[string, { direct: boolean; later?: Provider[]; main?: NestInterceptor[]; own?: Provider[] }]>([
    ['a module that is imported later has', { direct: true, later: [APP_NOTED] }],
    ['main.ts has', { direct: true, main: [new Noted()] }],
    ['AppModule has itself', { direct: false, own: [APP_NOTED] }],
  ])('is the first of those that %s, or not', async (_who, { direct, later = [], main = [], own = [] }) => {
    @Module({ providers: later })
    class Later {}

    const app = await startApp(
      adapter,
      {
        imports: [RedisSessionModule.forRoot({ store: new Refusing() }), Later],
        controllers: [Handlers],
        providers: own,
      },
      { configure: (application) => application.useGlobalInterceptors(...main) },
    );
    site = { ...app, store: new Refusing() };
    const around = jest.spyOn(RedisSessionInterceptor.prototype, 'around');
    expect(await answer('json')).toMatchObject({
      text: '{"value":{"is":"json"}}',
      steps: ['before', 'after'],
    });
    expect(around).toHaveBeenCalledTimes(direct ? 1 : 0);
  });

  it.each(['missing', 'missing-file'])(
    'survives a stream that fails while the save is awaited: %s',
    async (route) => {
      for (const traced of [false, true]) {
        site = await start(adapter, traced);
        site.store.before = once(process, 'opened');
        const answered = answer(route);
        setTimeout(() => process.emit('opened' as never), 50);
        expect(await answered).toMatchObject({ status: expect.any(Number) });
        await site.close();
      }
    },
  );

  it('answers 500, as Nest does, where what is thrown throws itself when it is looked at', async () => {
    for (const traced of [false, true]) {
      site = await start(adapter, traced);
      expect(await answer('throws-opaque')).toMatchObject({ status: 500 });
      await site.close();
    }
  });

  it('keeps the context of the request', async () => {
    site = await start(adapter);
    expect(await answer('place')).toMatchObject({ status: 200, text: 'of the request' });
  });

  it.each(['file', 'files'])(
    'closes what a handler has opened for a %s where the save fails',
    async (route) => {
      for (const traced of [false, true]) {
        site = await start(adapter, traced);
        site.store.refuses = true;
        expect(await answer(route)).toMatchObject({ status: 500, isClosed: true });
        await site.close();
      }
    },
  );

  it('ends what an Observable does where the client leaves', async () => {
    site = await start(adapter);
    const leaving = new AbortController();
    const asked = fetch(`${site.url}/left`, { signal: leaving.signal });
    await eventually('the handler is asked', () => steps[0]);
    leaving.abort();
    await expect(asked).rejects.toThrow('aborted');
    await eventually('the Observable is left', () => steps[1]);
    expect(steps).toEqual(['asked', 'left']);
  });
});
