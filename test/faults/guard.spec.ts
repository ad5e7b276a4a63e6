import { describe, expect, it } from '@jest/globals';
import { Availability } from '../../lib/redis/availability.js';
import { ResilientExecutor } from '../../lib/redis/resilient-executor.js';
import type { RedisExecutor } from '../../lib/redis/executor.js';
import type { ScanPage } from '../../lib/redis/scan.js';
import { SessionStoreUnavailableError } from '../../lib/core/errors.js';
import { storeUnavailable } from '../../lib/redis/failure.js';
import type { Script } from '../../lib/redis/script.js';
import { LogSink } from '../support/log-sink.js';
import { eventually } from '../support/eventually.js';

const STUB = { address: 'stub:1', via: 'host' } as const;

const outage = (message: string): Error => new SessionStoreUnavailableError(message, { reason: 'TIMEOUT' });

/** An executor whose answers the test gives. It has no network: what counts here is what the guard lets through. */
class Stub implements RedisExecutor {
  readonly endpoint = STUB;
  readonly timeoutMs = 100;
  sent: string[] = [];
  answer: (name: string) => Promise<unknown> = async () => 'PONG';
  /** As of a cluster. */
  nodeOf: (key: string) => string | undefined = () => undefined;

  timeAt(): Promise<number> {
    return this.call('TIME').then(() => 0);
  }

  load(key: string): Promise<[Buffer[], number | undefined]> {
    return this.call('LOAD', key).then(() => [[], undefined]);
  }

  run(): Promise<unknown> {
    return this.call('RUN');
  }

  callEach(...words: string[]): Promise<unknown[]> {
    return this.call(...words).then((reply) => [reply]);
  }

  scan(): Promise<ScanPage> {
    return this.call('SCAN').then(() => ({ keys: [], next: undefined }));
  }

  call(...words: string[]): Promise<unknown> {
    const command = words.join(' ');
    this.sent.push(command);
    return this.answer(command);
  }
}

function guarded(maxInFlight = 100): { guard: ResilientExecutor; stub: Stub; log: LogSink } {
  const [stub, log] = [new Stub(), new LogSink()];
  return { stub, log, guard: new ResilientExecutor(stub, maxInFlight, new Availability(STUB, log)) };
}

/** As ioredis hands out what Redis said. */
function reply(message: string): Error {
  return storeUnavailable(Object.assign(new Error(message), { name: 'ReplyError' }), STUB);
}

describe('the breaker', () => {
  it('opens after 5 outages in a row: then nothing is sent and each command fails at once', async () => {
    const { guard, stub } = guarded();
    stub.answer = async () => Promise.reject(outage('gone'));
    for (let n = 0; n < 5; n++) await expect(guard.call('GET')).rejects.toThrow('gone');
    const start = performance.now();
    for (let n = 0; n < 100; n++) await expect(guard.call('GET')).rejects.toThrow(/stub:1 is down/);
    expect((performance.now() - start) / 100).toBeLessThan(50);
    expect(stub.sent.filter((name) => name === 'GET')).toHaveLength(5);
    guard.close();
  });

  it('closes when a PING in the background is answered, and tells of each change once', async () => {
    const { guard, stub, log } = guarded();
    stub.answer = async () => Promise.reject(outage('gone'));
    for (let n = 0; n < 5; n++) await guard.call('GET').catch(() => undefined);
    await eventually('a probe that fails', () =>
      stub.sent.filter((it) => it === 'PING').length >= 2 ? true : undefined,
    );
    stub.answer = async () => 'PONG';
    await eventually('it serves again', async () =>
      (await guard.call('GET')) === 'PONG' ? true : undefined,
    );
    expect(log.entries.map(({ level }) => level)).toEqual(['warn', 'log']);
    guard.close();
  });

  it.each([
    'OOM command not allowed',
    'READONLY You can not',
    'NOPERM no',
    'NOREPLICAS Not enough',
    'BUSY Redis',
  ])('stays closed for a Redis that answers: %s', async (message) => {
    const { guard, stub } = guarded();
    stub.answer = async () => Promise.reject(reply(message));
    for (let n = 0; n < 20; n++) await expect(guard.run(never(), [], [])).rejects.toThrow(/cannot serve/);
    expect(stub.sent).toHaveLength(20);
    guard.close();
  });

  it('is one for each node of a cluster, and asks a node by a key of its own', async () => {
    const { guard, stub, log } = guarded();
    stub.nodeOf = (key) => `${key[0]}:1`;
    stub.answer = async (command) =>
      /^(LOAD|EXISTS) a/.test(command) ? Promise.reject(outage('gone')) : 'OK';
    const load = (key: string): Promise<unknown> => guard.load(key);
    for (let n = 0; n < 5; n++) await expect(load('a1')).rejects.toThrow('gone');
    await expect(load('a2')).rejects.toThrow(/a:1 is down/);
    for (let n = 0; n < 20; n++) await load('b1');
    await guard.call('TIME');
    await eventually('a probe', () => (stub.sent.includes('EXISTS a1') ? true : undefined));
    stub.answer = async () => 'OK';
    await eventually('it serves again', () =>
      load('a2').then(
        () => true,
        () => undefined,
      ),
    );
    expect(log.entries.map(({ message }) => message)).toEqual([
      expect.stringMatching(/a:1: it does not answer.*on this node of the cluster get 503/),
      expect.stringMatching(/a:1 is back/),
    ]);
    guard.close();
  });

  it('counts outages in a row only', async () => {
    const { guard, stub } = guarded();
    for (let n = 0; n < 20; n++) {
      stub.answer = n % 4 === 3 ? async () => 'OK' : async () => Promise.reject(outage('gone'));
      await guard.call('GET').catch(() => undefined);
    }
    expect(stub.sent).toHaveLength(20);
    guard.close();
  });
});

describe('the bulkhead', () => {
  it('refuses at once what is more than the limit, and takes commands again when one is done', async () => {
    const { guard, stub } = guarded(3);
    const finish: (() => void)[] = [];
    stub.answer = () => new Promise((resolve) => finish.push(() => resolve('OK')));
    const running = [guard.call('A'), guard.call('B'), guard.call('C')];
    await expect(guard.call('D')).rejects.toThrow(
      /3 commands are waiting for Redis at stub:1 already.*REDIS_SESSION_MAX_COMMANDS_IN_FLIGHT/,
    );
    expect(stub.sent).toEqual(['A', 'B', 'C']);
    finish[0]?.();
    await running[0];
    const next = guard.call('E');
    expect(stub.sent).toEqual(['A', 'B', 'C', 'E']);
    for (const done of finish) done();
    await Promise.all([...running, next]);
    guard.close();
  });
});

it('sends nothing once it is closed', async () => {
  const { guard, stub } = guarded();
  guard.close();
  await expect(guard.call('GET')).rejects.toThrow(/was closed/);
  expect(stub.sent).toEqual([]);
});

function never(): Script {
  return { lua: '', sha1: '', hasDeadline: false, tellsTime: false, isRepeatable: false };
}
