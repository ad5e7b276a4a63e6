import {
  Inject,
  Injectable,
  UseGuards,
  UseInterceptors,
  type CallHandler,
  type ExecutionContext,
} from '@nestjs/common';
import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { ConnectedSocket, SubscribeMessage, WebSocketGateway, type WsResponse } from '@nestjs/websockets';
import { CsrfGuard, Session, SessionService, SkipCsrf, type AnySocket } from 'nestjs-redis-session';
import type { Request, Response } from 'express';
import type { IncomingMessage } from 'node:http';
import { from, mergeMap, type Observable } from 'rxjs';
import { io } from 'socket.io-client';
import { freePort } from '../../support/free-port.js';
import { onCleanup } from '../../support/cleanup.js';
import type { Browser } from '../../support/cookie-jar.js';
import { LogSink } from '../../support/apps.js';
import { startRedis, type RedisProcess } from '../../support/redis-server.js';
import { CartGateway } from './helpers/cart.gateway.js';
import {
  cookieOf,
  startShop,
  storedOf,
  type Shop,
  type ShopParts,
  type ShopSession,
} from './helpers/shop.js';
import { connect, TRANSPORTS, useTransport, type Client, type Transport } from './helpers/sockets.js';

let redis: RedisProcess;
beforeAll(async () => {
  redis = await startRedis();
});

const shops: Shop[] = [];
// Not at the end: whose a gateway on a port of its own is can be told where there is one application.
afterEach(() => Promise.all(shops.splice(0).map((shop) => shop.close())));

type Middleware = (request: Request, response: Response, next: () => void) => void;

type Parts = Omit<ShopParts, 'configure'> & { readonly middleware?: Middleware };

async function start(transport: Transport, { middleware, ...parts }: Parts = {}, at = redis): Promise<Shop> {
  const configure: ShopParts['configure'] = (app) => {
    if (middleware !== undefined) app.use(middleware);
    useTransport(transport, app);
  };
  const shop = await startShop('express', at, { providers: [CartGateway], ...parts, configure });
  shops.push(shop);
  return shop;
}

async function loggedIn(shop: Shop): Promise<Browser> {
  const browser = shop.browser();
  await browser.post('/login');
  return browser;
}

const open = (transport: Transport, url: string, browser: Browser): Promise<Client> =>
  connect(transport, url, { cookie: cookieOf(browser) });

/** Asks for the session before and after the handler. */
@Injectable()
class TracingInterceptor {
  constructor(@Inject(SessionService) private readonly sessions: SessionService) {}

  async intercept(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
    const session: ShopSession = await this.sessions.of(context);
    session['before'] = true;
    return next.handle().pipe(
      mergeMap((answer) => {
        session['after'] = true;
        return from([answer]);
      }),
    );
  }
}

@WebSocketGateway()
@UseInterceptors(TracingInterceptor)
class TracedGateway {
  @SubscribeMessage('same')
  same(@Session() session: ShopSession): WsResponse {
    return { event: 'same', data: session['before'] };
  }
}

@WebSocketGateway()
@UseGuards(CsrfGuard)
class GuardedGateway {
  @SubscribeMessage('transfer')
  transfer(): WsResponse {
    return { event: 'transferred', data: null };
  }

  @SubscribeMessage('hook')
  @SkipCsrf()
  hook(): WsResponse {
    return { event: 'hooked', data: null };
  }
}

@WebSocketGateway()
class GreetingGateway {
  constructor(@Inject(SessionService) private readonly sessions: SessionService) {}

  async handleConnection(client: AnySocket): Promise<void> {
    const session: ShopSession = await this.sessions.of(client);
    if (session.principal === undefined) return;
    session['visits'] = ((session['visits'] as number | undefined) ?? 0) + 1;
    await session.save();
  }

  @SubscribeMessage('visits')
  visits(@Session('visits') visits: number | undefined, @ConnectedSocket() _client: AnySocket): WsResponse {
    return { event: 'visits', data: visits };
  }
}

describe.each(TRANSPORTS)('A gateway by %s', (transport) => {
  it('saves without the global interceptor, too', async () => {
    const shop = await start(transport, { session: { globalInterceptor: false } });
    const browser = await loggedIn(shop);
    await (await open(transport, shop.url, browser)).ask('add', 'tea');
    expect(await storedOf(browser)).toEqual({ cart: ['tea'] });
  });

  it('drops what a handler wrote that threw, where saveOnServerError is false', async () => {
    const shop = await start(transport, { session: { saveOnServerError: false } });
    const browser = await loggedIn(shop);
    const socket = await open(transport, shop.url, browser);
    expect((await socket.ask('fail')).event).toBe('exception');
    await socket.ask('add', 'tea');
    expect(await storedOf(browser)).toEqual({ cart: ['tea'] });
  });

  it('gives interceptors of its own the session of the message, and saves what they write', async () => {
    const shop = await start(transport, { providers: [TracedGateway] });
    const browser = await loggedIn(shop);
    expect((await (await open(transport, shop.url, browser)).ask('same')).data).toBe(true);
    expect(await storedOf(browser)).toEqual({ before: true, after: true });
  });

  it('tells its client that sessions cannot be served, as HTTP does with 503', async () => {
    const own = await startRedis();
    const shop = await start(transport, { logger: new LogSink(), session: { redis: atPort(own) } }, own);
    const socket = await open(transport, shop.url, await loggedIn(shop));
    await socket.ask('guest');
    await own.kill();
    for (const event of ['guest', 'whoami', 'read'])
      expect(await socket.ask(event)).toMatchObject({
        event: 'exception',
        data: { status: 'error', statusCode: 503, message: expect.stringMatching(/temporarily unavailable/) },
      });
  });

  it('with CsrfGuard serves pages of the same host, and what is no browser', async () => {
    const shop = await start(transport, { providers: [GuardedGateway] });
    const cookie = cookieOf(await loggedIn(shop));
    for (const headers of [{ cookie }, { cookie, origin: shop.url }])
      expect((await (await connect(transport, shop.url, headers)).ask('transfer')).event).toBe('transferred');
    const evil = await connect(transport, shop.url, { cookie, origin: 'https://evil.example' });
    expect(await evil.ask('transfer')).toMatchObject({ event: 'exception', data: { statusCode: 403 } });
    expect((await evil.ask('hook')).event).toBe('hooked');
  });

  it('can use the session when a socket connects, and saves with save()', async () => {
    const shop = await start(transport, { providers: [GreetingGateway] });
    const browser = await loggedIn(shop);
    await eventuallyVisits(await open(transport, shop.url, browser), 1);
    await eventuallyVisits(await open(transport, shop.url, browser), 2);
  });

  it('reads the cookie that a browser has over TLS, though only the proxy before it knows of that', async () => {
    const trust: Middleware = (_request, response, next) => {
      response.app.set('trust proxy', true);
      next();
    };
    const shop = await start(transport, { session: { cookie: { secure: 'auto' } }, middleware: trust });
    const headers = { 'x-forwarded-proto': 'https' };
    const { setCookies } = await shop.browser().post('/login', undefined, { headers });
    expect(setCookies).toMatchObject([{ name: '__Host-sid', secure: true }]);
    const socket = await connect(transport, shop.url, { cookie: `__Host-sid=${setCookies[0]?.value}` });
    expect((await socket.ask('guest')).data).toBe('anna');
  });
});

