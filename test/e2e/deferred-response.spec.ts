import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  Controller,
  Get,
  HttpCode,
  InternalServerErrorException,
  NotFoundException,
  Render,
  Req,
  Res,
  Sse,
  type MessageEvent,
} from '@nestjs/common';
import { Session, SessionService, type AnyRequest, type SessionModuleOptions } from 'nestjs-redis-session';
import { once } from 'node:events';
import { type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { concat, finalize, NEVER, of, startWith, throwError, type Observable } from 'rxjs';
import { eachAdapter, type TestApplication } from '../support/apps.js';
import { watchCommands, type CommandWatch } from '../support/commands.js';
import { Browser } from '../support/cookie-jar.js';
import { startRedis, type RedisProcess } from '../support/redis-server.js';
import { startProxy } from '../support/tcp-proxy.js';
import { eventually } from '../support/eventually.js';
import { Gate } from './helpers/gate.js';
import { redisAt, startPlayground, type AnySession, type Playground } from './helpers/playground.js';
import { takeWrites } from './helpers/traffic.js';

type AnyReply = ServerResponse | { raw: ServerResponse };
const rawOf = (reply: AnyReply): ServerResponse => ('raw' in reply ? reply.raw : reply);

/** What the tests and the handlers tell each other. */
class Scene {
  readonly gate = new Gate();
  closed = false;
  patch: (() => void) | undefined;
}

function controllerFor(scene: Scene): new () => object {
  @Controller()
  class SceneController {
    @Sse('sse')
    sse(@Session() session: AnySession): Observable<MessageEvent> {
      session.value = 'sse';
      return of({ data: 'event' });
    }

    @Get('between')
    between(@Session() session: AnySession, @Res() reply: AnyReply): void {
      const raw = rawOf(reply);
      session.value = 'before';
      raw.write('one,');
      session.other = 'between';
      raw.end('two');
    }

    @Get('fails')
    fails(@Session() session: AnySession): void {
      session.value = 'written';
      throw new InternalServerErrorException();
    }

    @Get('refuses')
    refuses(@Session() session: AnySession): void {
      session.value = 'written';
      throw new NotFoundException();
    }

    @Get('bigint')
    bigint(@Session() session: AnySession): object {
      session.value = 'written';
      return { id: 1n };
    }

    @Get('emits-and-fails')
    emitsAndFails(@Session() session: AnySession): Observable<string> {
      session.value = 'written';
      return concat(
        of('first'),
        throwError(() => new Error('and no second')),
      );
    }

    @Get('missing-view')
    @Render('missing')
    missingView(@Session() session: AnySession): object {
      session.value = 'written';
      return {};
    }

    @Get('answers-500')
    @HttpCode(500)
    answers500(@Session() session: AnySession): string {
      session.value = 'written';
      return 'sorry';
    }

    @Get('stream')
    async stream(@Session() session: AnySession, @Res() reply: AnyReply): Promise<void> {
      const raw = rawOf(reply);
      raw.on('close', () => (scene.closed = true));
      session.value = 'before';
      raw.write('first');
      await scene.gate.pass();
      session.other = 'during';
    }

    @Get('stream-on')
    async streamOn(@Session() session: AnySession, @Res() reply: AnyReply): Promise<void> {
      const raw = rawOf(reply);
      raw.on('close', () => (scene.closed = true));
      raw.write('first');
      await scene.gate.pass();
      session.other = 'after';
      raw.end('last');
    }

    @Get('stream-closed')
    streamClosed(@Session() session: AnySession, @Req() request: AnyRequest, @Res() reply: AnyReply): void {
      const raw = 'raw' in request ? request.raw : request;
      raw.on('close', () => (session.other = 'cleaned up'));
      rawOf(reply).write('first');
    }

    @Sse('endless')
    endless(@Session() session: AnySession): Observable<MessageEvent> {
      return NEVER.pipe(
        startWith({ data: 'first' }),
        finalize(() => (session.other = 'cleaned up')),
      );
    }

    @Get('slow')
    async slow(@Session() session: AnySession, @Req() request: AnyRequest): Promise<string> {
      const raw = 'raw' in request ? request.raw : request;
      raw.socket.on('close', () => (scene.closed = true));
      await scene.gate.pass();
      session.value = 'after';
      return 'x'.repeat(1000);
    }
  }
  return SceneController;
}

let redis: RedisProcess;
let watch: CommandWatch;
beforeAll(async () => {
  redis = await startRedis();
  watch = await watchCommands(redis.port);
});

eachAdapter('the deferred response', (adapter) => {
  describe.each([true, false])('with globalInterceptor %s', (globalInterceptor) => {
    let site: Playground;
    let scene: Scene;
    afterEach(() => site.close());

    const start = async (
      options: SessionModuleOptions = {},
      configure?: (app: TestApplication) => unknown,
    ): Promise<Browser> => {
      scene = new Scene();
      site = await startPlayground(
        adapter,
        { ...redisAt(redis), globalInterceptor, storeGuests: true, ...options },
        { module: { controllers: [controllerFor(scene)] }, configure },
      );
      const browser = new Browser(site.url);
      await site.visit(browser, (session) => void (session['start'] = true));
      await watch.take();
      return browser;
    };
    const attributesOf = async (browser: Browser): Promise<Record<string, unknown>> => {
      const { result } = await site.visit(browser, (session) => ({ ...session }));
      delete result['start'];
      return result;
    };
    const closed = (): Promise<true> =>
      eventually('the server sees the client go', () => scene.closed || undefined);
    /** Asks for a stream, and leaves once its beginning has come. */
    const leave = async (browser: Browser, path: string): Promise<void> => {
      const arrival = new Gate();
      const abort = new AbortController();
      const request = browser.get(path, { signal: abort.signal, onData: () => void arrival.pass() });
      request.catch(() => undefined);
      await arrival.arrivals(1);
      abort.abort();
      await expect(request).rejects.toThrow();
    };
    const stored = (id: string, name: 'value' | 'other', value: unknown): Promise<true> =>
      eventually(`${name} is ${String(value)}`, async () => {
        const session = await site.sessions.open<{ value?: unknown; other?: unknown }>(id);
        return session?.[name] === value ? true : undefined;
      });

    it('server-sent events wait for a session that is still loading: a new one gets its cookie', async () => {
      const proxy = await startProxy(redis.port);
      await start(redisAt(proxy));
      const browser = new Browser(site.url);
      proxy.setDelay(25);
      const response = await browser.get('/sse', { cookie: `sid=${'A'.repeat(47)}` });
      expect(response.text).toMatch(/data: event/);
      expect(response.setCookies.map(({ name }) => name)).toEqual(['sid']);
      expect(response.headers.vary).toMatch(/\bCookie\b/);
      expect(await attributesOf(browser)).toEqual({ value: 'sse' });
    });

    it('what changes between the start of a response that is held and its end is saved too', async () => {
      const browser = await start();
      const response = await browser.get('/between');
      expect(response.text).toBe('one,two');
      expect(await attributesOf(browser)).toEqual({ value: 'before', other: 'between' });
    });

    describe('saveOnServerError', () => {
      it.each(['fails', 'refuses', 'answers-500'])(
        'true, the default: %s keeps what it wrote',
        async (path) => {
          const browser = await start();
          await browser.get(`/${path}`);
          expect(await takeWrites(watch)).toEqual(['save']);
          expect(await attributesOf(browser)).toEqual({ value: 'written' });
        },
      );

      it.each([
        ['fails', {}],
        ['answers-500', {}],
        ['bigint', {}],
        ['emits-and-fails', {}],
        ['missing-view', {}],
        ['refuses', { value: 'written' }],
      ])('false: after %s the session holds %j', async (path, expected) => {
        const browser = await start({ saveOnServerError: false });
        await browser.get(`/${path}`);
        expect(await attributesOf(browser)).toEqual(expected);
      });

      it('false: a new session is neither stored nor given a cookie by a 500', async () => {
        await start({ saveOnServerError: false });
        const response = await new Browser(site.url).get('/fails');
        expect(response.status).toBe(500);
        expect(response.setCookies).toEqual([]);
        expect(await takeWrites(watch)).toEqual([]);
      });
    });

    describe('a client that leaves', () => {
      it('before the handler has ended: what the handler writes is saved', async () => {
        const browser = await start();
        const { result: id } = await site.visit(browser, (session) => session.id);
        const abort = new AbortController();
        const request = browser.get('/slow', { signal: abort.signal });
        await scene.gate.arrivals(1);
        abort.abort();
        await expect(request).rejects.toThrow();
        await closed();
        scene.gate.open();
        await stored(id, 'value', 'after');
        expect(site.log.messages('error')).toEqual([]);
      });

      it('in the middle of a stream: what changed up to then is saved', async () => {
        const browser = await start();
        const { result: id } = await site.visit(browser, (session) => session.id);
        const abort = new AbortController();
        const request = browser.get('/stream', { signal: abort.signal, onData: () => scene.gate.open() });
        request.catch(() => undefined);
        await eventually('the client has read the beginning', () => scene.gate.isOpen || undefined);
        await stored(id, 'value', 'before');
        abort.abort();
        await expect(request).rejects.toThrow();
        await closed();
        await stored(id, 'other', 'during');
      });

      it.each([
        ['what its handler changes before it ends it', '/stream-on', 'after'],
        ['what is cleaned up when its request closes', '/stream-closed', 'cleaned up'],
        ['what is cleaned up when server-sent events close', '/endless', 'cleaned up'],
      ])('in the middle of a stream: %s is saved, once', async (_what, path, value) => {
        const browser = await start();
        const { result: id } = await site.visit(browser, (session) => session.id);
        await watch.take();
        await leave(browser, path);
        if (path === '/stream-on') {
          await closed();
          scene.gate.open();
        }
        await stored(id, 'other', value);
        expect(await takeWrites(watch)).toHaveLength(1);
        expect(site.log.messages('error')).toEqual([]);
      });
    });

    it('a client that closes its half behind its request gets the answer that was given by then', async () => {
      const proxy = await startProxy(redis.port);
      let ended: Promise<unknown> | undefined;
      const browser = await start(
        redisAt(proxy),
        (app) =>
          void app.use(async (request: IncomingMessage, response: ServerResponse, next: () => void) => {
            if (request.url !== '/half') return next();
            (await app.get(SessionService).of<{ value?: string }>(request, response)).value = 'half';
            proxy.stall();
            ended = once(request.socket, 'end');
            response.end('answered');
          }),
      );
      const { hostname, port } = new URL(site.url);
      const client = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
      client.write(
        `GET /half HTTP/1.1\r\nHost: ${hostname}\r\nCookie: ${browser.jar.header('/') ?? ''}\r\n\r\n`,
      );
      await eventually('the handler has answered', () => ended !== undefined || undefined);
      client.end();
      await ended;
      proxy.unstall();
      expect(await text(client)).toMatch(/^HTTP\/1\.1 200 [^]*answered$/);
      expect(await attributesOf(browser)).toEqual({ value: 'half' });
    });

    it('an error after the answer: that leaves all the same, whoever destroys the connection then', async () => {
      const browser = await start({}, (app) => {
        app.use(
          async (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void) => {
            if (request.url !== '/throws') return next();
            (await app.get(SessionService).of<{ value?: string }>(request, response)).value = 'thrown';
            response.end('answered');
            // As Express does it for a middleware that throws then: it destroys the connection.
            if (adapter === 'express') next(new Error('after the answer'));
            else request.socket.destroy();
          },
        );
      });
      const response = await browser.get('/throws');
      expect([response.status, response.text]).toEqual([200, 'answered']);
      expect(await attributesOf(browser)).toEqual({ value: 'thrown' });
    });

    describe('an answer that waits for its save', () => {
      const BROKEN = 'BROKEN\r\n\r\n';
      const REFUSAL = 'HTTP/1.1 400 Bad Request\r\nX-Refused: yes\r\n\r\n';

      interface Case {
        /** Before the handler answers. */
        readonly before?: ((response: ServerResponse) => unknown) | undefined;
        /** Right behind the answer. */
        readonly after?:
          ((response: ServerResponse, socket: IncomingMessage['socket']) => unknown) | undefined;
        readonly answer?: ((response: ServerResponse) => unknown) | undefined;
        readonly configure?: ((app: TestApplication) => unknown) | undefined;
        /** What the client sends while the answer waits. */
        readonly sends?: string;
        /** For how long it waits. */
        readonly waitMs?: number;
        /** The connection is to stay: it is used once more. */
        readonly stays?: boolean;
        readonly fails?: boolean;
      }

      /** What a client gets, up to the end of its connection. */
      const received = async (one: Case): Promise<string> => {
        const proxy = await startProxy(redis.port);
        let hasAnswered = false;
        const browser = await start(redisAt(proxy), (app) => {
          one.configure?.(app);
          app.use(async (request: IncomingMessage, response: ServerResponse, next: () => void) => {
            if (request.url !== '/waits') return next();
            const { socket } = request;
            one.before?.(response);
            (await app.get(SessionService).of<{ value?: string }>(request, response)).value = 'answered';
            proxy.stall();
            (one.answer ?? ((to) => to.end('answered')))(response);
            one.after?.(response, socket);
            hasAnswered = true;
          });
        });
        const { hostname, port } = new URL(site.url);
        const client = connect({ host: hostname, port: Number(port) });
        const got = text(client);
        const cookie = browser.jar.header('/') ?? '';
        client.write(`GET /waits HTTP/1.1\r\nHost: ${hostname}\r\nCookie: ${cookie}\r\n\r\n`);
        await eventually('the handler has answered', () => hasAnswered || undefined);
        if (one.sends !== undefined) client.write(one.sends);
        await sleep(one.waitMs ?? 30);
        if (one.fails) await proxy.cut({ refuse: true });
        else proxy.unstall();
        await sleep(one.stays ? 30 : 0);
        if (one.stays) client.write(`GET /next HTTP/1.1\r\nHost: ${hostname}\r\nConnection: close\r\n\r\n`);
        const all = await got;
        if (one.fails) await proxy.restore();
        else expect(await attributesOf(browser)).toEqual({ value: 'answered' });
        return all.replace(/^(?!HTTP)[\w-]+: .*\r\n/gm, (header) => (header.startsWith('X-') ? header : ''));
      };
      const ANSWERED = /^HTTP\/1\.1 200 OK\r\n(?:X-Powered-By: .*\r\n)?\r\nanswered$/;
      const ANSWERED_AND_KEPT = /^HTTP\/1\.1 200 OK\r\n(?:X-Powered-By: .*\r\n)?\r\nansweredHTTP\/1\.1 404 /;
      const ANSWERED_AND_REFUSED =
        /^HTTP\/1\.1 200 OK\r\n(?:X-Powered-By: .*\r\n)?\r\nansweredHTTP\/1\.1 400 Bad Request\r\n/;

      it.each<[string, Case['before']]>([
        [
          'res.setTimeout()',
          (response) => response.setTimeout(60, () => response.writeHead(503).end('late')),
        ],
        ['socket.setTimeout()', (response) => response.socket?.setTimeout(60)],
        [
          'a timeout of the server’s',
          (response) => {
            const server = (response.socket as unknown as { server: Server }).server;
            server.setTimeout(60, () => response.writeHead(503).end('late'));
            response.socket?.setTimeout(60);
          },
        ],
      ])('%s does not expire meanwhile', async (_which, before) => {
        expect(await received({ before, waitMs: 150, stays: true })).toMatch(ANSWERED_AND_KEPT);
      });

      it('a timeout that is set behind the end does not expire meanwhile either', async () => {
        const after: Case['after'] = (response) =>
          response.setTimeout(60, () => response.writeHead(503).end('late'));
        expect(await received({ after, waitMs: 150, stays: true })).toMatch(ANSWERED_AND_KEPT);
      });

      it.each<[string, Case['after']]>([
        ['end()', (_, socket) => socket.end()],
        ['destroySoon()', (_, socket) => socket.destroySoon()],
      ])('leaves before the connection ends, by %s', async (_which, after) => {
        expect(await received({ after })).toMatch(ANSWERED);
      });

      it('leaves before the connection ends, as the 503 of a save that fails', async () => {
        const after: Case['after'] = (_, socket) => socket.end('more');
        expect(await received({ after, fails: true })).toMatch(/^HTTP\/1\.1 503 [^]*\}more$/);
      });

      it('a part of a stream leaves before the connection ends', async () => {
        const answer: Case['answer'] = (response) => response.write('answered');
        const after: Case['after'] = (_, socket) => socket.end();
        expect(await received({ answer, after })).toMatch(/\r\n8\r\nanswered\r\n$/);
      });

      it.each<[string, Case['configure']]>([
        ['where the application has no say', undefined],
        [
          'as Node’s manual has it',
          (app) =>
            void app.getHttpServer().on('clientError', (_, socket) => {
              if (socket.writable) socket.end(REFUSAL);
            }),
        ],
        [
          'by who writes and destroys',
          (app) =>
            void app.getHttpServer().on('clientError', (error, socket) => {
              // Fastify has one of its own, which comes first.
              if (!socket.destroyed && adapter === 'express') socket.write(REFUSAL);
              socket.destroy(error);
            }),
        ],
      ])('a broken request behind it is refused behind it, %s', async (_how, configure) => {
        expect(await received({ configure, sends: BROKEN })).toMatch(ANSWERED_AND_REFUSED);
      });
    });

    it('waits for the writes that were begun before its headers, and not for a job that goes on', async () => {
      let goesOn = true;
      const browser = await start({ policies: ['SAVE_ON_CHANGE'] });
      const { response } = await site.visit(browser, (session) => {
        const again = (count: number): void => {
          session.value = count;
          if (goesOn) setImmediate(again, count + 1);
        };
        again(0);
      });
      goesOn = false;
      expect(response.status).toBe(200);
    });

    const placed =
      adapter === 'express'
        ? 'has its place on request and response before Express makes new properties slow'
        : 'makes itself a place on request and response, which Fastify leaves fast';
    it(placed, async () => {
      const before = new Map<object, PropertyKey[]>();
      const browser = await start({}, (app) => {
        app.use((request: IncomingMessage, response: ServerResponse, next: () => void) => {
          for (const each of [request, response]) before.set(each, ownKeys(each));
          next();
        });
      });
      before.clear();
      await site.visit(browser, () => undefined);
      const [request, response] = [...before.keys()] as [IncomingMessage, ServerResponse];
      const added = [request, response].map((each) => ownKeys(each).length - (before.get(each)?.length ?? 0));
      if (adapter === 'express') expect(added).toEqual([0, 0]);
      else expect(Math.min(...added)).toBeGreaterThan(0);
    });

    it.each(['before', 'after'])(
      'works beside what patches the response %s it, as compression does',
      async (when) => {
        const browser = await start({}, (app) => {
          app.use((request: IncomingMessage, response: ServerResponse, next: () => void) => {
            if (when === 'before') shout(response);
            else scene.patch = () => shout(response);
            if (!request.url?.includes('visit')) scene.patch = undefined;
            next();
          });
        });
        const { response } = await site.visit(browser, (session) => {
          scene.patch?.();
          session.value = 'patched';
        });
        expect(response.text).toBe('OK');
        expect(response.headers['x-shout']).toBe('yes');
        expect(await attributesOf(browser)).toEqual({ value: 'patched' });
      },
    );
  });
});

