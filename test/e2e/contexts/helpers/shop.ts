import { Body, Controller, Get, Post, Query, type DynamicModule, type Type } from '@nestjs/common';
import {
  RedisSessionModule,
  Session,
  SessionService,
  type HttpSession,
  type SessionModuleOptions,
} from 'nestjs-redis-session';
import { Browser } from '../../../support/cookie-jar.js';
import type { RedisProcess } from '../../../support/redis-server.js';
import { startApp, type Adapter, type AppOptions, type StartedApp } from '../../../support/apps.js';

export type ShopSession = HttpSession<Record<string, unknown>>;

/** The part of the shop that every browser sees: what gateways and resolvers are tried beside. */
@Controller()
export class ShopController {
  @Post('login')
  async login(@Session() session: ShopSession, @Query('as') who = 'anna'): Promise<object> {
    await session.authenticate(who);
    return { id: session.id };
  }

  @Post('renew')
  async renew(@Session() session: ShopSession): Promise<object> {
    await session.regenerateId();
    return { id: session.id };
  }

  @Post('write')
  write(@Session() session: ShopSession, @Body() attributes: Record<string, unknown>): object {
    Object.assign(session, attributes);
    return {};
  }

  @Get('session')
  session(@Session() session: ShopSession): object {
    return { id: session.id, principal: session.principal, isNew: session.isNew, attributes: session };
  }

  @Get('csrf')
  csrf(@Session() session: ShopSession): object {
    return { csrf: session.csrfToken() };
  }

  @Post('logout')
  async logout(@Session() session: ShopSession): Promise<object> {
    await session.destroy();
    return {};
  }
}

/** What a test has of a node of the shop. */
export interface Shop extends StartedApp {
  readonly sessions: SessionService;
  readonly browser: () => Browser;
}

/** What is added to the shop. */
export interface ShopParts {
  readonly imports?: readonly DynamicModule[] | undefined;
  readonly providers?: readonly Type[] | undefined;
  readonly session?: (SessionModuleOptions & { globalInterceptor?: boolean }) | undefined;
  readonly configure?: AppOptions['configure'];
  readonly logger?: AppOptions['logger'];
}

/** Starts a node of the shop. */
export async function startShop(
  adapter: Adapter,
  redis: RedisProcess,
  { imports = [], providers = [], session = {}, configure, logger }: ShopParts,
): Promise<Shop> {
  const options = { redis: { host: redis.host, port: redis.port }, ...session };
  const started = await startApp(
    adapter,
    {
      imports: [RedisSessionModule.forRoot(options), ...imports],
      controllers: [ShopController],
      providers: [...providers],
    },
    { configure, logger },
  );
  return { ...started, sessions: started.app.get(SessionService), browser: () => new Browser(started.url) };
}

/** The Cookie header of a browser. */
export function cookieOf(browser: Browser): string {
  return browser.jar.header('/') ?? '';
}

/** What the store has of the browser's session. */
export async function storedOf(browser: Browser): Promise<Record<string, unknown>> {
  return (await browser.get('/session')).json<{ attributes: Record<string, unknown> }>().attributes;
}
