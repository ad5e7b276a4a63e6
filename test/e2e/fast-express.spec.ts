import { describe, expect, it } from '@jest/globals';
import { Controller, Get, HttpCode, Post, Req } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter, type NestExpressApplication } from '@nestjs/platform-express';
import { RedisSessionModule, Session, type HttpSession } from 'nestjs-redis-session';
import { fastExpress } from 'nestjs-redis-session/express';
import { IncomingMessage, request as send, type Server, type ServerResponse } from 'node:http';
import { request as sendSecurely } from 'node:https';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { AddressInfo, Socket } from 'node:net';
import { LogSink } from '../support/apps.js';
import { onCleanup } from '../support/cleanup.js';
import { Browser } from '../support/cookie-jar.js';
import { makeAuthority } from '../topologies/helpers/certificates.js';

/** From Node 24 on it changes nothing: see httpClassesWith. */
const isFast = Number(process.versions.node.split('.')[0]) < 24;

interface Shop {
  views?: number;
}

@Controller()
class ShopController {
  @Post('view')
  @HttpCode(200)
  view(@Session() session: HttpSession<Shop>, @Req() request: { ip: string; query: object }): object {
    session.views = (session.views ?? 0) + 1;
    return { views: session.views, ip: request.ip, query: request.query };
  }

  @Get('plain')
  plain(): object {
    return { ok: true };
  }
}

type Options = NonNullable<Parameters<typeof NestFactory.create>[2]>;

async function start(
  options: Options = {},
  adapter = fastExpress(new ExpressAdapter()),
): Promise<{ app: NestExpressApplication; server: Server; port: number }> {
  const root = {
    module: class Root {},
    imports: [RedisSessionModule.forRoot({})],
    controllers: [ShopController],
  };
  const app = await NestFactory.create<NestExpressApplication>(root, adapter, {
    ...{ logger: new LogSink(), abortOnError: false, ...options },
  } as Options);
  onCleanup(() => app.close());
  await app.listen(0, '127.0.0.1');
  const server = app.getHttpServer();
  return { app, server, port: (server.address() as AddressInfo).port };
}

describe('An Express that is made fast', () => {
  it('serves sessions, and what Express adds to requests', async () => {
    const { port } = await start();
    const browser = new Browser(`http://127.0.0.1:${port}`);
    for (const views of [1, 2]) {
      const answer = await browser.post('/view?a=1');
      expect(JSON.parse(answer.text)).toEqual({ views, ip: '127.0.0.1', query: { a: '1' } });
    }
  });

  it('has nothing to change about requests and responses', async () => {
    const { app, server, port } = await start();
    const seen: unknown[] = [];
    server.prependListener('request', (request: IncomingMessage, response: ServerResponse) => {
      seen.push(Object.getPrototypeOf(request), Object.getPrototypeOf(response));
    });
    await new Browser(`http://127.0.0.1:${port}`).get('/plain');
    const express = app.getHttpAdapter().getInstance() as { request: object; response: object };
    if (isFast) expect(seen).toEqual([express.request, express.response]);
    expect(seen[0] === express.request).toBe(isFast);
    expect(seen[1] === express.response).toBe(isFast);
  });

  it('hands over an upgrade as Node makes it, and one that nobody wants stays a request', async () => {
    const { server, port } = await start();
    const headers = { connection: 'Upgrade', upgrade: 'chat' };
    const ask = (): ReturnType<typeof send> => send({ port, path: '/plain', headers }).end();
    expect(((await once(ask(), 'response')) as [IncomingMessage])[0].statusCode).toBe(200);

    const prototypes: unknown[] = [];
    const take = (request: IncomingMessage, socket: Socket): void => {
      prototypes.push(Object.getPrototypeOf(request));
      socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n');
    };
    for (const listen of [() => server.on('upgrade', take), () => server.once('upgrade', take)]) {
      listen();
      const [, socket] = (await once(ask(), 'upgrade')) as [IncomingMessage, Socket];
      socket.destroy();
      server.off('upgrade', take);
    }
    expect(prototypes).toEqual([IncomingMessage.prototype, IncomingMessage.prototype]);
    expect(((await once(ask(), 'response')) as [IncomingMessage])[0].statusCode).toBe(200);
  });

  it.each([{}, { forceCloseConnections: true }, { return503OnClosing: true }])(
    'listens to its server as Nest has it, with %j',
    async (options) => {
      const [{ server }, plain] = await Promise.all([
        start(options as Options),
        start(options as Options, new ExpressAdapter()),
      ]);
      const counts = (each: Server): unknown =>
        ['connection', 'request', 'listening', 'close', 'error'].map((event) => each.listenerCount(event));
      expect(counts(server)).toEqual(counts(plain.server));
    },
  );

  it('does so over TLS', async () => {
    const authority = await makeAuthority();
    const pair = await authority.issue('localhost');
    const [key, cert, ca] = await Promise.all(
      [pair.key, pair.cert, authority.ca].map((path) => readFile(path)),
    );
    const { server, port } = await start({ httpsOptions: { key, cert } });
    const prototypes: unknown[] = [];
    server.prependListener('request', (request) => prototypes.push(Object.getPrototypeOf(request)));
    const request = sendSecurely({
      port,
      host: '127.0.0.1',
      servername: 'localhost',
      path: '/plain',
      ca,
    }).end();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    expect(response.statusCode).toBe(200);
    response.resume();
    expect(prototypes[0] === IncomingMessage.prototype).toBe(!isFast);
  });
});
