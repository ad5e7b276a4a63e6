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
  LogSink,
  startApp,
  type Adapter,
  type StartedApp,
  type TestApplication,
} from '../../support/apps.js';
import type { Browser } from '../../support/cookie-jar.js';
import { Visits, type Visited } from './visits.js';

/** A handler of the framework's own: answers itself, or resolves to what is to be answered as JSON. */
export type Handler<Request, Response, R> = (request: Request, response: Response) => R | Promise<R>;

/** An application with another package's interface to sessions, which does whatever a test says. */
export interface Site<Request, Response> extends StartedApp {
  readonly log: LogSink;
  readonly events: SessionEvent[];
  /** One request. Rejects with what the handler threw, or when the answer is no success. */
  readonly visit: <R>(
    browser: Browser,
    use: Handler<Request, Response, R>,
    path?: string,
  ) => Promise<Visited<R>>;
  /** What `@Session()` has: attributes and `principal`. */
  readonly seenByNest: (browser: Browser) => Promise<{ attributes: object; principal?: string; id: string }>;
}

/** How the two frameworks differ. */
interface SiteParts<Request, Response> {
  readonly adapter: Adapter;
  /** The handlers answer to it. */
  readonly method: 'GET' | 'POST';
  readonly module?: ModuleMetadata | undefined;
  /** Brings in the interface to sessions, and the handler that `handlerOf` finds by a request's headers. */
  readonly configure: (
    app: TestApplication,
    handlerOf: (
      headers: Readonly<Record<string, unknown>>,
    ) => Handler<Request, Response, unknown> | undefined,
  ) => void | Promise<void>;
}

@Controller()
class SeenController {
  @Get('seen-by-nest')
  seen(@Session() session: HttpSession): object {
    return { attributes: { ...session }, principal: session.principal, id: session.id };
  }
}

/** Starts one. */
export async function startSite<Request, Response>(
  options: SessionModuleOptions,
  { adapter, method, module = {}, configure }: SiteParts<Request, Response>,
): Promise<Site<Request, Response>> {
  const visits = new Visits<[Request, Response]>();
  const log = new LogSink();
  const events: SessionEvent[] = [];
  const started = await startApp(
    adapter,
    {
      ...module,
      imports: [RedisSessionModule.forRoot(options), ...(module.imports ?? [])],
      controllers: [SeenController, ...(module.controllers ?? [])],
    },
    {
      logger: log,
      configure: async (app) => {
        await configure(app, (headers) => visits.handler(headers['x-visit']));
        app.get(SessionService).events.subscribe((event) => events.push(event));
      },
    },
  );
  return {
    ...started,
    log,
    events,
    visit: (browser, use, path = '/anywhere') =>
      visits.visit(use, (name) =>
        browser.request(method, `${started.url}${path}`, { headers: { 'x-visit': name } }),
      ),
    seenByNest: async (browser) => (await browser.get(`${started.url}/seen-by-nest`)).json(),
  };
}

/** The kinds of events since the last call. */
export function told({ events }: { readonly events: SessionEvent[] }): string[] {
  return events.splice(0).map(({ type }) => type);
}
