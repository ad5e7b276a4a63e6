import { All, Controller, HttpCode, Param, type ModuleMetadata } from '@nestjs/common';
import { RedisSessionModule, Session, SessionService, type HttpSession } from 'nestjs-redis-session';
import { type RedisSessionModuleExtras, type SessionModuleOptions } from 'nestjs-redis-session';
import { LogSink, startApp, type Adapter, type AppOptions, type StartedApp } from '../../support/apps.js';
import { type Browser, type BrowserResponse } from '../../support/cookie-jar.js';
import { type RedisProcess } from '../../support/redis-server.js';

/** Attributes of any name. */
export interface Bag {
  value?: unknown;
  other?: unknown;
  [name: string]: unknown;
}

/** A session in which any attribute may be set. */
export type AnySession = HttpSession<Bag>;

/** What a request did. */
export interface Visit<R> {
  readonly response: BrowserResponse;
  readonly result: R;
}

/** An application with a route that does whatever a test says. */
export interface Playground extends StartedApp {
  readonly log: LogSink;
  readonly sessions: SessionService;
  /** One request; `use` is its handler. Rejects with what the handler threw, or when the answer is no success. */
  readonly visit: <R>(
    browser: Browser,
    use: (session: AnySession) => R | Promise<R>,
    method?: string,
  ) => Promise<Visit<R>>;
}

/** What else an application has. */
export interface PlaygroundExtras extends AppOptions {
  module?: ModuleMetadata | undefined;
}

/** Starts an application with the session module and these options. */
export async function startPlayground(
  adapter: Adapter,
  options: SessionModuleOptions & RedisSessionModuleExtras,
  { module = {}, ...appOptions }: PlaygroundExtras = {},
): Promise<Playground> {
  const handlers = new Map<string, (session: HttpSession) => unknown>();
  let visits = 0;

  @Controller()
  class PlaygroundController {
    @All('visit/:id')
    @HttpCode(200)
    async visit(@Session() session: HttpSession, @Param('id') id: string): Promise<string> {
      await handlers.get(id)?.(session);
      return 'ok';
    }
  }

  const log = new LogSink();
  const metadata: ModuleMetadata = {
    ...module,
    imports: [RedisSessionModule.forRoot(options), ...(module.imports ?? [])],
    controllers: [PlaygroundController, ...(module.controllers ?? [])],
  };
  const started = await startApp(adapter, metadata, { logger: log, ...appOptions });
  return {
    ...started,
    log,
    sessions: started.app.get(SessionService),
    visit: async (browser, use, method = 'POST') => {
      const id = String((visits += 1));
      const outcome: { result?: Awaited<ReturnType<typeof use>>; error?: unknown } = {};
      handlers.set(id, async (session) => {
        try {
          outcome.result = await use(session as AnySession);
        } catch (error) {
          outcome.error = error;
          throw error;
        }
      });
      const response = await browser.request(method, `${started.url}/visit/${id}`);
      handlers.delete(id);
      if ('error' in outcome) throw outcome.error;
      if (response.status !== 200)
        throw new Error(`A visit was answered ${response.status}: ${response.text}`);
      return { response, result: outcome.result as Awaited<ReturnType<typeof use>> };
    },
  };
}

/** The options that point at a server, with patience: what is about time sets `timeoutMs` itself. */
export function redisAt({ host, port }: Pick<RedisProcess, 'host' | 'port'>): {
  redis: { host: string; port: number; timeoutMs: number };
} {
  return { redis: { host, port, timeoutMs: 20_000 } };
}
