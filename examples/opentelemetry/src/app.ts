import type { INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { pinoHttp } from 'pino-http';
import { AppModule } from './app.module.js';

/** pino-http logs the headers of each request and response, and with them the cookie. */
const redact = ['req.headers.cookie', 'req.headers.authorization', 'res.headers["set-cookie"]'];

/** @param logTo Where the lines of requests go; default: standard output. */
export async function createApp(
  logTo: Pick<NodeJS.WriteStream, 'write'> = process.stdout,
): Promise<INestApplication> {
  const app = await NestFactory.create(AppModule, { logger: ['error', 'warn'] });
  app.use(pinoHttp({ redact }, logTo));
  return app;
}
