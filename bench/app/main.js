/**
 * One contestant on one adapter, in a process of its own: `node app/main.js CONTESTANT ADAPTER REDIS_PORT`. Tells its
 * parent the port it listens on, and what it has used whenever it is asked.
 */
import 'reflect-metadata';
import process from 'node:process';
import { startProfiler } from '../lib/profiler.js';
import { APP_INTERCEPTOR, NestFactory } from '@nestjs/core';
import { Module } from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { CONTESTANTS } from './contestants.js';

let profiler;
const [name, adapter, redisPort] = process.argv.slice(2);
const contestant = CONTESTANTS[name];
const context = { redisPort: Number(redisPort) };

const asItIs = (it) => it;
class BenchModule {}
const { imports = [], controllers, providers = [] } = contestant.create(context);
const { interceptor } = contestant;
Module({
  imports,
  controllers,
  providers: interceptor ? [...providers, { provide: APP_INTERCEPTOR, useValue: interceptor }] : providers,
})(BenchModule);

const app = await NestFactory.create(
  BenchModule,
  adapter === 'express' ? (contestant.adapted ?? asItIs)(new ExpressAdapter()) : new FastifyAdapter(),
  { logger: ['error', 'warn'] },
);
await contestant.prepare?.(app, context);
await app.listen(0, '127.0.0.1');

process.on('message', async (question) => {
  if (question === 'usage') {
    const { user, system } = process.cpuUsage();
    process.send({ cpuMicroseconds: user + system });
  } else if (question === 'memory') {
    globalThis.gc?.();
    const { rss, heapUsed, external } = process.memoryUsage();
    process.send({ rss, heapUsed, external });
  } else if (question === 'profile cpu' || question === 'profile memory') {
    profiler = await startProfiler(question.slice('profile '.length));
    process.send({});
  } else if (question === 'profiled') {
    process.send(await profiler.stop());
  } else if (question === 'stop') {
    // Not app.close(): some peers have no way to let their Redis client go.
    process.exit(0);
  }
});
process.on('disconnect', () => process.exit(0));
process.send({ port: app.getHttpServer().address().port });
