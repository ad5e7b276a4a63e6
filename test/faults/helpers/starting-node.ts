import { Module } from '@nestjs/common';
import { ConfigModule } from '@nestjs/config';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter, type NestExpressApplication } from '@nestjs/platform-express';
import { RedisSessionModule } from '../../../lib/index.js';

// As an application has it: settings from the environment, Nest's own logger, a main() that catches nothing.
@Module({
  imports: [
    ConfigModule.forRoot({ isGlobal: true, ignoreEnvFile: true }),
    RedisSessionModule.forRootAsync({ defaults: { enabled: true } }),
  ],
})
class StartingModule {}

const app = await NestFactory.create<NestExpressApplication>(StartingModule, new ExpressAdapter());
app.enableShutdownHooks();
await app.listen(0, '127.0.0.1');
console.log(`listening at ${await app.getUrl()}.`);
