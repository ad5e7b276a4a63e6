import { afterEach, describe, expect, it } from '@jest/globals';
import { All, Controller, Req, Res, type ModuleMetadata } from '@nestjs/common';
import { RedisSessionModule, SessionService, type AnyRequest } from 'nestjs-redis-session';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { startApp, type StartedApp } from '../support/apps.js';
import { ask, type Question } from './helpers/stack-answers.js';

type Next = (error?: Error) => void;
type Middleware = (request: IncomingMessage, response: ServerResponse, next: Next) => unknown;
type Make = (options?: unknown) => unknown;

/** Packages without types of their own. */
async function load(name: string): Promise<Make & Record<string, Make>> {
  const loaded = (await import(name)) as { default: Make & Record<string, Make> };
  return loaded.default;
}

const HERE = dirname(fileURLToPath(import.meta.url));
const BOUNDARY = 'boundary';
const FORM =
  `--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n` +
  `Content-Type: text/plain\r\n\r\ncontent\r\n--${BOUNDARY}--\r\n`;
const GZIP = { 'accept-encoding': 'gzip' };

const QUESTIONS: Readonly<Record<string, Question>> = {
  'an answer of the framework': { path: '/json', headers: GZIP },
  'the same without compression': { path: '/json' },
  'a stream': { path: '/stream', headers: GZIP },
  'writes and an end': { path: '/writes', headers: GZIP },
  'a file': { path: '/files/gate.ts', headers: GZIP },
  'a range of a file': { path: '/files/stack-answers.ts', headers: { range: 'bytes=10-29' } },
  'a range that is not there': { path: '/files/stack-answers.ts', headers: { range: 'bytes=999999-' } },
  'a HEAD request': { path: '/json', method: 'HEAD' },
  'an upload': {
    path: '/upload',
    method: 'POST',
    headers: { 'content-type': `multipart/form-data; boundary=${BOUNDARY}` },
    body: FORM,
  },
  'a failure': { path: '/fails' },
};

/** What stands around a session. Each is made anew for each application. */
const EXPRESS: Readonly<Record<string, () => Promise<Middleware>>> = {
  compression: async () => (await load('compression'))({ threshold: 0 }) as Middleware,
  'response-time': async () => (await load('response-time'))() as Middleware,
  'on-headers': async () => {
    const onHeaders = (await load('on-headers')) as unknown as (
      response: ServerResponse,
      call: () => void,
    ) => void;
    return (_request, response, next) => {
      onHeaders(response, () => response.setHeader('x-at-last', 'yes'));
      next();
    };
  },
  morgan: async () => {
    const morgan = (await load('morgan')) as unknown as (format: string, options: object) => Middleware;
    return morgan('tiny', { stream: { write: () => true } });
  },
  helmet: async () => (await load('helmet'))() as Middleware,
  'express-session': async () =>
    (await load('express-session'))({ secret: 's', resave: false, saveUninitialized: true }) as Middleware,
  'serve-static': async () => {
    const serveStatic = (await load('serve-static')) as unknown as (root: string) => Middleware;
    const files = serveStatic(`${HERE}/helpers`);
    return (request, response, next) => {
      if (request.url?.startsWith('/files/') !== true) return next();
      const { url } = request;
      request.url = url.slice('/files'.length);
      return files(request, response, () => {
        request.url = url;
        next();
      });
    };
  },
  multer: async () => ((await load('multer'))() as { any: () => Middleware }).any(),
};

@Controller()
class StackController {
  @All('json')
  json(): object {
    return { text: 'x'.repeat(3000) };
  }

  @All('upload')
  upload(@Req() request: { files?: { originalname: string; size: number }[] }): object {
    return { files: request.files?.map(({ originalname, size }) => [originalname, size]) };
  }

  @All('fails')
  fails(): never {
    throw new Error('fails');
  }

  @All('stream')
  stream(@Res() reply: ServerResponse | { raw: ServerResponse }): void {
    Readable.from(['one', 'two'.repeat(20_000), 'three']).pipe('raw' in reply ? reply.raw : reply);
  }

