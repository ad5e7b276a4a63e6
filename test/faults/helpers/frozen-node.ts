import { Controller, Get, Module, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter, type NestExpressApplication } from '@nestjs/platform-express';
import { RedisSessionModule, Session, type HttpSession } from '../../../lib/index.js';

@Controller()
class FrozenController {
  @Get('read') read(@Session() session: HttpSession<{ count?: number }>): number {
    return session.count ?? 0;
  }

  @Post('write') write(@Session() session: HttpSession<{ count?: number }>): number {
    return (session.count = (session.count ?? 0) + 1);
  }
}

const { REDIS_PORT, MAX_CONNECTIONS } = process.env;

@Module({
  imports: [
    RedisSessionModule.forRoot({
      redis: {
        ...{ host: '127.0.0.1', port: Number(REDIS_PORT), timeoutMs: 5000 },
        pool: { maxConnections: Number(MAX_CONNECTIONS) },
      },
      storeGuests: true,
    }),
  ],
  controllers: [FrozenController],
})
class FrozenModule {}

const app = await NestFactory.create<NestExpressApplication>(FrozenModule, new ExpressAdapter(), {
  logger: false,
});
await app.listen(0, '127.0.0.1');
console.log(`listening at ${await app.getUrl()}.`);