/** What of an object's own is the library's: its symbols, and the methods that start or end a response. */
function ownKeys(object: object): PropertyKey[] {
  const methods = ['_send', '_writeRaw', 'end'];
  return Reflect.ownKeys(object).filter((key) =>
    typeof key === 'symbol' ? key.description?.startsWith('nestjs-redis-session') : methods.includes(key),
  );
}

/** As compression does it: changes headers and body on the way, whoever writes them. */
function shout(response: ServerResponse): void {
  const { writeHead, write, end } = response as unknown as Record<
    'writeHead' | 'write' | 'end',
    () => unknown
  >;
  const louder = (chunk: unknown): unknown =>
    typeof chunk === 'string' || Buffer.isBuffer(chunk) ? chunk.toString().toUpperCase() : chunk;
  const announce = (): void => {
    if (!response.headersSent) response.setHeader('x-shout', 'yes');
  };
  response.writeHead = (...args: unknown[]) => {
    announce();
    return Reflect.apply(writeHead, response, args) as ServerResponse;
  };
  response.write = (chunk: unknown, ...rest: unknown[]) => {
    announce();
    return Reflect.apply(write, response, [louder(chunk), ...rest]) as boolean;
  };
  response.end = (chunk?: unknown, ...rest: unknown[]) => {
    announce();
    return Reflect.apply(end, response, [louder(chunk), ...rest]) as ServerResponse;
  };
}
