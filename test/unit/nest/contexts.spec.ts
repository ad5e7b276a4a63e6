import { describe, expect, it } from '@jest/globals';
import type { ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { EventEmitter } from 'node:events';
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { of, lastValueFrom } from 'rxjs';
import { AuthenticatedGuard, CsrfGuard, RecentLoginGuard, SessionUsageError } from 'nestjs-redis-session';
import type { ManagedSession } from '../../../lib/core/session.js';
import { operationOf } from '../../../lib/nest/context/graphql.js';
import { handshakeOf, rememberHandshake } from '../../../lib/nest/context/handshake.js';
import { placeOf } from '../../../lib/nest/context/source.js';
import { RedisSessionInterceptor } from '../../../lib/nest/session.interceptor.js';
import type { SessionService } from '../../../lib/nest/session.service.js';

interface Contextual {
  readonly type: string;
  readonly args: readonly unknown[];
}

class Handlers {
  handle(): void {
    // Only its metadata matter.
  }
}

function contextOf({ type, args }: Contextual): ExecutionContext {
  return {
    getType: () => type,
    getArgs: () => args,
    getArgByIndex: (index: number) => args[index],
    switchToHttp: () => ({ getRequest: () => args[0], getResponse: () => args[1] }),
    getHandler: () => Object.getOwnPropertyDescriptor(Handlers.prototype, 'handle')?.value as unknown,
    getClass: () => Handlers,
  } as unknown as ExecutionContext;
}

function requestWith(headers: IncomingMessage['headers'] = {}, upgrade = false): IncomingMessage {
  const request = new IncomingMessage(new Socket());
  Object.assign(request, { headers, method: 'POST', upgrade });
  return request;
}

const graphql = (context: unknown, info: object = {}): ExecutionContext =>
  contextOf({ type: 'graphql', args: [undefined, {}, context, info] });

const operation = (name: string): object => ({ operation: { operation: name } });

describe('the resolver of contexts', () => {
  it('finds the request of HTTP, with its response', () => {
    const request = requestWith();
    const response = new ServerResponse(request);
    const place = placeOf(contextOf({ type: 'http', args: [request, response] }));
    expect(place).toMatchObject({ kind: 'request', exchange: { request, response } });
    expect(placeOf(request, response)).toMatchObject({ kind: 'request', exchange: { request, response } });
    expect(placeOf({ raw: request }, { raw: response })).toMatchObject({ exchange: { request, response } });
  });

  it("finds the request in GraphQL's context, by any of the names that drivers and applications give it", () => {
    const request = requestWith();
    const response = new ServerResponse(request);
    const found = { kind: 'request', exchange: { request, response } };
    const contexts = [
      { req: request, res: response },
      { req: { raw: request }, res: { raw: response } },
      { request, response },
      { reply: { request: { raw: request }, raw: response } },
      { req: new Request('http://shop.example'), request, response },
    ];
    for (const context of contexts) expect(placeOf(graphql(context))).toMatchObject(found);
  });

  it('knows GraphQL over a socket by the request that became it', () => {
    const request = requestWith({}, true);
    const contexts = [
      { req: { extra: { request } } },
      { extra: { request } },
      { req: request },
      { request: { raw: request } },
      { reply: { request: { raw: request } } },
    ];
    for (const context of contexts)
      expect(placeOf(graphql(context))).toMatchObject({ kind: 'operation', handshake: { request }, context });
  });

  it.each([
    undefined,
    null,
    'text',
    {},
    { req: {} },
    { req: new Request('http://shop.example') },
    { extra: {} },
  ])("tells what to do where GraphQL's context holds no request: %p", (context) => {
    expect(() => placeOf(graphql(context))).toThrow(SessionUsageError);
    expect(() => placeOf(graphql(context))).toThrow(/GraphQLModule.forRoot\(\{ context: /);
  });

  it('finds the handshake of sockets', () => {
    const request = requestWith({}, true);
    const io = Object.assign(new EventEmitter(), {
      handshake: {},
      request,
      disconnected: false,
      disconnect: noop,
    });
    expect(placeOf(contextOf({ type: 'ws', args: [io] }))).toMatchObject({
      kind: 'message',
      handshake: { request },
    });
    expect(placeOf(io)).toMatchObject({ kind: 'message', args: undefined });
    const connection = new Socket();
    rememberHandshake(request, connection);
    expect(handshakeOf(plainSocket({ _socket: connection })).request).toBe(request);
  });

  it('tells what to do with a WebSocket of a server that nobody knows, and remembers what it was told', () => {
    const client = plainSocket({ _socket: new Socket() });
    for (const find of [() => placeOf(client), () => placeOf(contextOf({ type: 'ws', args: [client] }))]) {
      expect(find).toThrow(SessionUsageError);
      expect(find).toThrow(/handleConnection\(client, request\)/);
    }
    const request = requestWith({}, true);
    placeOf(client, request);
    expect(placeOf(contextOf({ type: 'ws', args: [client] }))).toMatchObject({ handshake: { request } });
  });

  it('says of microservices and of contexts it does not know what to do instead', () => {
    expect(() => placeOf(contextOf({ type: 'rpc', args: [{}] }))).toThrow(/SessionService.open\(id\)/);
    expect(() => placeOf(contextOf({ type: 'telegraf', args: [{}] }))).toThrow(
      /type 'telegraf' is not known.*sessions.of\(request, response\)/,
    );
  });

  it.each<[string, unknown]>([
    ['a value of type undefined', undefined],
    ['null', null],
    ['a value of type string', 'an id'],
    ['a value of type function', (): void => undefined],
    ['an object of class Object', {}],
    ['an object of class Object', { raw: {} }],
    ['an object of class Object', { headers: {} }],
    ['an object of class Object', { switchToHttp: noop }],
    ['an object of class null', Object.create(null)],
    ['an object of class Request', new Request('http://shop.example')],
    ['an object of class EventEmitter', new EventEmitter()],
    ['an object of class Socket', new Socket()],
  ])('says of %s what it finds sessions by', (what, source) => {
    const sources = [source, contextOf({ type: 'http', args: [source] })];
    if (typeof source !== 'object' || source === null)
      sources.push(contextOf({ type: 'ws', args: [source] }));
    for (const each of sources) {
      expect(() => placeOf(each as never)).toThrow(SessionUsageError);
      expect(() => placeOf(each as never)).toThrow(
        `There is no session of ${what}. Pass an ExecutionContext, the request of`,
      );
    }
  });

  it('says of a socket of socket.io that has lost its request where to get it', () => {
    const socket = Object.assign(new EventEmitter(), {
      handshake: {},
      disconnected: false,
      disconnect: noop,
    });
    expect(() => placeOf(socket as never)).toThrow(/The request that this socket began with is not known/);
  });

  it('says what an operation of GraphQL is, and nothing where it cannot tell', () => {
    expect(operationOf(graphql({}, operation('mutation')))).toBe('mutation');
    for (const info of [undefined, {}, { operation: {} }, { operation: { operation: 1 } }])
      expect(operationOf(graphql({}, info as object))).toBeUndefined();
  });
});

/** A service whose session is that of a guest. */
function serviceWith(session: Partial<ManagedSession>): SessionService {
  const managed = async (context: ExecutionContext): Promise<unknown> => {
    placeOf(context);
    return { isLoggedIn: false, state: {}, isCsrfToken: (token: unknown) => token === 'good', ...session };
  };
  return { ambient: true, managed } as unknown as SessionService;
}

const guards = { AuthenticatedGuard, CsrfGuard };

describe.each(Object.entries(guards))('%s', (_name, Guard) => {
  it.each(['rpc', 'telegraf', ''])('fails closed, and clearly, in a context of type %p', async (type) => {
    const guard = new Guard(serviceWith({ isLoggedIn: true }), new Reflector());
    const judged = guard.canActivate(contextOf({ type, args: [requestWith({ 'x-csrf-token': 'good' })] }));
    await expect(Promise.resolve(judged)).rejects.toBeInstanceOf(SessionUsageError);
  });

  it('fails closed where GraphQL says nothing of its request', async () => {
    const guard = new Guard(serviceWith({ isLoggedIn: true }), new Reflector());
    await expect(guard.canActivate(graphql({}, operation('query')))).rejects.toBeInstanceOf(
      SessionUsageError,
    );
  });
});

describe('AuthenticatedGuard', () => {
  it('lets nobody in who is not logged in', async () => {
    const http = contextOf({ type: 'http', args: [requestWith()] });
    const guard = (isLoggedIn: boolean): AuthenticatedGuard =>
      new AuthenticatedGuard(serviceWith({ isLoggedIn }), new Reflector());
    await expect(guard(false).canActivate(http)).rejects.toMatchObject({ status: 401 });
    expect(await guard(true).canActivate(http)).toBe(true);
  });
});

describe('RecentLoginGuard', () => {
  it('fails closed in contexts it cannot judge', async () => {
    const guard = new RecentLoginGuard(serviceWith({}), new Reflector());
    const context = contextOf({ type: 'rpc', args: [] });
    await expect(guard.canActivate(context)).rejects.toBeInstanceOf(SessionUsageError);
  });
});

describe('CsrfGuard', () => {
  const guard = new CsrfGuard(serviceWith({}), new Reflector());
  const judge = (context: ExecutionContext): Promise<unknown> =>
    guard.canActivate(context).catch((error: { status?: number }) => error.status ?? error);

  it('asks all of GraphQL but queries for a token', async () => {
    const context = { req: requestWith() };
    expect(await judge(graphql(context, operation('query')))).toBe(true);
    for (const info of [operation('mutation'), operation('subscription'), operation('?'), {}])
      expect(await judge(graphql(context, info))).toBe(403);
    const withToken = { req: requestWith({ 'x-csrf-token': 'good' }) };
    expect(await judge(graphql(withToken, operation('mutation')))).toBe(true);
  });

  it.each([
    [undefined, 'shop.example', true],
    ['https://shop.example', 'shop.example', true],
    ['http://shop.example:3000', 'shop.example:3000', true],
    ['http://shop.example:3000', 'SHOP.example:3000', true],
    ['https://shop.example:3000', 'shop.example', 403],
    ['https://evil.example', 'shop.example', 403],
    ['https://shop.example.evil.example', 'shop.example', 403],
    ['https://shop.example@evil.example', 'shop.example', 403],
    ['null', 'shop.example', 403],
    ['', 'shop.example', 403],
    ['https://shop.example', undefined, 403],
  ])('of a socket compares Origin %p with Host %p', async (origin, host, verdict) => {
    const request = requestWith({ origin, host }, true);
    expect(await judge(graphql({ req: request }, operation('mutation')))).toBe(verdict);
  });

  it('takes the token of a multipart form from its query, and of no other request', async () => {
    const form = { 'content-type': 'multipart/form-data; boundary=x' };
    const http = (headers: IncomingMessage['headers'], more: object): ExecutionContext =>
      contextOf({ type: 'http', args: [Object.assign(requestWith(headers), more)] });
    expect(await judge(http(form, { query: { _csrf: 'good' } }))).toBe(true);
    expect(await judge(http(form, { query: { _csrf: 'bad' } }))).toBe(403);
    expect(await judge(http(form, {}))).toBe(403);
    expect(await judge(http({ 'content-type': 'application/json' }, { query: { _csrf: 'good' } }))).toBe(403);
    expect(await judge(http({}, { query: { _csrf: 'good' } }))).toBe(403);
  });
});

describe('the interceptor of HTTP', () => {
  it('leaves every other context alone', async () => {
    const interceptor = new RedisSessionInterceptor(undefined as never, undefined as never);
    for (const type of ['graphql', 'ws', 'rpc', 'telegraf']) {
      const values = interceptor.intercept(contextOf({ type, args: [] }), { handle: () => of('value') });
      expect(await lastValueFrom(values)).toBe('value');
    }
  });
});

function plainSocket(
  more: object,
): EventEmitter & { readyState: number; send: () => void; close: () => void } {
  return Object.assign(new EventEmitter(), { readyState: 1, send: noop, close: noop, ...more });
}

function noop(): void {
  // Nothing is sent.
}
