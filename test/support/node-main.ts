import 'reflect-metadata';
import { Module, type INestApplication, type LogLevel, type ModuleMetadata } from '@nestjs/common';
import { ConfigModule } from '@nestjs/config';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { RedisSessionModule, type SessionModuleOptions } from 'nestjs-redis-session';

/** What a node has beside sessions. */
interface NodeParts extends Pick<ModuleMetadata, 'controllers' | 'providers'> {
  /** Stand in for settings that the environment does not have. */
  readonly defaults?: SessionModuleOptions;
  readonly logger?: LogLevel[];
}

/** An application for a process of its own, as in production: ADAPTER, PORT and the settings of sessions come from its environment. */
export async function createNode({ defaults = {}, logger, ...parts }: NodeParts): Promise<INestApplication> {
  @Module({
    ...parts,
    imports: [
      ConfigModule.forRoot({ isGlobal: true, ignoreEnvFile: true }),
      RedisSessionModule.forRootAsync({ defaults }),
    ],
  })
  class NodeModule {}

  const adapter = process.env['ADAPTER'] === 'fastify' ? new FastifyAdapter() : new ExpressAdapter();
  return NestFactory.create(NodeModule, adapter, logger && { logger });
}

/** Listens, and tells the test that it does: see startNode(). */
export async function listen(app: INestApplication): Promise<void> {
  await app.listen(Number(process.env['PORT']), '127.0.0.1');
  process.stdout.write('node is ready\n');
}
