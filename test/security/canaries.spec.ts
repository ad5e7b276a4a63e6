import { Body, Controller, Post } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { tracingChannel } from 'node:diagnostics_channel';
import { inspect } from 'node:util';
import { Session, type HttpSession } from 'nestjs-redis-session';
import { RedisSessionHealthIndicator, RedisSessionHealthModule } from 'nestjs-redis-session/health';
import { redisClient } from '../support/redis-client.js';
import { eachAdapter, LogSink, startApp, type Adapter, type StartedApp } from '../support/apps.js';
import { Browser } from '../support/cookie-jar.js';
import { setPart } from '../support/record-fields.js';
import { startRedis, type RedisProcess } from '../support/redis-server.js';
import { bankModule, idOf } from './bank.js';
import type { Redis } from 'ioredis';
import { keyOf } from '../support/records.js';

const PASSWORD = 'canary-redis-password-5d1e';
const PAYLOAD = 'canary-payload-of-a-customer-93ab';
const SECRET = 'Canary_signing-secret-Qz81-lamp-moon-7';
const KEY = 'Y2FuYXJ5LWVuY3J5cHRpb24ta2V5LWRvLW5vdC1zaG8=';

class Customer {
  constructor(readonly name: string) {}
}

/** All that an error shows to whoever prints it. */
const shown: string[] = [];

@Controller('canary')
class CanaryController {
  @Post('save')
  async save(
    @Session() session: HttpSession<Record<string, unknown>>,
    @Body() body: { secret: string },
  ): Promise<object> {
    try {
      session['secret'] = body.secret;
      await session.save();
      return {};
    } catch (error) {
      shown.push(inspect(error, { depth: 10, showHidden: true }), JSON.stringify(error), String(error));
      throw error;
    }
  }

  @Post('misuse')
  misuse(@Session() session: HttpSession<Record<string, unknown>>, @Body() body: { secret: string }): object {
    session['customer'] = new Customer(body.secret);
    session['callback'] = () => body.secret;
    shown.push(inspect(session, { depth: 10, showHidden: true }), JSON.stringify(Object.keys(session)));
    try {
      Reflect.set(session, 'id', body.secret);
    } catch (error) {
      shown.push(inspect(error, { depth: 10, showHidden: true }));
    }
    return {};
  }
}

interface Fixture {
  readonly redis: RedisProcess;
  readonly admin: Redis;
  readonly app: StartedApp;
  readonly browser: Browser;
  readonly key: string;
}

type Fault = (fixture: Fixture) => unknown;

/** What goes wrong after a customer has logged in, and whether her next request can be served. */
const FAULTS: [string, Fault, 'served' | 'unavailable'][] = [
  ['nothing goes wrong', () => undefined, 'served'],
  ['Redis is killed', ({ redis }) => redis.kill(), 'unavailable'],
  ['Redis hangs', ({ redis }) => redis.pause(), 'unavailable'],
  ['Redis is full', ({ admin }) => admin.config('SET', 'maxmemory', '1'), 'unavailable'],
  ['Redis has become a replica', ({ admin }) => admin.replicaof('127.0.0.1', 1), 'unavailable'],
  [
    'the password has been changed',
    async ({ admin }) => {
      await admin.config('SET', 'requirepass', 'another');
      await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    },
    'unavailable',
  ],
  [
    'a command is not permitted any more',
    ({ admin }) => admin.call('ACL', 'SETUSER', 'default', '-evalsha'),
    'unavailable',
  ],
  [
    'the key holds something else',
    async ({ admin, key }) => {
      await admin.del(key);
      await admin.set(key, PAYLOAD);
    },
    'served',
  ],
  [
    'the record is damaged',
    async ({ admin, key }) => {
      await setPart(admin, key, 'created', PAYLOAD);
      await admin.hset(key, 'secret', PAYLOAD);
    },
    'served',
  ],
  ['the record is of a newer version', ({ admin, key }) => setPart(admin, key, 'version', 99), 'unavailable'],
  [
    'the record names an unknown codec',
    ({ admin, key }) => setPart(admin, key, 'codec', 'unknown'),
    'unavailable',
  ],
];

