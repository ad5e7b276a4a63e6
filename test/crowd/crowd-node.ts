import 'reflect-metadata';
import { Body, Controller, Get, HttpCode, Module, Post, Query } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { ExpressAdapter } from '@nestjs/platform-express';
import type { FastifyAdapter } from '@nestjs/platform-fastify';
import { RedisSessionModule, Session, SessionService, type HttpSession } from '../../lib/index.js';
import { armKillPoint } from './kill-point.js';

/** What an answer shows of a session. */
export interface Shown {
  readonly id: string;
  readonly who: string | null;
}

type CrowdSession = HttpSession<{ value?: number }>;

const { PORT, ADAPTER, REDIS_PORT, IDLE_SECONDS, DIES_AT } = process.env;
let disarm = (): void => undefined;

@Controller()
class CrowdController {
  constructor(private readonly sessions: SessionService) {}

  @Get('read') read(@Session() { id, principal }: CrowdSession): Shown {
    return { id, who: principal ?? null };
  }

  @Post('write') @HttpCode(200) write(@Session() session: CrowdSession): Shown {
    if (session.principal !== undefined) session.value = Math.random();
    return this.read(session);
  }

  @Post('login') @HttpCode(200) async login(
    @Session() session: CrowdSession,
    @Body('user') user: string,
  ): Promise<Shown> {
    await session.authenticate(user);
    return this.read(session);
  }

  @Post('renew') @HttpCode(200) async renew(@Session() session: CrowdSession): Promise<Shown> {
    if (session.principal !== undefined) await session.regenerateId();
    return this.read(session);
  }

  @Post('logout') @HttpCode(200) async logout(@Session() session: CrowdSession): Promise<void> {
    await session.destroy();
  }

  @Post('end') @HttpCode(200) async end(@Body('id') id: string): Promise<void> {
    await this.sessions.destroy(id);
  }

  @Post('end-all') @HttpCode(200) async endAll(@Body('user') user?: string): Promise<void> {
    await this.sessions.destroyAll(user);
  }

  @Get('list') async list(@Query('user') user: string): Promise<string[]> {
    return (await this.sessions.list(user)).map(({ id }) => id);
  }

  @Get('all') async all(): Promise<[id: string, user: string | undefined][]> {
    const all: [string, string | undefined][] = [];
    for await (const { id, principal } of this.sessions.all()) all.push([id, principal]);
    return all;
  }

  /** From now on this node lives. */
  @Post('live') @HttpCode(200) live(): void {
    disarm();
  }
}

@Module({
  imports: [
    RedisSessionModule.forRoot({
      redis: { host: '127.0.0.1', port: Number(REDIS_PORT), timeoutMs: 20_000 },
      idleTimeoutSeconds: Number(IDLE_SECONDS),
    }),
  ],
  controllers: [CrowdController],
})
class CrowdModule {}

/** Loads what it needs: most of what nodes that die do is to start. */
async function adapter(): Promise<ExpressAdapter | FastifyAdapter> {
  if (ADAPTER === 'fastify') return new (await import('@nestjs/platform-fastify')).FastifyAdapter();
  return new (await import('@nestjs/platform-express')).ExpressAdapter();
}

const app = await NestFactory.create(CrowdModule, await adapter(), { logger: ['error', 'warn'] });
await app.listen(Number(PORT), '127.0.0.1');
// Not while it starts: what that does on a key of its own is tried elsewhere.
if (DIES_AT) disarm = armKillPoint(DIES_AT, Math.random);
console.log('node is ready');
