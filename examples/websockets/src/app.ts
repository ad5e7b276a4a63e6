import { Module, type INestApplication } from '@nestjs/common';
import { ConfigModule } from '@nestjs/config';
import { NestFactory } from '@nestjs/core';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { WsAdapter } from '@nestjs/platform-ws';
import { RedisSessionModule } from 'nestjs-redis-session';
import { ChatController } from './chat.controller.js';
import { ChatGateway } from './chat.gateway.js';

@Module({
  imports: [ConfigModule.forRoot({ isGlobal: true }), RedisSessionModule.forRootAsync()],
  controllers: [ChatController],
  providers: [ChatGateway],
})
export class AppModule {}

/** With either adapter: the gateway is the same. */
export async function createApp(sockets: 'ws' | 'socket.io'): Promise<INestApplication> {
  const app = await NestFactory.create(AppModule, { logger: ['error', 'warn'] });
  app.useWebSocketAdapter(sockets === 'ws' ? new WsAdapter(app) : new IoAdapter(app));
  return app;
}
