/**
 * Who takes part. Each contestant makes the root module of a NestJS application, and may prepare the application
 * before it listens. `about` goes into the report.
 */
import { Session as PeerSession } from '@nestjs/common';
import { Redis } from 'ioredis';
import { randomBytes } from 'node:crypto';
import process from 'node:process';
import { fastExpress } from '../../dist/express/index.js';
import * as library from '../../dist/index.js';
import { rawController, sessionController } from './controllers.js';
import { racesController } from './races.js';
import { mgcreaFastifySession, officialFastifySession, expressSession } from './peers.js';

const SECRET = 'a-secret-of-the-benchmark-that-is-long-enough';

/** Another build of the library, to compare this one with: see `--other` of run.js. */
const other = process.env.BENCH_OTHER === undefined ? undefined : await import(process.env.BENCH_OTHER);

const moduleAccess = ({ Session }) => ({
  session: Session,
  get: (session, name) => session[name],
  set: (session, name, value) => void (session[name] = value),
  login: async (session, _request, user) => {
    await session.authenticate(user);
    return session;
  },
  user: (session) => session.principal,
  logout: (session) => session.destroy(),
});

/** For a handler that gets no session at all. */
const noAccess = {
  session: () => () => undefined,
  get: () => 0,
  set: () => undefined,
  login: async () => undefined,
};

function module(about, options = {}) {
  const { build = library } = options;
  return {
    about,
    create: ({ redisPort }) => ({
      imports: [
        build.RedisSessionModule.forRoot({
          ...(options.memoryOnly !== true && { redis: { host: '127.0.0.1', port: redisPort } }),
          // The 256 KiB workloads are over the default limit of 64 KiB.
          maxSessionBytes: 4 * 1024 * 1024,
          memory: { maxSessions: 1_000_000, maxBytes: 4 * 1024 ** 3 },
          ...options.settings,
        }),
      ],
      controllers: [sessionController(moduleAccess(build)), racesController(moduleAccess(build))],
    }),
  };
}

const noop = { intercept: (_context, next) => next.handle() };

function without(about, interceptor) {
  return { about, create: () => ({ controllers: [sessionController(noAccess)] }), interceptor };
}

function raw(about, interceptor) {
  return {
    about,
    create: ({ redisPort }) => ({ controllers: [rawController(new Redis(redisPort, '127.0.0.1'))] }),
    interceptor,
  };
}

function peer(about, adapter, { access, prepare }) {
  return {
    about,
    adapter,
    create: () => ({
      controllers: [sessionController, racesController].map((make) =>
        make({ session: PeerSession, ...access }),
      ),
    }),
    prepare,
  };
}

/** @type {Record<string, any>} */
export const CONTESTANTS = {
  none: without('an application without sessions'),
  'none+interceptor': without('the same with a global interceptor that does nothing', noop),
  raw: raw('the limit: the handler sends the fewest commands itself, with ioredis'),
  'raw+interceptor': raw('the same with a global interceptor that does nothing', noop),
  module: module('this module, default settings, Redis'),
  'module-hold': module('this module, `globalInterceptor: false`', {
    settings: { globalInterceptor: false },
  }),
  'module-fast': {
    ...module('this module, `fastExpress(new ExpressAdapter())`'),
    adapter: 'express',
    adapted: fastExpress,
  },
  'module-memory': module('this module, sessions in this process', { memoryOnly: true }),
  'module-json': module('this module, `codec: json`', { settings: { codec: 'json' } }),
  'module-signed': module('this module, signed cookies', { settings: { secrets: [SECRET] } }),
  'module-encrypted': module('this module, encryption at rest', {
    settings: { encryptionKeys: [randomBytes(32).toString('base64')] },
  }),
  'module-touch60': module('this module, `touchIntervalSeconds: 60`', {
    settings: { touchIntervalSeconds: 60 },
  }),
  ...(other !== undefined && {
    'module-other': module('this module, another build', { build: other }),
    'module-other-hold': module('the same, `globalInterceptor: false`', {
      build: other,
      settings: { globalInterceptor: false },
    }),
  }),
  'express-session': peer(
    "express-session + connect-redis, as connect-redis's README: resave and saveUninitialized false",
    'express',
    expressSession,
  ),
  '@fastify/session': peer(
    '@fastify/session + connect-redis, its README: defaults, saveUninitialized false, cookie.secure false for HTTP',
    'fastify',
    officialFastifySession,
  ),
  '@mgcrea/fastify-session': peer(
    "@mgcrea/fastify-session, its README's production example: sodium, its Redis store on ioredis",
    'fastify',
    mgcreaFastifySession,
  ),
};
