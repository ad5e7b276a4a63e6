import { NestFactory } from '@nestjs/core';
import type { INestApplication } from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { AppModule } from './app.module.js';

export type Driver = 'apollo' | 'mercurius';

/** Apollo on Express, Mercurius on Fastify, which is all that it knows. */
export function createApp(driver: Driver): Promise<INestApplication> {
  const adapter = driver === 'apollo' ? new ExpressAdapter() : new FastifyAdapter();
  return NestFactory.create(AppModule.with(driver), adapter, { logger: ['error', 'warn'] });
}
