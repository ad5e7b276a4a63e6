import { All, Controller, Module, Req, Res } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Exchange } from '../scene.js';
import { Stage } from '../stage.js';
import { siteOf } from './bare.js';
import { SEED_PATH } from './seed.js';
import { MODULE, Sessions } from './sessions.js';
import type { Target } from './target.js';

/** What programs use of Fastify's request and reply. */
interface FastifyRequest {
  readonly raw: IncomingMessage;
}
interface FastifyReply {
  readonly raw: ServerResponse;
  hijack(): unknown;
  code(code: number): FastifyReply;
  send(body: unknown): unknown;
  redirect(url: string): unknown;
}

/** Nest on Fastify: middleware, a controller's handler, and handlers of Fastify's own that hijack or return. */
export const fastify = fastifyTarget(1);
/** The same over HTTP/2. */
export const fastify2 = fastifyTarget(2);

function fastifyTarget(version: 1 | 2): Target {
  return {
    start: async (withSessions) => {
      const stage = new Stage();
      let sessions: Sessions | undefined;

      const play = (request: FastifyRequest, reply: FastifyReply): Promise<void> =>
        stage.play({
          request: request.raw,
          response: reply.raw,
          ...sessions?.of(request),
          answer: answerOf(reply),
        });

      @Controller('program')
      class ProgramController {
        @All('controller')
        play(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
          return play(request, reply);
        }
      }

      @Module({ imports: withSessions ? [MODULE] : [], controllers: [ProgramController] })
      class FastifyModule {}

      const app = await NestFactory.create<NestFastifyApplication>(FastifyModule, adapterOf(version), {
        logger: false,
        bodyParser: false,
      });
      if (withSessions) sessions = new Sessions(app);
      const instance = app.getHttpAdapter().getInstance();
      // A body is the program's to read.
      instance.addContentTypeParser('text/plain', (_request, _payload, done) => done(null));
      app.use((request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void) => {
        if (request.url === SEED_PATH) return void sessions?.answerSeed(request, response);
        if (stage.answersOther(request, response)) return;
        if (request.url !== '/program/middleware') return next();
        stage.play({ request, response, ...sessions?.of(request), next: () => next() }).catch(next);
      });
      instance.all('/program/hijacked', (request, reply) => {
        reply.hijack();
        play(request, reply).catch(() => {
          if (reply.raw.headersSent) reply.raw.destroy();
          else reply.raw.writeHead(500).end('failed');
        });
      });
      instance.all('/program/reply', async (request, reply) => {
        await play(request, reply);
        return reply;
      });
      await app.listen(0, '127.0.0.1');
      return siteOf(version, app.getHttpServer(), stage, sessions, () => app.close());
    },
  };
}

function adapterOf(version: 1 | 2): FastifyAdapter {
  return version === 1 ? new FastifyAdapter() : new FastifyAdapter({ http2: true } as object);
}

function answerOf(reply: FastifyReply): Exchange['answer'] {
  return (as) => {
    switch (as) {
      case 'text':
        return reply.send('text');
      case 'json':
        return reply.send({ a: 1 });
      case 'redirect':
        return reply.redirect('/elsewhere');
      case 'status':
        return reply.code(403).send('status');
    }
  };
}
