import { Controller, Get, Inject, Module, type MiddlewareConsumer, type NestModule } from '@nestjs/common';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { RedisSessionModule, Session, SessionService, type HttpSession } from 'nestjs-redis-session';
import dns from 'node:dns';
import type { IncomingMessage } from 'node:http';
import { onCleanup } from '../support/cleanup.js';
import { Browser } from '../support/cookie-jar.js';

interface Seen {
  seen?: number;
}

@Controller()
class SeenController {
  @Get('seen') seen(@Session() session: HttpSession<Seen>): { seen: number } {
    return { seen: session.seen ?? 0 };
  }
}

@Module({ imports: [RedisSessionModule.forRoot()], controllers: [SeenController] })
class SeenModule implements NestModule {
  constructor(@Inject(SessionService) private readonly sessions: SessionService) {}

  configure(consumer: MiddlewareConsumer): void {
    const count = async (request: IncomingMessage, _response: unknown, next: (error?: unknown) => void) => {
      const session = await this.sessions.of<Seen>(request);
      session.seen = (session.seen ?? 0) + 1;
      next();
    };
    consumer.apply(count).forRoutes('*all');
  }
}

afterEach(() => {
  jest.restoreAllMocks();
});

describe('a Fastify application that listens on a name with two addresses', () => {
  it('has sessions in middleware on each of them, though Fastify shows only one of its two servers', async () => {
    // As where localhost is 127.0.0.1 and ::1, on machines that have no IPv6 too.
    const both = [
      { address: '127.0.0.1', family: 4 },
      { address: '127.0.0.2', family: 4 },
    ];
    const lookup = (name: string, ...rest: unknown[]): void => {
      const done = rest.pop() as (...answer: unknown[]) => void;
      const options = rest[0] as { all?: boolean } | undefined;
      const first = name === 'localhost' ? '127.0.0.1' : name;
      process.nextTick(() => (options?.all ? done(null, both) : done(null, first, 4)));
    };
    jest.spyOn(dns, 'lookup').mockImplementation(lookup);
    const app = await NestFactory.create(SeenModule, new FastifyAdapter(), {
      logger: false,
      abortOnError: false,
    });
    onCleanup(() => app.close());
    const server = (await app.listen(0, 'localhost')) as { address: () => { port: number } };
    const { port } = server.address();
    for (const { address } of both) {
      const browser = new Browser(`http://${address}:${port}`);
      for (let seen = 1; seen <= 3; seen++) {
        expect((await browser.get('/seen')).json()).toEqual({ seen });
      }
    }
  });
});
