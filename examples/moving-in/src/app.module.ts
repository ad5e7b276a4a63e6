import { Module } from '@nestjs/common';
import { ConfigModule } from '@nestjs/config';
import { RedisSessionModule } from 'nestjs-redis-session';
import { ShopController } from './shop.controller.js';

@Module({
  imports: [
    ConfigModule.forRoot({ isGlobal: true }),
    RedisSessionModule.forRootAsync({
      defaults: {
        // To be taken out when the last session of before has ended.
        migrateFrom: {
          expressSession: {
            secrets: process.env['OLD_SESSION_SECRET'] ?? '', // without one the application does not start
            principal: (session) => session['userId'] as string | undefined,
          },
        },
      },
    }),
  ],
  controllers: [ShopController],
})
export class AppModule {}
