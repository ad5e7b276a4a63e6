import { afterEach, expect, it } from '@jest/globals';
import { Injectable, UseInterceptors, type CallHandler, type NestInterceptor } from '@nestjs/common';
import { ExternalContextCreator } from '@nestjs/core';
import { RedisSessionModule, SessionStoreUnavailableError } from 'nestjs-redis-session';
import { MemoryStore } from 'nestjs-redis-session/testing';
import { of, type Observable } from 'rxjs';
import { eachAdapter, startApp, type StartedApp } from '../support/apps.js';

@Injectable()
class Passing implements NestInterceptor {
  intercept(_context: unknown, next: CallHandler): Observable<unknown> {
    return next.handle();
  }
}

const unavailable = new SessionStoreUnavailableError('as of sessions.open()');

/** What a bot, a queue or a scheduler has Nest call. For ExternalContextCreator it is of the type http, as a request is. */
@Injectable()
class Jobs {
  returns(this: void, ...messages: unknown[]): unknown {
    return messages;
  }

  emits(this: void, ...messages: unknown[]): Observable<unknown> {
    return of(messages);
  }

  async rejects(this: void): Promise<never> {
    return Promise.reject(unavailable);
  }

  @UseInterceptors(Passing)
  passes(this: void, ...messages: unknown[]): unknown {
    return messages;
  }

  @UseInterceptors(Passing)
  async rejectsWithin(this: void): Promise<never> {
    return Promise.reject(unavailable);
  }
}

type Caller = (name: keyof Jobs, messages: unknown[]) => Promise<unknown>;

const MESSAGES: unknown[][] = [
  [],
  ['a string'],
  [7],
  [null],
  [{ raw: undefined }],
  [{ raw: 'x' }],
  [{ some: 'object' }],
  [{ some: 'object' }, { other: 1 }],
];

eachAdapter('What Nest calls outside of requests', (adapter) => {
  let site: StartedApp;
  afterEach(() => site.close());

  async function start(globalInterceptor: boolean): Promise<Caller> {
    site = await startApp(adapter, {
      imports: [RedisSessionModule.forRoot({ store: new MemoryStore(), globalInterceptor })],
      providers: [Jobs],
    });
    const [creator, jobs] = [site.app.get(ExternalContextCreator), site.app.get(Jobs)];
    return (name, messages) => creator.create(jobs, jobs[name], name)(...messages);
  }

  it.each(MESSAGES.map((messages) => [messages]))('passes on what a job does with %j', async (messages) => {
    const call = await start(true);
    for (const name of ['returns', 'emits', 'passes'] as const)
      expect(await call(name, messages)).toEqual(messages);
  });

  it.each([true, false])(
    'rejects with the very error of a job, with the interceptor: %s',
    async (globalInterceptor) => {
      const call = await start(globalInterceptor);
      for (const messages of MESSAGES)
        for (const name of ['rejects', 'rejectsWithin'] as const)
          await expect(call(name, messages)).rejects.toBe(unavailable);
    },
  );
});
