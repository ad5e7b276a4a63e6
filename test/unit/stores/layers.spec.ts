import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { SessionStoreUnavailableError } from '../../../lib/core/errors.js';
import type { SessionRecord, SessionStore } from '../../../lib/core/store.js';
import { idOf, newToken, type SessionId } from '../../../lib/core/token.js';
import { withLayers, type StoreLayers } from '../../../lib/stores/layers/compose.js';
import { GuestStore } from '../../../lib/stores/layers/guest-store.js';
import { LocalCopies } from '../../../lib/stores/layers/local-copies.js';
import { ObservedStore } from '../../../lib/stores/layers/observed-store.js';
import { StoreLayer } from '../../../lib/stores/layers/store-layer.js';
import { MemoryStore } from '../../../lib/stores/memory-store.js';
import { FakeClock, overriding } from '../core/helpers.js';

const clock = new FakeClock();

function memory(): MemoryStore {
  return new MemoryStore({ maxSessions: 100, maxBytes: 1_000_000, tombstoneMs: 60_000, now: clock.now });
}

/** A store that all nodes share, as far as layers can tell. */
class Shared extends StoreLayer<MemoryStore> {
  async restore(id: SessionId, record: SessionRecord) {
    this.below.keep(id, record, clock.now(), clock.now() + 60_000);
    return { status: 'written' as const, now: clock.now() };
  }
}

const someId = (): SessionId => idOf(newToken(randomBytes));

const guest = {
  attributes: new Map([['cart', Buffer.from('tea')]]),
  codec: 'json',
  maxInactiveInterval: 1800,
  absoluteTimeout: 0,
  authenticated: false,
};

function layered(layers: Partial<StoreLayers> = {}): {
  store: SessionStore;
  inShared: MemoryStore;
  failures: unknown[];
} {
  const inShared = memory();
  const failures: unknown[] = [];
  const { store } = withLayers(new Shared(inShared), {
    guests: undefined,
    encryptionKeys: [],
    failed: (error) => void failures.push(error),
    ...layers,
  });
  return { store, inShared, failures };
}

describe('the layers before a store', () => {
  const key = randomBytes(32).toString('base64');

  it('are none but the observing one where the settings ask for none', async () => {
    const { store, inShared } = layered();
    const id = someId();
    await store.create(id, guest);
    expect(inShared.peek(id)?.attributes).toEqual(guest.attributes);
    expect(await store.load(id)).toMatchObject({ status: 'found', record: { attributes: guest.attributes } });
  });

  it('encrypt what is kept elsewhere, copies in this process too', async () => {
    const here = memory();
    const guests = { memory: here, lifeMs: 60_000, now: clock.now };
    const { store, inShared } = layered({ encryptionKeys: [key], guests });
    const id = someId();
    await store.create(id, guest);
    for (const kept of [inShared, here]) {
      const bytes = kept.peek(id)?.attributes.get('cart');
      expect(bytes).toBeDefined();
      expect(Buffer.from(bytes as Uint8Array).includes('tea')).toBe(false);
    }
    // The shared copy expires first: what is left here still opens.
    inShared.forget(id);
    expect(await store.load(id)).toMatchObject({ status: 'found', record: { attributes: guest.attributes } });
  });

  it('keep in this process what a guest has changed, for when the shared copy has expired', async () => {
    const here = memory();
    const { store, inShared } = layered({ guests: { memory: here, lifeMs: 60_000, now: clock.now } });
    const id = someId();
    await store.create(id, guest);
    await store.save(id, { set: new Map([['a', Buffer.from('1')]]), remove: ['cart'], authenticated: false });
    await store.compareAndSet(id, 'b', undefined, Buffer.from('2'), false);
    inShared.forget(id);
    const attributes = new Map(Object.entries({ a: Buffer.from('1'), b: Buffer.from('2') }));
    expect(await store.load(id)).toMatchObject({ status: 'found', record: { attributes } });
    // A write puts it back where all nodes see it.
    const newId = someId();
    await store.renew(id, { set: new Map(), remove: ['a'], authenticated: false, newId });
    expect([...(inShared.peek(newId)?.attributes.keys() ?? [])]).toEqual(['b']);
    inShared.forget(newId);
    expect(await store.load(newId)).toMatchObject({ status: 'found' });
  });

  it('give up the copy in this process before the store is asked, where another node has asked for its end', async () => {
    const told: unknown[] = [];
    class Below extends Shared {
      tell(...message: unknown[]): Promise<void> {
        told.push(message);
        return Promise.resolve();
      }

      override async destroy(id: SessionId) {
        expect(await guests.load(id)).toEqual({ status: 'absent' });
        return super.destroy(id);
      }
    }
    const inShared = memory();
    const shared = new Below(inShared);
    const guests = new GuestStore(shared, new LocalCopies(memory(), { lifeMs: 60_000, now: clock.now }));
    const id = someId();
    await guests.create(id, guest);
    inShared.forget(id);
    expect(await guests.load(id)).toMatchObject({ status: 'found' });
    expect(await guests.endIfHeld(id)).toBe(true);
    expect(told).toEqual([['destroyed', id]]);
    expect(await guests.endIfHeld(id)).toBe(false);
  });

  it('are observed as a whole: what a layer below throws is told once', async () => {
    const { store, inShared, failures } = layered({ encryptionKeys: [key] });
    await inShared.close();
    const error: unknown = await store.load(someId()).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(SessionStoreUnavailableError);
    expect(failures).toEqual([error]);
  });
});

describe('the observing layer', () => {
  const failure = new SessionStoreUnavailableError('down');
  const failing = (): SessionStore => {
    const fail = () => Promise.reject(failure);
    const calls = { load: fail, touch: fail, create: fail, save: fail, renew: fail };
    return overriding(memory(), { ...calls, compareAndSet: fail, destroy: fail, health: fail });
  };
  const id = someId();
  const change = { set: new Map(), remove: [], authenticated: false };

  it.each<[string, (store: SessionStore) => Promise<unknown>]>([
    ['load', (store) => store.load(id)],
    ['touch', (store) => store.touch(id)],
    ['create', (store) => store.create(id, guest)],
    ['save', (store) => store.save(id, change)],
    ['renew', (store) => store.renew(id, { ...change, newId: someId() })],
    ['compareAndSet', (store) => store.compareAndSet(id, 'a', undefined, undefined, false)],
    ['destroy', (store) => store.destroy(id)],
  ])('tells of a failed %s before whoever asked hears of it', async (_name, ask) => {
    const order: unknown[] = [];
    const store = new ObservedStore(failing(), 'memory', (error) => order.push(['told', error]));
    await ask(store).catch((error: unknown) => order.push(['thrown', error]));
    expect(order).toEqual([
      ['told', failure],
      ['thrown', failure],
    ]);
  });

  it('leaves health checks alone, which tell of their failures themselves', async () => {
    const told: unknown[] = [];
    await expect(new ObservedStore(failing(), 'memory', (error) => told.push(error)).health()).rejects.toBe(
      failure,
    );
    expect(told).toEqual([]);
  });

  it('hands out the very promise of the store: nobody waits longer for being observed', () => {
    const call = Promise.resolve({ status: 'absent' as const });
    const store = overriding(memory(), { load: () => call });
    expect(new ObservedStore(store, 'memory', () => undefined).load(id)).toBe(call);
  });
});

it('a layer over a store that cannot put records away leaves a damaged one where it is', async () => {
  class Bare extends StoreLayer {}
  await expect(new Bare(overriding(memory(), {})).quarantine(someId())).resolves.toBeUndefined();
});