eachAdapter('no token, payload, password or secret shows anywhere', (adapter) => {
  const log = new LogSink();
  const printed: string[] = [];
  const traced: string[] = [];
  const stopTracing: (() => void)[] = [];

  beforeEach(() => {
    log.clear();
    for (const list of [shown, printed, traced]) list.length = 0;
    for (const method of ['log', 'info', 'warn', 'error', 'debug', 'trace'] as const) {
      jest
        .spyOn(console, method)
        .mockImplementation((...args: unknown[]) => void printed.push(inspect(args, { depth: 10 })));
    }
    for (const stream of [process.stdout, process.stderr]) {
      const write = stream.write.bind(stream);
      jest.spyOn(stream, 'write').mockImplementation((text: unknown, ...rest: unknown[]) => {
        printed.push(String(text));
        return (write as (...args: unknown[]) => boolean)(text, ...rest);
      });
    }
    for (const name of ['ioredis:command', 'ioredis:batch']) {
      const channel = tracingChannel(name);
      const note = (context: object): void => {
        // What a span is made of. The reply and the error object are the driver's own, for whoever runs in this process.
        const { error, result: _reply, ...rest } = context as { error?: Error; result?: unknown };
        traced.push(inspect(rest, { depth: 10 }), error?.message ?? '');
      };
      const handlers = { start: note, end: note, asyncStart: note, asyncEnd: note, error: note };
      channel.subscribe(handlers);
      stopTracing.push(() => channel.unsubscribe(handlers));
    }
  });
  afterEach(() => {
    jest.restoreAllMocks();
    for (const stop of stopTracing.splice(0)) stop();
  });

  function expectNothingShown(tokens: readonly string[], bodies: readonly string[]): void {
    const canaries = [PASSWORD, PAYLOAD, SECRET, KEY, ...tokens].flatMap((text) => [
      text,
      Buffer.from(text).toString('hex'),
      Buffer.from(text).toString('base64').replace(/=+$/, ''),
      (Buffer.from(text).toString('hex').match(/../g) ?? []).join(' '),
    ]);
    const sinks = {
      log: log.text(),
      shown: shown.join('\n'),
      printed: printed.join('\n'),
      traced: traced.join('\n'),
      bodies: bodies.join('\n'),
    };
    for (const [sink, text] of Object.entries(sinks)) {
      for (const canary of canaries)
        expect([sink, text.includes(canary) ? canary : undefined]).toEqual([sink, undefined]);
    }
    expect(log.entries.length).toBeGreaterThan(0);
    expect(traced.length).toBeGreaterThan(0);
  }

  it.each(FAULTS)('when %s', async (_what, fault, outcome) => {
    const fixture = await start(adapter, log);
    const { app, browser } = fixture;
    const tokens = [browser.cookie('sid') as string];
    await fault(fixture);
    const bodies: string[] = [];
    const late = browser.clone();
    for (const [path, body] of [
      ['/canary/save', { secret: PAYLOAD }],
      ['/canary/misuse', { secret: PAYLOAD }],
      ['/login?as=alice', undefined],
      ['/write', { big: PAYLOAD.repeat(3000) }],
    ] as const) {
      const answer = await late.post(path, body);
      bodies.push(answer.text, JSON.stringify({ ...answer.headers, 'set-cookie': undefined }));
      if (path === '/canary/save') {
        expect(answer.status).toBe(outcome === 'served' ? 201 : 503);
        if (outcome === 'unavailable') {
          expect(answer.json()).toEqual({
            statusCode: 503,
            message: 'The service is temporarily unavailable. Please try again.',
          });
        }
      }
      tokens.push(late.cookie('sid') ?? tokens[0] ?? '');
    }
    bodies.push(inspect(await app.app.get(RedisSessionHealthIndicator).isHealthy('sessions'), { depth: 10 }));
    fixture.redis.resume();
    expectNothingShown(
      tokens.map((token) => token.split('.')[0] ?? token),
      bodies,
    );
    fixture.admin.disconnect();
  });
});

describe('a wrong password at boot', () => {
  it('is said without the password', async () => {
    const redis = await startRedis({ password: 'the-right-one' });
    const failure: unknown = await startApp(
      'express',
      bankModule({ redis: { host: redis.host, port: redis.port, password: PASSWORD } }),
    ).catch((error: unknown) => error);
    const text = inspect(failure, { depth: 10, showHidden: true }) + JSON.stringify(failure);
    expect(text).toMatch(/REDIS_SESSION_PASSWORD/);
    expect(text).not.toContain(PASSWORD);
  });
});

async function start(adapter: Adapter, log: LogSink): Promise<Fixture> {
  const redis = await startRedis({ password: PASSWORD });
  const admin = redisClient(redis.port, { password: PASSWORD });
  const app = await startApp(
    adapter,
    {
      imports: [
        bankModule({
          redis: { host: redis.host, port: redis.port, password: PASSWORD, timeoutMs: 300 },
          storeGuests: true,
          secrets: [SECRET],
        }),
        RedisSessionHealthModule,
      ],
      controllers: [CanaryController],
    },
    { logger: log },
  );
  const browser = new Browser(app.url);
  await browser.post('/login?as=alice');
  await browser.post('/canary/save', { secret: PAYLOAD });
  return { redis, admin, app, browser, key: keyOf(await idOf(browser)) };
}
