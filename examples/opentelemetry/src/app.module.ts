import { Module } from '@nestjs/common';
import { ConfigModule } from '@nestjs/config';
import { RedisSessionModule } from 'nestjs-redis-session';
import { ShopController } from './shop.controller.js';

@Module({
  imports: [ConfigModule.forRoot({ isGlobal: true }), RedisSessionModule.forRootAsync()],
  controllers: [ShopController],
})
export class AppModule {}
