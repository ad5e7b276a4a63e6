import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import flash from 'connect-flash';
import cookieParser from 'cookie-parser';
import { doubleCsrf } from 'csrf-csrf';
import csurf from 'csurf';
import type { NextFunction, Request, Response } from 'express';
import { rateLimit } from 'express-rate-limit';
import { expressSession } from 'nestjs-redis-session/express';
import passport from 'passport';
import { AppModule } from './app.module.js';

/** The id of a session that lasts, also of a visitor who has nothing in it yet. */
function keptSessionId(request: Request): string {
  request.session.keep();
  return request.session.id;
}

export async function createApp(): Promise<NestExpressApplication> {
  const app = await NestFactory.create<NestExpressApplication>(AppModule, { logger: ['error', 'warn'] });
  app.use(expressSession(app));
  app.use(passport.session());
  app.use(flash());
  app.use('/limited', rateLimit({ limit: 3, windowMs: 60_000, keyGenerator: keptSessionId }));
  app.use('/csurf', csurf());
  const { doubleCsrfProtection } = doubleCsrf({
    getSecret: () => process.env.CSRF_SECRET ?? 'of the example only',
    getSessionIdentifier: keptSessionId,
    cookieName: 'csrf',
    cookieOptions: { secure: false },
  });
  app.use('/csrf-csrf', cookieParser(), doubleCsrfProtection);
  // What a plugin refuses is an error of Express's kind, which Nest takes for one of the server.
  app.use((error: { status?: number }, _request: Request, response: Response, next: NextFunction) => {
    if (error.status === 403) response.status(403).send('Forbidden');
    else next(error);
  });
  return app;
}
