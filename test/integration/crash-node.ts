import { Controller, Module, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter, type NestExpressApplication } from '@nestjs/platform-express';
import { RedisSessionModule, Session, SessionGoneError, type HttpSession } from '../../lib/index.js';

/** What a request may do; each is one or more writes. */
const WRITES: ((session: HttpSession<{ n?: number; list?: number[] }>) => unknown)[] = [
  (session) => (session.n = Math.random()),
  (session) => (session.list = [...(session.list ?? []), 1]),
  (session) => delete session.n,
  (session) => session.update('n', (n) => (n ?? 0) + 1),
  (session) => (session.maxInactiveInterval = 60),
  (session) => session.regenerateId(),
  (session) => session.authenticate('anna'),
  (session) => session.save(),
  (session) => session.destroy(),
];

@Controller()
class CrashController {
  @Post('write')
  async write(@Session() session: HttpSession<{ n?: number; list?: number[] }>): Promise<void> {
    session.n ??= 1;
    const write = WRITES[Math.floor(Math.random() * WRITES.length)];
    try {
      await write?.(session);
    } catch (error) {
      if (!(error instanceof SessionGoneError)) throw error;
    }
  }
}

const { REDIS_PORT, ANONYMOUS_TRAFFIC } = process.env;

@Module({
  imports: [
    RedisSessionModule.forRoot({
      redis: { host: '127.0.0.1', port: Number(REDIS_PORT) },
      storeGuests: ANONYMOUS_TRAFFIC === 'true',
      absoluteTimeoutSeconds: 3600,
    }),
  ],
  controllers: [CrashController],
})
class CrashModule {}

const app = await NestFactory.create<NestExpressApplication>(CrashModule, new ExpressAdapter(), {
  logger: false,
});
await app.listen(0, '127.0.0.1');
console.log(`listening at ${await app.getUrl()}.`);
