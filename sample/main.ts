import 'reflect-metadata';
import { ConsoleLogger, ValidationPipe, type INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { AppModule } from './app.module.js';

/** What a node tells the launcher that started it. */
export interface NodeReady {
  readonly port: number;
}

// Colours are for terminals; under the launcher the output goes through a pipe.
const logger = new ConsoleLogger({ colors: process.stdout.isTTY === true });

function createApp(): Promise<INestApplication> {
  return process.env.ADAPTER === 'fastify'
    ? NestFactory.create(AppModule, new FastifyAdapter(), { logger })
    : NestFactory.create(AppModule, { logger });
}

const app = await createApp();
app.useGlobalPipes(new ValidationPipe({ transform: true, whitelist: true }));
app.enableShutdownHooks();
await app.listen(Number(process.env.PORT ?? 3000), process.env.LISTEN_HOST ?? '127.0.0.1');

const { port } = new URL(await app.getUrl());
process.send?.({ port: Number(port) } satisfies NodeReady);
// The launcher is gone without a word (SIGKILL): nobody would ever stop this node.
process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
