import 'reflect-metadata';
import { Controller, Module, Post } from '@nestjs/common';
import { ConfigModule } from '@nestjs/config';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { RedisSessionModule, Session, type HttpSession } from '../../../lib/index.js';

/** What a visit answers. */
export interface VisitAnswer {
  readonly pid: number;
  readonly who: string | null;
  readonly count: number;
  readonly visits: readonly number[];
  readonly since: number;
}

interface Visits {
  count?: number;
  visits?: number[];
  since?: Date;
}

/** One node of a cluster, in a process of its own; its settings come from the environment, as in production. */
@Controller()
class NodeController {
  @Post('login')
  async login(@Session() session: HttpSession<Visits>): Promise<void> {
    session.since = new Date();
    await session.authenticate('ada');
  }

  @Post('visit')
  visit(@Session() session: HttpSession<Visits>): VisitAnswer {
    const count = (session.count ?? 0) + 1;
    session.count = count;
    session.visits ??= [];
    session.visits.push(count);
    return {
      pid: process.pid,
      who: session.principal ?? null,
      count,
      visits: session.visits,
      since: session.since?.getTime() ?? 0,
    };
  }
}

@Module({
  imports: [ConfigModule.forRoot({ isGlobal: true, ignoreEnvFile: true }), RedisSessionModule.forRootAsync()],
  controllers: [NodeController],
})
class NodeModule {}

const { PORT, ADAPTER } = process.env;
const app =
  ADAPTER === 'fastify'
    ? await NestFactory.create(NodeModule, new FastifyAdapter())
    : await NestFactory.create(NodeModule, new ExpressAdapter());
await app.listen(Number(PORT), '127.0.0.1');
process.stdout.write('node is ready\n');
