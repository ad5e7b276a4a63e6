import { afterEach, describe, expect, it } from '@jest/globals';
import { AsyncLocalStorage } from 'node:async_hooks';
import { randomBytes } from 'node:crypto';
import { tracingChannel } from 'node:diagnostics_channel';
import { inspect } from 'node:util';
import type { SessionOperationMessage } from '../../../lib/core/diagnostics.js';
import { SessionStoreUnavailableError } from '../../../lib/core/errors.js';
import type { SessionStore } from '../../../lib/core/store.js';
import { idOf, newToken, type SessionId } from '../../../lib/core/token.js';
import { resolveSettings } from '../../../lib/config/resolve.js';
import { createBackend } from '../../../lib/stores/backend.js';
import { ObservedStore } from '../../../lib/stores/layers/observed-store.js';
import { MemoryStore } from '../../../lib/stores/memory-store.js';
import { FakeClock, overriding } from '../core/helpers.js';

const NAMES = ['load', 'touch', 'save', 'renew', 'destroy'] as const;
const EVENTS = ['start', 'end', 'asyncStart', 'asyncEnd', 'error'] as const;
const PRINCIPAL = 'canary-principal';
const PAYLOAD = 'canary-payload';

const clock = new FakeClock();
const token = newToken(randomBytes);
const id = idOf(token);
const otherId = (): SessionId => idOf(newToken(randomBytes));
const session = {
  attributes: new Map([['cart', Buffer.from(PAYLOAD)]]),
  codec: 'json',
  maxInactiveInterval: 1800,
  absoluteTimeout: 0,
  authenticated: true,
};
const change = { set: session.attributes, remove: [], authenticated: true };

function memory(): MemoryStore {
  return new MemoryStore({ maxSessions: 100, maxBytes: 1_000_000, tombstoneMs: 60_000, now: clock.now });
}

/** Each operation of a store that requests ask for. */
const OPERATIONS: Record<SessionOperationMessage['operation'], (store: SessionStore) => Promise<unknown>> = {
  create: (store) => store.create(id, session),
  load: (store) => store.load(id),
  touch: (store) => store.touch(id),
  save: (store) => store.save(id, change),
  compareAndSet: (store) => store.compareAndSet(id, 'cart', Buffer.from('x'), Buffer.from(PAYLOAD), true),
  renew: (store) =>
    store.renew(id, { ...change, newId: otherId(), login: { principal: PRINCIPAL, absoluteTimeout: 0 } }),
  destroy: (store) => store.destroy(id),
};

const stop: (() => void)[] = [];

/** What is told on every channel, as `channel event`, and each message when it ended. */
function listen(): { order: string[]; ended: SessionOperationMessage[]; texts: string[] } {
  const order: string[] = [];
  const ended: SessionOperationMessage[] = [];
  const texts: string[] = [];
  for (const name of NAMES) {
    const channel = tracingChannel<unknown, SessionOperationMessage>(`nestjs-redis-session:${name}`);
    const handlers = Object.fromEntries(
      EVENTS.map((event) => [
        event,
        (message: SessionOperationMessage) => {
          order.push(`${name} ${event}`);
          texts.push(inspect(message, { depth: 10, showHidden: true }));
          if (event === 'asyncEnd') ended.push({ ...message });
        },
      ]),
    ) as unknown as Parameters<typeof channel.subscribe>[0];
    channel.subscribe(handlers);
    stop.push(() => channel.unsubscribe(handlers));
  }
  return { order, ended, texts };
}

afterEach(() => {
  for (const one of stop.splice(0)) one();
});

describe('a store that is traced', () => {
  it.each(Object.entries(OPERATIONS))('hands out the promise of the store below for %s', (name, run) => {
    const promise = new Promise<never>(() => undefined);
    const store = new ObservedStore(overriding(memory(), { [name]: () => promise }), 'memory');
    // Nobody listens: not a promise more, nor a message.
    expect(run(store)).toBe(promise);
    listen();
    expect(run(store)).toBe(promise);
  });

  it('tells of each operation on its channel, with its outcome and without its content', async () => {
    const { ended, texts, order } = listen();
    const store = new ObservedStore(memory(), 'memory');
    for (const run of Object.values(OPERATIONS)) await run(store);
    await store.load(id);
    const told = ended.map(({ operation, outcome }) => [operation, outcome]);
    expect(told).toEqual([
      ['create', 'written'],
      ['load', 'found'],
      ['touch', 'done'],
      ['save', 'written'],
      ['compareAndSet', 'conflict'],
      ['renew', 'written'],
      ['destroy', 'removed'],
      ['load', 'ended'],
    ]);
    expect(ended.every((message) => message.id === id && message.store === 'memory')).toBe(true);
    expect(order.slice(0, 4)).toEqual(['save start', 'save end', 'save asyncStart', 'save asyncEnd']);
    for (const canary of [
      PRINCIPAL,
      PAYLOAD,
      token,
      Buffer.from(PAYLOAD).toString('hex').match(/../g)?.join(' '),
    ])
      expect(texts.join('\n')).not.toContain(canary);
  });

  it('tells why one failed, and hands the failure on', async () => {
    const { ended, order } = listen();
    const failure = new SessionStoreUnavailableError('Redis is down.', { reason: 'TIMEOUT' });
    const store = new ObservedStore(overriding(memory(), { load: () => Promise.reject(failure) }), 'redis');
    await expect(store.load(id)).rejects.toBe(failure);
    expect(order).toEqual(['load start', 'load end', 'load error', 'load asyncStart', 'load asyncEnd']);
    expect(ended).toMatchObject([{ operation: 'load', store: 'redis', outcome: undefined, error: failure }]);
  });

  it('tells of an error that is not ours the class only: it may quote what a session holds', async () => {
    const { ended, texts } = listen();
    const foreign = new RangeError(`cannot store ${PAYLOAD}`, { cause: PRINCIPAL });
    const store = new ObservedStore(overriding(memory(), { save: () => Promise.reject(foreign) }), 'redis');
    await expect(store.save(id, change)).rejects.toBe(foreign);
    expect(ended[0]?.error?.name).toBe('RangeError');
    expect(texts.join('\n')).not.toContain('canary');
  });

  it('runs an operation in what subscribers have bound to its start', async () => {
    const storage = new AsyncLocalStorage<string>();
    const { start } = tracingChannel('nestjs-redis-session:load');
    start.bindStore(storage, () => 'bound');
    stop.push(() => void start.unbindStore(storage));
    const seen: (string | undefined)[] = [];
    const below = memory();
    const store = new ObservedStore(
      overriding(below, { load: (...args) => (seen.push(storage.getStore()), below.load(...args)) }),
      'memory',
    );
    await store.load(id);
    expect(seen).toEqual(['bound']);
    expect(storage.getStore()).toBeUndefined();
  });
});

describe('the store of an application', () => {
  it.each([
    ['memory', {}],
    ['custom', { store: memory() }],
    ['redis', { redis: { host: '127.0.0.1', port: 1, timeoutMs: 50 } }],
  ] as const)('is traced where it is %s', async (kind, options) => {
    const quiet = { log: () => undefined, warn: () => undefined, debug: () => undefined };
    const settings = resolveSettings(options, undefined);
    const { store } = createBackend(settings, { emit: () => undefined }, () => quiet);
    const { ended } = listen();
    await store.load(id).catch(() => undefined);
    expect(ended.map((message) => message.store)).toEqual([kind]);
    await store.close();
  });
});
