import {
  Body,
  Controller,
  Get,
  Module,
  Param,
  Post,
  Query,
  UseGuards,
  type DynamicModule,
} from '@nestjs/common';
import {
  CsrfGuard,
  RedisSessionModule,
  RequireRecentLogin,
  Session,
  SessionService,
  SkipCsrf,
  type HttpSession,
  type SessionModuleOptions,
} from 'nestjs-redis-session';
import { Redis } from 'ioredis';
import { onCleanup } from '../support/cleanup.js';
import { Browser } from '../support/cookie-jar.js';
import type { RedisProcess } from '../support/redis-server.js';
import { startApp, type Adapter, type AppOptions, type StartedApp } from '../support/apps.js';

type Account = HttpSession<Record<string, unknown>>;

/** What the tests of this folder attack. */
@Controller()
export class BankController {
  @Get('public')
  open(): string {
    return 'public';
  }

  @Get('whoami')
  whoami(@Session() session: Account): object {
    const { id, isNew, principal, authenticatedAt } = session;
    return { id, isNew, principal, authenticatedAt, attributes: session };
  }

  @Post('write')
  write(@Session() session: Account, @Body() attributes: Record<string, unknown>): object {
    for (const [name, value] of Object.entries(attributes)) session[name] = value;
    return { id: session.id };
  }

  /** One attribute of any name: what JSON parsers refuse as a key of the body. */
  @Post('set')
  set(@Session() session: Account, @Body() { name, value }: { name: string; value: unknown }): object {
    session[name] = value;
    return {};
  }

  @Post('get')
  get(@Session() session: Account, @Body() { name }: { name: string }): object {
    return { names: Object.keys(session), value: session[name] };
  }

  @Post('update')
  async update(@Session() session: Account): Promise<object> {
    return { count: await session.update('count', (count) => ((count as number | undefined) ?? 0) + 1) };
  }

  @Post('login')
  async login(@Session() session: Account, @Query('as') who = 'alice'): Promise<object> {
    await session.authenticate(who);
    return { id: session.id, authenticatedAt: session.authenticatedAt };
  }

  @Post('renew')
  async renew(@Session() session: Account): Promise<object> {
    await session.regenerateId();
    return { id: session.id };
  }

  @Post('logout')
  async logout(@Session() session: Account): Promise<object> {
    await session.destroy();
    return {};
  }

  @Get('form')
  form(@Session() session: Account): object {
    return { csrf: session.csrfToken() };
  }

  @Get('form/late/:id')
  async formOfAnother(@Param('id') id: string): Promise<object> {
    const session = await this.sessions.open(id);
    return { csrf: session?.csrfToken() };
  }

  constructor(private readonly sessions: SessionService) {}
}

/** Behind the CSRF guard. */
@Controller('transfer')
@UseGuards(CsrfGuard)
export class TransferController {
  @Get()
  list(): string {
    return 'listed';
  }

  @Post()
  transfer(): string {
    return 'transferred';
  }

  @Post('webhook')
  @SkipCsrf()
  webhook(): string {
    return 'hooked';
  }

  @Post('password')
  @RequireRecentLogin(300)
  password(): string {
    return 'changed';
  }
}

/** Behind @RequireRecentLogin alone. */
@Controller('settings')
@RequireRecentLogin(300)
export class SettingsController {
  @Post()
  change(): string {
    return 'changed';
  }
}

/** The bank as a module, with the session options of a test. */
export function bankModule(options: SessionModuleOptions): DynamicModule {
  @Module({})
  class BankModule {}
  return {
    module: BankModule,
    imports: [RedisSessionModule.forRoot(options)],
    controllers: [BankController, TransferController, SettingsController],
  };
}

/** A bank that is open. */
export interface Bank extends StartedApp {
  readonly sessions: SessionService;
  /** A new one at each call. */
  readonly browser: () => Browser;
}

/** Starts the bank on a Redis; anonymous sessions are stored there too unless a test says otherwise. */
export async function startBank(
  adapter: Adapter,
  redis: Pick<RedisProcess, 'host' | 'port'>,
  options: SessionModuleOptions = {},
  app: AppOptions = {},
): Promise<Bank> {
  const { redis: redisOptions, ...rest } = options;
  const started = await startApp(
    adapter,
    bankModule({
      redis: { host: redis.host, port: redis.port, ...redisOptions },
      storeGuests: true,
      ...rest,
    }),
    app,
  );
  return {
    ...started,
    sessions: started.app.get(SessionService),
    browser: () => new Browser(started.url),
  };
}

/** The public id of a browser's session, as the bank tells it. */
export async function idOf(browser: Browser): Promise<string> {
  return (await browser.get('/whoami')).json<{ id: string }>().id;
}

/** A client of the test's own, for looking and tampering. */
export function connectTo({ host, port }: Pick<RedisProcess, 'host' | 'port'>): Redis {
  const client = new Redis(port, host);
  client.on('error', () => undefined);
  onCleanup(() => client.disconnect());
  return client;
}

/** Who a browser is taken for. */
export async function principalOf(browser: Browser, cookie?: string): Promise<string | undefined> {
  return (await browser.get('/whoami', { cookie })).json<{ principal?: string }>().principal;
}
