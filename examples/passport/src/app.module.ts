import { Module } from '@nestjs/common';
import { ConfigModule } from '@nestjs/config';
import { PassportModule } from '@nestjs/passport';
import { ThrottlerModule } from '@nestjs/throttler';
import { RedisSessionModule } from 'nestjs-redis-session';
import { SiteController } from './site.controller.js';
import { PasswordStrategy, ProviderStrategy, UserSerializer } from './strategies.js';
import { Users } from './users.js';

@Module({
  imports: [
    ConfigModule.forRoot({ isGlobal: true }),
    RedisSessionModule.forRootAsync(),
    PassportModule.register({ session: true }),
    ThrottlerModule.forRoot([{ limit: 100, ttl: 60_000 }]),
  ],
  controllers: [SiteController],
  providers: [Users, UserSerializer, PasswordStrategy, ProviderStrategy],
})
export class AppModule {}
