import { describe, expect, it, jest } from '@jest/globals';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { INestApplication } from '@nestjs/common';
import { expressSession } from 'nestjs-redis-session/express';
import { fastifySession } from 'nestjs-redis-session/fastify';
import { loginAs } from 'nestjs-redis-session/testing';
import { onCleanup } from '../support/cleanup.js';

class EmptyModule {}

/** As main.ts makes it: `app.get()` of what is not there ends the process, after a line that does not say what is missing. */
async function created(adapter: ExpressAdapter | FastifyAdapter): Promise<INestApplication> {
  const app = await NestFactory.create(EmptyModule, adapter as ExpressAdapter, { logger: false });
  onCleanup(() => app.close());
  return app;
}

describe('an application without the session module', () => {
  it.each([
    [
      'expressSession()',
      /needs the session module.*RedisSessionModule/,
      async () => void expressSession(await created(new ExpressAdapter())),
    ],
    [
      'fastifySession()',
      /needs the session module.*RedisSessionModule/,
      async () => void fastifySession(await created(new FastifyAdapter())),
    ],
    [
      'loginAs()',
      /imports RedisSessionModule/,
      async () => loginAs(await created(new ExpressAdapter()), 'ann'),
    ],
  ])('is told what to import by %s, and goes on', async (_what, message, act) => {
    const exit = jest.spyOn(process, 'exit').mockImplementation(() => {
      throw new Error('The process has ended.');
    });
    await expect(act()).rejects.toThrow(message);
    expect(exit).not.toHaveBeenCalled();
    exit.mockRestore();
  });
});
