import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ModuleMetadata } from '@nestjs/common';
import type { SessionModuleOptions } from 'nestjs-redis-session';
import {
  expressSession,
  type AnyExpressSession,
  type ExpressSessionOptions,
} from 'nestjs-redis-session/express';
import type { TestApplication } from '../../support/apps.js';
import { startSite, type Site } from './site.js';

/** A request with what the middleware puts on it. */
export type SessionRequest = IncomingMessage & {
  session: AnyExpressSession;
  sessionID: string;
  sessionStore: unknown;
};

/** An application on Express with `expressSession`. */
export type ExpressSite = Site<SessionRequest, ServerResponse>;

/** What else the application has. */
export interface SiteExtras {
  readonly express?: ExpressSessionOptions | undefined;
  readonly module?: ModuleMetadata | undefined;
  /** Between `expressSession` and the handlers. */
  readonly middleware?: ((app: TestApplication) => void) | undefined;
  /** Before all else. */
  readonly before?: ((app: TestApplication) => void) | undefined;
}

/** Starts one. */
export function startExpressSite(
  options: SessionModuleOptions,
  { express, module, middleware, before }: SiteExtras = {},
): Promise<ExpressSite> {
  return startSite(options, {
    adapter: 'express',
    method: 'POST',
    module,
    configure: (app, handlerOf) => {
      before?.(app);
      app.use(expressSession(app, express));
      middleware?.(app);
      app.use((request: SessionRequest, response: ServerResponse, next: (error?: unknown) => void) => {
        const handler = handlerOf(request.headers);
        if (handler === undefined) return next();
        Promise.resolve(handler(request, response)).then((value) => {
          if (!response.writableEnded) response.end(JSON.stringify(value) as string | undefined);
        }, next);
      });
    },
  });
}

/** Calls a method of express-session with a callback; resolves once that is called, rejects with its error. */
export function called(method: (callback: (error?: unknown) => void) => unknown): Promise<void> {
  return new Promise((resolve, reject) => {
    method((error) => {
      if (error === undefined || error === null) resolve();
      else reject(error instanceof Error ? error : new Error('A callback got an error that is none.'));
    });
  });
}
