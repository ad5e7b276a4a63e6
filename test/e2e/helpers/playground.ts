import { All, Controller, HttpCode, Param, type ModuleMetadata } from '@nestjs/common';
import { RedisSessionModule, Session, SessionService, type HttpSession } from 'nestjs-redis-session';
import { type RedisSessionModuleExtras, type SessionModuleOptions } from 'nestjs-redis-session';
import { LogSink, startApp, type Adapter, type AppOptions, type StartedApp } from '../../support/apps.js';
import { type Browser } from '../../support/cookie-jar.js';
import { type RedisProcess } from '../../support/redis-server.js';
import { Visits, type Visited } from './visits.js';

/** Attributes of any name. */
export interface Bag {
  value?: unknown;
  other?: unknown;
  [name: string]: unknown;
}

/** A session in which any attribute may be set. */
export type AnySession = HttpSession<Bag>;

/** An application with a route that does whatever a test says. */
export interface Playground extends StartedApp {
  readonly log: LogSink;
  readonly sessions: SessionService;
  /** One request; `use` is its handler. Rejects with what the handler threw, or when the answer is no success. */
  readonly visit: <R>(
    browser: Browser,
    use: (session: AnySession) => R | Promise<R>,
    method?: string,
  ) => Promise<Visited<R>>;
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
  const visits = new Visits<[AnySession]>();

  @Controller()
  class PlaygroundController {
    @All('visit/:id')
    @HttpCode(200)
    async visit(@Session() session: HttpSession, @Param('id') id: string): Promise<string> {
      await visits.handler(id)?.(session as AnySession);
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
    visit: (browser, use, method = 'POST') =>
      visits.visit(use, (name) => browser.request(method, `${started.url}/visit/${name}`)),
  };
}

/** The options that point at a server, with patience: what is about time sets `timeoutMs` itself. */
export function redisAt({ host, port }: Pick<RedisProcess, 'host' | 'port'>): {
  redis: { host: string; port: number; timeoutMs: number };
} {
  return { redis: { host, port, timeoutMs: 20_000 } };
}
