import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { channel } from 'node:diagnostics_channel';
import { SessionInstrumentation } from 'nestjs-redis-session/otel';
import {
  breakerChannel,
  operationChannels,
  rejectedChannel,
  traceWait,
} from '../../../lib/core/diagnostics.js';
import { SessionStoreUnavailableError } from '../../../lib/core/errors.js';
import type { SessionStore } from '../../../lib/core/store.js';
import { idOf, newToken } from '../../../lib/core/token.js';
import { ObservedStore } from '../../../lib/stores/layers/observed-store.js';
import { MemoryStore } from '../../../lib/stores/memory-store.js';
import { forgetTelemetry, parentOf, Telemetry } from '../../support/telemetry.js';
import { FakeClock, overriding } from '../core/helpers.js';

const DURATION = 'nestjs_redis_session.operation.duration';
const OPERATIONS = 'nestjs_redis_session.operations';
const WAIT = 'nestjs_redis_session.response.wait.duration';
const REJECTED = 'nestjs_redis_session.rejected';
const BREAKER = 'nestjs_redis_session.breaker.open';

const clock = new FakeClock();
const id = idOf(newToken(randomBytes));
const change = { set: new Map([['a', Buffer.from('1')]]), remove: [], authenticated: false };
const guest = { attributes: change.set, codec: 'json', maxInactiveInterval: 1800, absoluteTimeout: 0 };

function memory(calls: Partial<SessionStore> = {}): ObservedStore {
  const below = new MemoryStore({
    ...{ maxSessions: 100, maxBytes: 1_000_000, tombstoneMs: 60_000, now: clock.now },
  });
  return new ObservedStore(overriding(below, calls), 'memory');
}

let instrumentation: SessionInstrumentation;
let telemetry: Telemetry;

beforeAll(() => {
  instrumentation = new SessionInstrumentation();
  telemetry = new Telemetry(instrumentation);
});
afterAll(() => {
  instrumentation.disable();
  forgetTelemetry();
});
afterEach(() => {
  instrumentation.setConfig({});
  instrumentation.enable();
  telemetry.clear();
});

/** What of a counter or histogram has been added while something was done, by its attributes. */
async function added(metric: string, act: () => Promise<unknown> | void): Promise<[object, number][]> {
  const before = new Map(
    (await telemetry.points(metric)).map(({ attributes, value }) => [JSON.stringify(attributes), value]),
  );
  await act();
  return (await telemetry.points(metric))
    .map(({ attributes, value }): [object, number] => [
      attributes,
      value - (before.get(JSON.stringify(attributes)) ?? 0),
    ])
    .filter(([, more]) => more !== 0);
}

