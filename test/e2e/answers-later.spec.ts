import { afterEach, expect, it } from '@jest/globals';
import {
  Controller,
  Get,
  Injectable,
  Next,
  Res,
  UseInterceptors,
  type CallHandler,
  type NestInterceptor,
} from '@nestjs/common';
import { RedisSessionModule, Session, SessionStoreUnavailableError } from 'nestjs-redis-session';
import { MemoryStore } from 'nestjs-redis-session/testing';
import type { ServerResponse } from 'node:http';
import type { Observable } from 'rxjs';
import { eachAdapter, startApp, type StartedApp } from '../support/apps.js';
import { Browser } from '../support/cookie-jar.js';
import { eventually } from '../support/eventually.js';
import { Gate } from './helpers/gate.js';
import type { AnySession } from './helpers/playground.js';

interface Reply {
  readonly raw?: ServerResponse;
  send(body: unknown): unknown;
  header(name: string, value: string): unknown;
  redirect(url: string): unknown;
}

/** What a handler does to its response once it has what it waited for, after it has returned. */
const LATER: Readonly<Record<string, (reply: Reply, response: ServerResponse) => unknown>> = {
  send: (reply) => reply.send({ is: 'late' }),
  redirect: (reply) => reply.redirect('/elsewhere'),
  header: (reply) => {
    reply.header('x-late', 'yes');
    return reply.send('late');
  },
  writeHead: (_reply, response) => response.writeHead(200, { 'x-late': 'yes' }).end('late'),
  setHeader: (_reply, response) => {
    response.setHeader('x-late', 'yes');
    return response.end('late');
  },
};

class Refusing extends MemoryStore {
  refuses = true;
  writes = 0;
  override async save(...args: Parameters<MemoryStore['save']>): ReturnType<MemoryStore['save']> {
    this.writes += 1;
    if (this.refuses) throw new SessionStoreUnavailableError('save');
    return super.save(...args);
  }
  override async create(...args: Parameters<MemoryStore['create']>): ReturnType<MemoryStore['create']> {
    this.writes += 1;
    if (this.refuses) throw new SessionStoreUnavailableError('create');
    return super.create(...args);
  }
}

@Injectable()
class Passing implements NestInterceptor {
  intercept(_context: unknown, next: CallHandler): Observable<unknown> {
    return next.handle();
  }
}

/** What has become of the late answer: undefined as long as there is none. */
let outcome: unknown;
let gate = new Gate();
let value: unknown;

function later(session: AnySession, reply: Reply, how: string): void {
  session.value = value;
  void gate.pass().then(() => {
    try {
      session.other = 'later';
      LATER[how]?.(reply, reply.raw ?? (reply as unknown as ServerResponse));
      outcome = 'answered';
    } catch (error) {
      outcome = error;
    }
  });
}

function controllerFor(how: string): new () => object {
  @Controller()
  class Handlers {
    @Get('plain')
    plain(@Session() session: AnySession, @Res() reply: Reply): void {
      later(session, reply, how);
    }

    @Get('piped')
    @UseInterceptors(Passing)
    piped(@Session() session: AnySession, @Res() reply: Reply): void {
      later(session, reply, how);
    }

    @Get('handed-on')
    handedOn(@Session() session: AnySession, @Next() _next: unknown, @Res() reply: Reply): void {
      later(session, reply, how);
    }
  }
  return Handlers;
}

eachAdapter('A handler that answers after it has returned', (adapter) => {
  let site: StartedApp & { readonly store: Refusing };
  afterEach(() => site.close());

  async function answered(path: string, how: string, refuses = true): Promise<[number, string]> {
    gate = new Gate();
    outcome = undefined;
    const store = Object.assign(new Refusing(), { refuses });
    const app = await startApp(adapter, {
      imports: [RedisSessionModule.forRoot({ store, storeGuests: true })],
      controllers: [controllerFor(how)],
    });
    site = { ...app, store };
    const answer = new Browser(site.url).get(path);
    await gate.arrivals(1);
    // Whoever answers in the handler's place has done so by then.
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    gate.open();
    const { status, text } = await answer;
    await eventually('the handler has answered', () => outcome);
    return [status, text];
  }

  it.each(Object.keys(LATER))(
    'has its answer replaced where the save fails, and no error: %s',
    async (how) => {
      value = 'small';
      for (const path of ['/plain', '/piped', '/handed-on']) {
        expect(await answered(path, how)).toEqual([503, expect.stringContaining('try again')]);
        expect(outcome).toBe('answered');
        await site.close();
      }
    },
  );

  it.each(Object.keys(LATER))('is saved once, with what it changes before it answers: %s', async (how) => {
    value = 'small';
    for (const path of ['/plain', '/piped', '/handed-on']) {
      expect((await answered(path, how, false))[0]).toBeLessThan(400);
      expect(site.store.writes).toBe(1);
      await site.close();
    }
  });

  it.each(Object.keys(LATER))('likewise where the session is too large: %s', async (how) => {
    value = 'x'.repeat(100_000);
    for (const path of ['/plain', '/piped']) {
      expect((await answered(path, how))[0]).toBe(500);
      expect(outcome).toBe('answered');
      await site.close();
    }
  });
});
