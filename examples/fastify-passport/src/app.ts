import csrfProtection from '@fastify/csrf-protection';
import { Module } from '@nestjs/common';
import { ConfigModule } from '@nestjs/config';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { RedisSessionModule } from 'nestjs-redis-session';
import { fastifySession } from 'nestjs-redis-session/fastify';
import { passport } from './auth.js';
import { ShopController } from './shop.controller.js';

@Module({
  imports: [ConfigModule.forRoot({ isGlobal: true }), RedisSessionModule.forRootAsync()],
  controllers: [ShopController],
})
class AppModule {}

export async function createApp(): Promise<NestFastifyApplication> {
  const app = await NestFactory.create<NestFastifyApplication>(AppModule, new FastifyAdapter(), {
    logger: ['error', 'warn'],
  });
  await app.register(fastifySession(app)); // in the place of @fastify/cookie and @fastify/session
  await app.register(passport.initialize()); // brings @fastify/flash
  await app.register(passport.secureSession());
  await app.register(csrfProtection, { sessionPlugin: '@fastify/session' });
  const fastify = app.getHttpAdapter().getInstance();
  fastify.addHook('preHandler', (request, reply, done) => {
    if (request.method === 'GET' || request.url === '/login') done();
    else fastify.csrfProtection(request, reply, done);
  });
  return app;
}