async function eventuallyVisits(socket: Client, visits: number): Promise<void> {
  for (;;) {
    const { data } = await socket.ask('visits');
    if (data === visits) return;
  }
}

function atPort({ host, port }: RedisProcess): { host: string; port: number; timeoutMs: number } {
  return { host, port, timeoutMs: 200 };
}

describe('A gateway on a port of its own', () => {
  const gatewayAt = (port: number, parent = CartGateway): typeof CartGateway => {
    class OwnPortGateway extends parent {}
    WebSocketGateway(port)(OwnPortGateway);
    return OwnPortGateway;
  };

  it('by ws: the session is there once handleConnection() has passed the request on', async () => {
    class PassingGateway extends CartGateway {
      readonly #sessions: SessionService;
      constructor(sessions: SessionService) {
        super(sessions);
        this.#sessions = sessions;
      }
      handleConnection(client: AnySocket, request: IncomingMessage): Promise<unknown> {
        return this.#sessions.of(client, request);
      }
    }
    Reflect.defineMetadata('design:paramtypes', [SessionService], PassingGateway);
    const [told, untold] = [await freePort(), await freePort()];
    const logger = new LogSink();
    const providers = [gatewayAt(told, PassingGateway), gatewayAt(untold)];
    const shop = await start('ws', { providers, logger });
    const browser = await loggedIn(shop);
    const socket = await open('ws', `http://127.0.0.1:${told}`, browser);
    expect((await socket.ask('add', 'tea')).data).toEqual(['tea']);
    expect(await storedOf(browser)).toEqual({ cart: ['tea'] });
    await browser.post('/logout');
    expect(await socket.closed).toBe(4401);
    const stranger = await open('ws', `http://127.0.0.1:${untold}`, browser);
    expect((await stranger.ask('whoami')).event).toBe('exception');
    expect(logger.text()).toMatch(/handleConnection\(client, request\)/);
  });

  it('by socket.io: the session is there', async () => {
    const port = await freePort();
    const shop = await start('socket.io websocket', { providers: [gatewayAt(port)] });
    const browser = await loggedIn(shop);
    const socket = await open('socket.io websocket', `http://127.0.0.1:${port}`, browser);
    expect((await socket.ask('add', 'tea')).data).toEqual(['tea']);
    expect((await socket.ask('whoami')).data).toBe('anna');
    await browser.post('/logout');
    expect(await socket.closed).toBe('io server disconnect');
  });

  it('tells what to do where several applications of a process have the module', async () => {
    const port = await freePort();
    const logger = new LogSink();
    await start('ws');
    const shop = await start('socket.io websocket', { providers: [gatewayAt(port)], logger });
    const socket = await open('socket.io websocket', `http://127.0.0.1:${port}`, await loggedIn(shop));
    expect((await socket.ask('read')).event).toBe('exception');
    expect(logger.text()).toMatch(/which of the 2 applications .* Inject SessionService/);
  });
});

describe('socket.io with several namespaces on one connection', () => {
  it('each of them ends with the session, also when another one was left', async () => {
    @WebSocketGateway({ namespace: 'chat' })
    class ChatGateway extends CartGateway {}
    @WebSocketGateway({ namespace: 'news' })
    class NewsGateway extends CartGateway {}
    const shop = await start('socket.io websocket', { providers: [ChatGateway, NewsGateway] });
    const browser = await loggedIn(shop);
    const options = {
      transports: ['websocket'],
      extraHeaders: { cookie: cookieOf(browser) },
      reconnection: false,
    };
    const [chat, news] = [io(`${shop.url}/chat`, options), io(`${shop.url}/news`, options)];
    onCleanup(() => void [chat.close(), news.close()]);
    const answer = (socket: typeof chat): Promise<unknown> =>
      new Promise((resolve) => void socket.once('you', resolve).emit('whoami'));
    expect(await Promise.all([answer(chat), answer(news)])).toEqual(['anna', 'anna']);
    chat.disconnect();
    const closed = new Promise((resolve) => news.once('disconnect', resolve));
    await browser.post('/logout');
    expect(await closed).toBe('io server disconnect');
  });
});