  @All('writes')
  writes(@Res() reply: ServerResponse | { raw: ServerResponse }): void {
    const response = 'raw' in reply ? reply.raw : reply;
    response.setHeader('Content-Type', 'text/plain');
    response.write('one');
    response.end('two');
  }
}

const open: StartedApp[] = [];
afterEach(async () => {
  for (const app of open.splice(0)) await app.close();
});

/** An Express application with these in their order; `session` is where the session is opened and changed. */
async function startStack(names: readonly string[], withSession: boolean): Promise<StartedApp> {
  const metadata: ModuleMetadata = {
    imports: withSession ? [RedisSessionModule.forRoot({})] : [],
    controllers: [StackController],
  };
  const started = await startApp('express', metadata, {
    configure: async (app) => {
      for (const name of names) {
        if (name !== 'session') app.use(await EXPRESS[name]?.());
        else if (withSession) app.use(changesSession(app.get(SessionService)));
      }
    },
  });
  open.push(started);
  return started;
}

function changesSession(sessions: SessionService) {
  return (request: AnyRequest, _response: unknown, next: Next): void => {
    sessions.of<{ value?: number }>(request).then(
      (session) => {
        session.value = (session.value ?? 0) + 1;
        next();
      },
      (error: unknown) => next(error instanceof Error ? error : new Error('The session did not open.')),
    );
  };
}

async function expectSame(plain: StartedApp, withSession: StartedApp): Promise<void> {
  for (const [what, question] of Object.entries(QUESTIONS)) {
    const expected = await ask(plain.url, question);
    const told = await ask(withSession.url, question).catch((error: unknown) => error);
    expect({ what, told }).toEqual({ what, told: expected });
  }
}

describe('A stack of middleware answers with a session as without, on Express', () => {
  const all = Object.keys(EXPRESS);
  const pairs = all.flatMap((name) => [
    [name, 'session'],
    ['session', name],
  ]);
  const whole = [...all, ''].flatMap((_, at) => [
    [...all.slice(0, at), 'session', ...all.slice(at)],
    [...all.slice(0, at).toReversed(), 'session', ...all.slice(at).toReversed()],
  ]);

  it.each([...pairs, ...whole].map((names) => [names.join(' → '), names] as const))(
    '%s',
    async (_, names) => {
      await expectSame(await startStack(names, false), await startStack(names, true));
    },
  );
});

/** Where on Fastify a session is opened. */
const PLACES = ['middleware', 'onRequest', 'preHandler', 'onSend'] as const;
const PLUGINS = ['@fastify/compress', 'fastify-static-8', '@fastify/multipart'];

interface FastifyLike {
  register(plugin: unknown, options: object): Promise<unknown>;
  addHook(name: string, hook: (request: AnyRequest) => Promise<void>): void;
}

async function startPlugins(
  place: (typeof PLACES)[number],
  plugins: readonly string[],
  withSession: boolean,
) {
  const metadata: ModuleMetadata = {
    imports: withSession ? [RedisSessionModule.forRoot({})] : [],
    controllers: [StackController],
  };
  const started = await startApp('fastify', metadata, {
    configure: async (app) => {
      const instance = app.getHttpAdapter().getInstance() as unknown as FastifyLike;
      const options: Record<string, object> = {
        '@fastify/compress': { threshold: 0 },
        'fastify-static-8': { root: `${HERE}/helpers`, prefix: '/files/' },
      };
      for (const name of plugins) await instance.register(await load(name), options[name] ?? {});
      if (!withSession) return;
      const change = changesSession(app.get(SessionService));
      if (place === 'middleware') app.use(change);
      else
        instance.addHook(place, (request) => {
          return new Promise((resolve, reject) => {
            change(request, undefined, (error) => {
              if (error === undefined) resolve();
              else reject(error);
            });
          });
        });
    },
  });
  open.push(started);
  return started;
}

describe('Plugins answer with a session as without, on Fastify', () => {
  const orders = [...PLUGINS.map((name) => [name]), PLUGINS, PLUGINS.toReversed()];
  const cases = orders.flatMap((names) => PLACES.map((place) => [names.join(' → '), place, names] as const));
  it.each(cases)('%s, the session opened in %s', async (_, place, names) => {
    await expectSame(await startPlugins(place, names, false), await startPlugins(place, names, true));
  });
});
