import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Stage } from '../stage.js';
import { seedCookie, SEED_PATH } from './seed.js';
import { MODULE, Sessions } from './sessions.js';
import type { Site, Target } from './target.js';

@Module({ imports: [MODULE] })
class BareModule {}

/** Node's own server, without a framework. */
export const bare: Target = {
  start: async (withSessions) => {
    const app = withSessions
      ? await NestFactory.createApplicationContext(BareModule, { logger: false })
      : undefined;
    const sessions = app && new Sessions(app);
    const stage = new Stage();
    const server = createServer((request, response) => void serve(stage, sessions, request, response));
    return listening(server, stage, sessions, async () => app?.close());
  },
};

/** A site around a server that does not listen yet. */
export async function listening(
  server: Server,
  stage: Stage,
  sessions: Sessions | undefined,
  closeRest: () => Promise<void>,
): Promise<Site> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    server,
    stage,
    store: sessions?.store,
    cookie: () => seedCookie(server),
    close: async () => {
      server.closeAllConnections();
      server.close();
      await closeRest();
    },
  };
}

/** What an application without a framework does, with the usual answer to what its handler throws. */
export async function serve(
  stage: Stage,
  sessions: Sessions | undefined,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (request.url === SEED_PATH) return sessions?.answerSeed(request, response);
  if (stage.answersOther(request, response)) return;
  try {
    await stage.play({ request, response, ...sessions?.of(request, response) });
  } catch {
    if (response.headersSent) response.destroy();
    else {
      response.statusCode = 500;
      response.end('failed');
    }
  }
}
