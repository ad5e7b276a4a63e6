import { type IncomingMessage, type ServerResponse } from 'node:http';
import { Controller, Get, type ModuleMetadata } from '@nestjs/common';
import {
  RedisSessionModule,
  Session,
  SessionService,
  type HttpSession,
  type SessionEvent,
  type SessionModuleOptions,
} from 'nestjs-redis-session';
import {
  expressSession,
  type AnyExpressSession,
  type ExpressSessionOptions,
} from 'nestjs-redis-session/express';
import { LogSink, startApp, type StartedApp, type TestApplication } from '../../support/apps.js';
import { type Browser, type BrowserResponse } from '../../support/cookie-jar.js';

/** A request with what the middleware puts on it. */
export type SessionRequest = IncomingMessage & {
  session: AnyExpressSession;
  sessionID: string;
  sessionStore: unknown;
};

/** A handler of Express: answers itself, or resolves to what is to be answered as JSON. */
export type Handler<R> = (request: SessionRequest, response: ServerResponse) => R | Promise<R>;

/** An application on Express with `expressSession`, which does whatever a test says. */
export interface ExpressSite extends StartedApp {
  readonly log: LogSink;
  readonly events: SessionEvent[];
  /** One request. Rejects with what the handler threw, or when the answer is no success. */
  readonly visit: <R>(browser: Browser, use: Handler<R>, path?: string) => Promise<Visited<R>>;
  /** What `@Session()` has: attributes and `principal`. */
  readonly seenByNest: (browser: Browser) => Promise<{ attributes: object; principal?: string; id: string }>;
}

/** What a request did. */
export interface Visited<R> {
  readonly response: BrowserResponse;
  readonly result: R;
}

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
export async function startExpressSite(
  options: SessionModuleOptions,
  { express, module = {}, middleware, before }: SiteExtras = {},
): Promise<ExpressSite> {
  const handlers = new Map<string, Handler<unknown>>();
  let visits = 0;

  @Controller()
  class SeenController {
    @Get('seen-by-nest')
    seen(@Session() session: HttpSession): object {
      return { attributes: { ...session }, principal: session.principal, id: session.id };
    }
  }

  const log = new LogSink();
  const events: SessionEvent[] = [];
  const started = await startApp(
    'express',
    {
      ...module,
      imports: [RedisSessionModule.forRoot(options), ...(module.imports ?? [])],
      controllers: [SeenController, ...(module.controllers ?? [])],
    },
    {
      logger: log,
      configure: (app) => {
        before?.(app);
        app.use(expressSession(app, express));
        middleware?.(app);
        app.use((request: SessionRequest, response: ServerResponse, next: (error?: unknown) => void) => {
          const handler = handlers.get(String(request.headers['x-visit']));
          if (handler === undefined) return next();
          Promise.resolve(handler(request, response)).then((value) => {
            if (!response.writableEnded) response.end(JSON.stringify(value) as string | undefined);
          }, next);
        });
        app.get(SessionService).events.subscribe((event) => events.push(event));
      },
    },
  );
  return {
    ...started,
    log,
    events,
    visit: async <R>(browser: Browser, use: Handler<R>, path = '/anywhere') => {
      const id = String((visits += 1));
      const outcome: { result?: R; error?: unknown } = {};
      handlers.set(id, async (request, response) => {
        try {
          return (outcome.result = await use(request, response));
        } catch (error) {
          outcome.error = error;
          throw error;
        }
      });
      const response = await browser.request('POST', `${started.url}${path}`, {
        headers: { 'x-visit': id },
      });
      handlers.delete(id);
      if ('error' in outcome) throw outcome.error;
      if (response.status !== 200)
        throw new Error(`A visit was answered ${response.status}: ${response.text}`);
      return { response, result: outcome.result as R };
    },
    seenByNest: async (browser) => (await browser.get(`${started.url}/seen-by-nest`)).json(),
  };
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
