import { RedisStore } from 'connect-redis';
import express, { type Express } from 'express';
import session from 'express-session';
import type { Redis } from 'ioredis';

declare module 'express-session' {
  interface SessionData {
    userId: string;
    cart: string[];
  }
}

/** The application as it is before the move: express-session with connect-redis. */
export function createBefore(client: Redis, secret: string): Express {
  const app = express();
  app.use(
    session({ store: new RedisStore({ client }), secret, resave: false, saveUninitialized: false }),
    express.json(),
  );
  app.get('/me', (request, response) => {
    const { userId, cart } = request.session;
    response.json({ user: userId, cart });
  });
  app.post('/login', (request, response, next) => {
    request.session.regenerate((error) => {
      if (error) return next(error);
      Object.assign(request.session, { userId: request.body.name, cart: ['tea'] });
      response.sendStatus(201);
    });
  });
  app.post('/logout', (request, response, next) => {
    request.session.destroy((error) => (error ? next(error) : response.sendStatus(201)));
  });
  return app;
}
