import { All, Controller, Module, Req, Res } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Exchange } from '../scene.js';
import { Stage } from '../stage.js';
import { siteOf } from './bare.js';
import { SEED_PATH } from './seed.js';
import { MODULE, Sessions } from './sessions.js';
import type { Target } from './target.js';

/** What programs use of Express's response. */
interface ExpressResponse extends ServerResponse {
  send(body: string): unknown;
  json(body: unknown): unknown;
  redirect(url: string): unknown;
  sendStatus(code: number): unknown;
}

/** Nest on Express: a handler can be its middleware, or a controller's. */
export const express: Target = {
  start: async (withSessions) => {
    const stage = new Stage();
    let sessions: Sessions | undefined;

    const play = (request: IncomingMessage, response: ExpressResponse, next?: () => void): Promise<void> =>
      stage.play({ request, response, ...sessions?.of(request), answer: answerOf(response), next });

    @Controller('program')
    class ProgramController {
      @All('controller')
      play(@Req() request: IncomingMessage, @Res() response: ExpressResponse): Promise<void> {
        return play(request, response);
      }
    }

    @Module({ imports: withSessions ? [MODULE] : [], controllers: [ProgramController] })
    class ExpressModule {}

    const app = await NestFactory.create(ExpressModule, new ExpressAdapter(), {
      logger: false,
      bodyParser: false,
    });
    // Its page of an error shows no stack then, in which a session is seen.
    (app.getHttpAdapter().getInstance() as { set(name: string, value: string): void }).set(
      'env',
      'production',
    );
    if (withSessions) sessions = new Sessions(app);
    app.use((request: IncomingMessage, response: ExpressResponse, next: () => void) => {
      if (request.url === SEED_PATH) return sessions?.answerSeed(request, response);
      if (stage.answersOther(request, response)) return undefined;
      return request.url === '/program/middleware' ? play(request, response, next) : next();
    });
    await app.listen(0, '127.0.0.1');
    return siteOf(1, app.getHttpServer() as Server, stage, sessions, () => app.close());
  },
};

function answerOf(response: ExpressResponse): Exchange['answer'] {
  return (as) => {
    switch (as) {
      case 'text':
        return response.send('text');
      case 'json':
        return response.json({ a: 1 });
      case 'redirect':
        return response.redirect('/elsewhere');
      case 'status':
        return response.sendStatus(403);
    }
  };
}
