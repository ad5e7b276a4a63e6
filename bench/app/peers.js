/** The peers, each in the configuration that its own README recommends for production. */
import { Buffer } from 'node:buffer';

const SECRET = 'a-secret-of-the-benchmark-that-is-long-enough';
const TTL_SECONDS = 1800;

const properties = {
  get: (session, name) => session[name],
  set: (session, name, value) => void (session[name] = value),
};

/** https://github.com/tj/connect-redis#api */
export const expressSession = {
  access: {
    ...properties,
    login: (session, request, user) =>
      new Promise((resolve, reject) => {
        session.regenerate((error) => {
          if (error) return reject(error);
          request.session.user = user;
          resolve(request.session);
        });
      }),
    user: (session) => session.user,
    logout: (session) =>
      new Promise((resolve, reject) => session.destroy((error) => (error ? reject(error) : resolve()))),
  },
  async prepare(app, { redisPort }) {
    const { default: session } = await import('express-session');
    app.use(
      session({
        store: await connectRedis(redisPort),
        resave: false,
        saveUninitialized: false,
        secret: SECRET,
      }),
    );
  },
};

/** https://github.com/fastify/session#usage */
export const officialFastifySession = {
  access: {
    ...properties,
    login: async (session, request, user) => {
      await session.regenerate();
      request.session.user = user;
      return request.session;
    },
    user: (session) => session.user,
    logout: (session) => session.destroy(),
  },
  async prepare(app, { redisPort }) {
    const { default: cookie } = await import('@fastify/cookie');
    const { default: session } = await import('@fastify/session');
    await app.register(cookie);
    await app.register(session, {
      secret: SECRET,
      store: await connectRedis(redisPort),
      saveUninitialized: false,
      cookie: { secure: false },
    });
  },
};

/** https://github.com/mgcrea/fastify-session#production-example-signed-session-with-sodium-stored-in-redis */
export const mgcreaFastifySession = {
  access: {
    get: (session, name) => session.get(name),
    set: (session, name, value) => session.set(name, value),
    // It has no way to renew an id.
    login: async (session, _request, user) => {
      session.set('user', user);
      return session;
    },
    user: (session) => session.get('user'),
    logout: (_session, request) => request.destroySession(),
  },
  async prepare(app, { redisPort }) {
    const { default: cookie } = await import('@fastify/cookie');
    const { default: session } = await import('@mgcrea/fastify-session');
    const { RedisStore } = await import('@mgcrea/fastify-session-redis-store');
    const { SODIUM_AUTH } = await import('@mgcrea/fastify-session-sodium-crypto');
    const { Redis } = await import('ioredis');
    await app.register(cookie);
    await app.register(session, {
      key: Buffer.alloc(32, 7),
      crypto: SODIUM_AUTH,
      store: new RedisStore({ client: new Redis(redisPort, '127.0.0.1'), ttl: TTL_SECONDS }),
      saveUninitialized: false,
      cookie: { maxAge: TTL_SECONDS },
    });
  },
};

async function connectRedis(redisPort) {
  const { createClient } = await import('redis');
  const { RedisStore } = await import('connect-redis');
  const client = createClient({ url: `redis://127.0.0.1:${redisPort}` });
  await client.connect();
  return new RedisStore({ client, prefix: 'peer:', ttl: TTL_SECONDS });
}