describe('the instrumentation', () => {
  it('makes a span of each operation, beneath the one that is active', async () => {
    const store = memory();
    await telemetry.tracers.getTracer('test').startActiveSpan('request', async (request) => {
      await store.create(id, { ...guest, authenticated: false });
      await store.load(id);
      await store.touch(id);
      await store.save(id, change);
      await store.compareAndSet(id, 'a', Buffer.from('1'), Buffer.from('2'), false);
      await store.renew(id, { ...change, newId: idOf(newToken(randomBytes)) });
      await store.destroy(id);
      request.end();
    });
    const spans = telemetry.spans();
    const request = spans.pop();
    const outcomes = spans.map(({ name, attributes }) => [
      name,
      attributes['nestjs_redis_session.operation'],
      attributes['nestjs_redis_session.outcome'],
    ]);
    expect(outcomes).toEqual([
      ['session create', 'create', 'written'],
      ['session load', 'load', 'found'],
      ['session touch', 'touch', 'done'],
      ['session save', 'save', 'written'],
      ['session compareAndSet', 'compareAndSet', 'written'],
      ['session renew', 'renew', 'written'],
      ['session destroy', 'destroy', 'removed'],
    ]);
    for (const span of spans) {
      expect(parentOf(span)).toBe(request?.spanContext().spanId);
      expect(span.kind).toBe(SpanKind.INTERNAL);
      expect(span.status.code).toBe(SpanStatusCode.UNSET);
      expect(span.attributes['nestjs_redis_session.store']).toBe('memory');
      expect(span.attributes).not.toHaveProperty('session.id');
      expect(span.instrumentationScope.name).toBe('nestjs-redis-session');
    }
  });

  it('measures each operation and counts what became of it', async () => {
    const store = memory();
    const of = (operation: string, rest: object = {}): object => ({
      'nestjs_redis_session.operation': operation,
      'nestjs_redis_session.store': 'memory',
      ...rest,
    });
    const act = async (): Promise<void> => {
      await store.load(id);
      await store.create(id, { ...guest, authenticated: false });
      await store.load(id);
      await store.load(id);
    };
    const counts = await added(OPERATIONS, act);
    expect(new Map(counts.map(([attributes, count]) => [JSON.stringify(attributes), count]))).toEqual(
      new Map(
        [
          [of('load', { 'nestjs_redis_session.outcome': 'found' }), 2] as const,
          [of('create', { 'nestjs_redis_session.outcome': 'written' }), 1] as const,
          [of('load', { 'nestjs_redis_session.outcome': 'absent' }), 1] as const,
        ].map(([attributes, count]) => [JSON.stringify(attributes), count]),
      ),
    );
    expect(await added(DURATION, () => store.destroy(id))).toEqual([[of('destroy'), 1]]);
  });

  it('tells of one that failed, by a word and by a sentence', async () => {
    const failure = new SessionStoreUnavailableError('Redis at a:1 is down.', { reason: 'TIMEOUT' });
    const store = memory({ load: () => Promise.reject(failure) });
    const counts = await added(OPERATIONS, async () => {
      await expect(store.load(id)).rejects.toBe(failure);
    });
    const attributes = {
      'nestjs_redis_session.operation': 'load',
      'nestjs_redis_session.store': 'memory',
      'error.type': 'TIMEOUT',
    };
    expect(counts).toEqual([[attributes, 1]]);
    expect(telemetry.spans()).toMatchObject([
      { attributes, status: { code: SpanStatusCode.ERROR, message: 'Redis at a:1 is down.' } },
    ]);
  });

  it('names the session by its public id where the configuration says so', async () => {
    instrumentation.setConfig({ recordSessionId: true });
    await memory().load(id);
    expect(telemetry.spans('session load')[0]?.attributes['session.id']).toBe(id);
    // Each id would be a series of its own.
    for (const { attributes } of await telemetry.points(OPERATIONS))
      expect(Object.values(attributes)).not.toContain(id);
  });

  it('makes a span of each wait of a response, and measures it', async () => {
    const failure = new SessionStoreUnavailableError('down', { reason: 'CONNECTION_LOST' });
    const failing = Promise.reject(failure);
    const points = await added(WAIT, async () => {
      traceWait('headers', Promise.resolve());
      traceWait('handler', failing);
      await failing.catch(() => undefined);
    });
    expect(points).toEqual([
      [{ 'nestjs_redis_session.phase': 'headers' }, 1],
      [{ 'nestjs_redis_session.phase': 'handler', 'error.type': 'CONNECTION_LOST' }, 1],
    ]);
    expect(telemetry.spans('session wait').map(({ status }) => status.code)).toEqual([
      SpanStatusCode.UNSET,
      SpanStatusCode.ERROR,
    ]);
  });

  it('counts rejections by reason', async () => {
    const points = await added(REJECTED, () => {
      rejectedChannel.publish({ reason: 'forged', id: undefined });
      rejectedChannel.publish({ reason: 'gone', id });
      rejectedChannel.publish({ reason: 'gone', id });
    });
    expect(points).toEqual([
      [{ 'nestjs_redis_session.reason': 'forged' }, 1],
      [{ 'nestjs_redis_session.reason': 'gone' }, 2],
    ]);
  });

  it('shows which servers count as down', async () => {
    const open = { 'server.address': 'redis.example', 'server.port': 6379 };
    breakerChannel.publish({ address: 'redis.example:6379', open: true });
    breakerChannel.publish({ address: '/run/redis.sock', open: true });
    expect(await telemetry.points(BREAKER)).toEqual([
      { attributes: open, value: 1 },
      { attributes: { 'server.address': '/run/redis.sock' }, value: 1 },
    ]);
    breakerChannel.publish({ address: 'redis.example:6379', open: false });
    expect((await telemetry.points(BREAKER))[0]).toEqual({ attributes: open, value: 0 });
    instrumentation.disable();
    expect((await telemetry.points(BREAKER)).map(({ value }) => value)).toEqual([0, 0]);
  });

  it('can be disabled and enabled at any time, and disabled leaves nobody listening', async () => {
    const store = memory();
    const heard = (): boolean[] => [
      ...Object.values(operationChannels).map((one) => one.hasSubscribers),
      ...['wait:start', 'wait:asyncEnd'].map(
        (name) => channel(`tracing:nestjs-redis-session:${name}`).hasSubscribers,
      ),
      breakerChannel.hasSubscribers,
      rejectedChannel.hasSubscribers,
    ];
    expect(new Set(heard())).toEqual(new Set([true]));
    instrumentation.disable();
    instrumentation.disable();
    expect(new Set(heard())).toEqual(new Set([false]));
    expect(await added(OPERATIONS, () => store.load(id))).toEqual([]);
    expect(telemetry.spans()).toEqual([]);
    instrumentation.enable();
    instrumentation.enable();
    await store.load(id);
    expect(telemetry.spans('session load')).toHaveLength(1);
  });

  it('leaves out what was under way when it was enabled, and what is when it is disabled', async () => {
    const waiting: (() => void)[] = [];
    const store = memory({ touch: () => new Promise((resolve) => waiting.push(() => resolve())) });
    instrumentation.disable();
    // Somebody else, so that there is a message.
    const listener = (): void => undefined;
    operationChannels.touch.start.subscribe(listener);
    const before = store.touch(id);
    instrumentation.enable();
    // Begun before: its end is heard, and is no span's.
    waiting[0]?.();
    await before;
    const during = store.touch(id);
    instrumentation.disable();
    waiting[1]?.();
    await during;
    operationChannels.touch.start.unsubscribe(listener);
    expect(telemetry.spans()).toEqual([]);
  });

  it('waits for enable() where it was created disabled', () => {
    instrumentation.disable();
    const another = new SessionInstrumentation({ enabled: false });
    expect(rejectedChannel.hasSubscribers).toBe(false);
    another.enable();
    expect(rejectedChannel.hasSubscribers).toBe(true);
    another.disable();
  });
});
