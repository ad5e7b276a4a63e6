import { afterEach, describe, expect, it } from '@jest/globals';
import { Controller, Get, Res, StreamableFile } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Session, type SessionModuleOptions } from 'nestjs-redis-session';
import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { startRedis } from '../support/redis-server.js';
import { redisAt, startPlayground, type AnySession, type Playground } from './helpers/playground.js';

@Controller()
class Ways {
  @Get('value')
  value(@Session() session: AnySession): unknown {
    session.value = ((session.value as number | undefined) ?? 0) + 1;
    return { value: session.value };
  }

  @Get('stream')
  stream(@Session() session: AnySession): StreamableFile {
    session.value = 'stream';
    return new StreamableFile(Readable.from(['one,', 'two']));
  }

  @Get('raw')
  raw(@Session() session: AnySession, @Res() reply: { raw: ServerResponse }): void {
    session.value = 'raw';
    reply.raw.writeHead(201, { vary: 'Accept', 'set-cookie': 'own=1' });
    reply.raw.write('one,');
    reply.raw.end('two');
    // As plain Node has it: the response has begun and ended.
    if (!reply.raw.headersSent || !reply.raw.writableEnded) throw new Error('not begun, not ended');
  }

  @Get('untouched')
  untouched(@Session() session: AnySession): string {
    return typeof session;
  }
}

/** Fastify's `inject()` plays a response: nothing is sent, what is written is collected. Tests of applications live by it. */
describe.each([true, false])('inject(), with globalInterceptor %s', (globalInterceptor) => {
  let site: Playground;
  afterEach(() => site.close());

  const start = async (options: SessionModuleOptions) => {
    site = await startPlayground(
      'fastify',
      { ...options, globalInterceptor, storeGuests: true },
      { module: { controllers: [Ways] } },
    );
    return (site.app as NestFastifyApplication).getHttpAdapter().getInstance();
  };

  it.each([
    ['value', 200, '{"value":1}'],
    ['stream', 200, 'one,two'],
    ['raw', 201, 'one,two'],
  ])('%s: the answer is whole, with the cookie of a new session', async (path, status, body) => {
    const app = await start({});
    const answer = await app.inject({ url: `/${path}` });
    expect([answer.statusCode, answer.body]).toEqual([status, body]);
    expect(answer.cookies.map(({ name }) => name)).toContain('sid');
    expect(String(answer.headers['vary'])).toMatch(/Cookie/);
    if (path === 'raw') {
      expect(answer.cookies.map(({ name }) => name)).toEqual(['own', 'sid']);
      expect(String(answer.headers['vary'])).toBe('Accept,Cookie');
    }
  });

  it('the session is found again by its cookie', async () => {
    const app = await start({});
    const { cookies } = await app.inject({ url: '/value' });
    const { name = '', value = '' } = cookies[0] ?? {};
    const second = await app.inject({ url: '/value', cookies: { [name]: value } });
    expect(second.json()).toEqual({ value: 2 });
    expect(second.cookies).toEqual([]);
  });

  it('an untouched session sets no cookie', async () => {
    const app = await start({});
    const answer = await app.inject({ url: '/untouched' });
    expect([answer.statusCode, answer.body, answer.cookies]).toEqual([200, 'object', []]);
  });

  it.each(['value', 'stream', 'raw'])('%s: a save that fails is a 503 without a cookie', async (path) => {
    const redis = await startRedis();
    const app = await start(redisAt(redis));
    await redis.stop();
    const answer = await app.inject({ url: `/${path}` });
    expect(answer.statusCode).toBe(503);
    expect(answer.headers['retry-after']).toBe('1');
    expect(answer.json()).toMatchObject({ statusCode: 503 });
    expect(answer.cookies).toEqual([]);
  });
});
