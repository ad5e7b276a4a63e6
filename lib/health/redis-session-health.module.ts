import { Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { RedisSessionHealthIndicator } from './redis-session.health.js';

/** Provides {@link RedisSessionHealthIndicator}. Needs RedisSessionModule, global as it is by default. */
@Module({
  imports: [TerminusModule],
  providers: [RedisSessionHealthIndicator],
  exports: [RedisSessionHealthIndicator],
})
export class RedisSessionHealthModule {}
