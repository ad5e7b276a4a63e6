import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import { Stage } from '../stage.js';
import { reachedBy, SEED_PATH } from './seed.js';
import { MODULE, Sessions } from './sessions.js';
import type { ListeningServer, Site, Target } from './target.js';

@Module({ imports: [MODULE] })
class BareModule {}

type Listener = (request: IncomingMessage, response: ServerResponse) => void;

/** Node's own server, without a framework. */
export const bare = bareTarget(1, (listener) => createServer(listener));
/** The same of HTTP/2, by the interface that is like the one before. */
export const bare2 = bareTarget(2, (listener) => {
  // Its requests and responses are of other classes, of which applications are told the same.
  const server = createHttp2Server((request, response) => listener(request as never, response as never));
  return server;
});

function bareTarget(version: 1 | 2, create: (listener: Listener) => ListeningServer): Target {
  return {
    start: async (withSessions) => {
      const app = withSessions
        ? await NestFactory.createApplicationContext(BareModule, { logger: false })
        : undefined;
      const sessions = app && new Sessions(app);
      const stage = new Stage();
      const server = create((request, response) => void serve(stage, sessions, request, response));
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      return siteOf(version, server, stage, sessions, async () => app?.close());
    },
  };
}

/** A site around a server that listens. */
export function siteOf(
  version: 1 | 2,
  server: ListeningServer,
  stage: Stage,
  sessions: Sessions | undefined,
  closeApp: () => Promise<void>,
): Site {
  return {
    ...reachedBy(version, server),
    stage,
    store: sessions?.store,
    close: async () => {
      server.closeAllConnections?.();
      server.close();
      await closeApp();
    },
  };
}

/** What an application without a framework does, with the usual answer to what its handler throws. */
async function serve(
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
