import { describe, expect, it } from '@jest/globals';
import { EventEmitter } from 'node:events';
import { SessionStoreUnavailableError } from '../../../lib/core/errors.js';
import type { SessionEvent } from '../../../lib/core/events.js';
import { SessionWatch } from '../../../lib/core/session-watch.js';
import { SessionsInUse } from '../../../lib/core/sessions-in-use.js';
import type { SessionStore } from '../../../lib/core/store.js';
import { SocketSession } from '../../../lib/nest/context/socket-session.js';
import type { RequestSessionOptions } from '../../../lib/http/request-session.js';
import type { TokenTransport } from '../../../lib/http/token-transport.js';
import { isToken, newToken } from '../../../lib/core/token.js';
import { CoreFixture, overriding, type FakeBrowser } from '../core/helpers.js';

const IDLE_S = 60;

/** A socket, with what is around it. */
class Rig {
  readonly touches: string[] = [];
  readonly events: SessionEvent[] = [];
  timers: { at: number; call: () => void }[] = [];
  closes = 0;
  isOver = false;
  load: SessionStore['load'] | undefined;
  readonly fixture = new CoreFixture({
    rules: { maxInactiveInterval: IDLE_S },
    wrap: (store) =>
      overriding(store, {
        load: (...args) => (this.load ?? store.load.bind(store))(...args),
        touch: (id) => {
          this.touches.push(id);
          return store.touch(id);
        },
      }),
  });
  readonly watch = new SessionWatch(this.fixture.store);
  readonly #connection = new EventEmitter();

  socketWith(token: string | undefined): SocketSession {
    const { manager, store, clock } = this.fixture;
    const transport: Pick<TokenTransport, 'receive'> = {
      receive: () => ({
        tokens: token !== undefined && isToken(token) ? [token] : [],
        forged: token === 'forged',
      }),
    };
    const options = {
      manager,
      transport,
      events: { emit: (event: SessionEvent) => void this.events.push(event) },
      inUse: new SessionsInUse(store, {
        now: clock.now,
        after: (ms, call) => void this.timers.push({ at: clock.now() + ms, call }),
      }),
    } as unknown as RequestSessionOptions;
    const handshake = {
      request: { headers: {} } as never,
      isOver: () => this.isOver,
      onceOver: (listener: () => void) => void this.#connection.once('over', listener),
      close: () => void (this.closes += 1),
    };
    return new SocketSession(handshake, options, this.watch);
  }

  leave(): void {
    this.isOver = true;
    this.#connection.emit('over');
  }

  async pass(seconds: number): Promise<void> {
    const { clock } = this.fixture;
    const until = clock.now() + seconds * 1000;
    while (clock.now() < until) {
      const next = Math.min(until, ...this.timers.map(({ at }) => at));
      clock.advance((next - clock.now()) / 1000);
      const due = this.timers.filter(({ at }) => at <= next);
      this.timers = this.timers.filter(({ at }) => at > next);
      for (const { call } of due) call();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

async function loggedIn(rig: Rig): Promise<FakeBrowser> {
  const browser = rig.fixture.browser();
  await browser.visit((session) => session.authenticate('ann'));
  return browser;
}

describe('the session of a socket', () => {
  it('lives as long as the socket is open, without a message, and no longer', async () => {
    const rig = new Rig();
    const browser = await loggedIn(rig);
    const { id } = await rig.socketWith(browser.token).open();
    await rig.pass(5 * IDLE_S);
    expect((await rig.fixture.store.load(id, { touch: false })).status).toBe('found');
    expect(new Set(rig.touches)).toEqual(new Set([id]));
    rig.leave();
    await rig.pass(2 * IDLE_S);
    expect((await rig.fixture.store.load(id, { touch: false })).status).not.toBe('found');
  });

  it('is kept alive under the id that it has now', async () => {
    const rig = new Rig();
    const browser = await loggedIn(rig);
    const socket = rig.socketWith(browser.token);
    const { id: previousId } = await socket.open();
    await browser.visit((session) => session.regenerateId());
    const { id } = await browser.visit((session) => ({ id: session.id }));
    rig.watch.note({ type: 'regenerated', id, previousId });
    await rig.pass(2 * IDLE_S);
    expect(rig.touches).toContain(id);
    expect((await socket.open()).id).toBe(id);
    expect(rig.closes).toBe(0);
  });

  it('ends the socket once, and what is asked after that is a guest', async () => {
    const rig = new Rig();
    const socket = rig.socketWith((await loggedIn(rig)).token);
    const { id } = await socket.open();
    for (const _ of [1, 2]) rig.watch.note({ type: 'destroyed', id });
    expect(rig.closes).toBe(1);
    expect(await socket.open()).toMatchObject({ phase: 'new', isLoggedIn: false });
    rig.leave();
    expect(rig.closes).toBe(1);
  });

  it('ends the socket where nobody told of the end, with the next message', async () => {
    const rig = new Rig();
    const socket = rig.socketWith((await loggedIn(rig)).token);
    const { id } = await socket.open();
    await rig.fixture.store.destroy(id);
    expect(await socket.open()).toMatchObject({ phase: 'new', isLoggedIn: false });
    expect(rig.closes).toBe(1);
  });

  it('ends the socket where the session ended while it was loaded', async () => {
    const rig = new Rig();
    const socket = rig.socketWith((await loggedIn(rig)).token);
    rig.load = async (id, options) => {
      rig.load = undefined;
      const found = await rig.fixture.store.load(id, options);
      rig.watch.note({ type: 'destroyed', id });
      return found;
    };
    await socket.open();
    expect(rig.closes).toBe(1);
    expect(await socket.open()).toMatchObject({ phase: 'new' });
  });

  it('is looked for again after the store has failed', async () => {
    const rig = new Rig();
    const socket = rig.socketWith((await loggedIn(rig)).token);
    rig.load = () => Promise.reject(new SessionStoreUnavailableError('down'));
    await expect(socket.open()).rejects.toThrow('down');
    rig.load = undefined;
    expect(await socket.open()).toMatchObject({ phase: 'stored', isLoggedIn: true });
    rig.load = () => Promise.reject(new SessionStoreUnavailableError('down'));
    await expect(socket.open()).rejects.toThrow('down');
    rig.load = undefined;
    expect((await socket.open()).isLoggedIn).toBe(true);
    expect(rig.closes).toBe(0);
  });

  it('of a bad cookie is looked for once', async () => {
    const rig = new Rig();
    let loads = 0;
    rig.load = (...args) => {
      loads += 1;
      rig.load = undefined;
      return rig.fixture.store.load(...args);
    };
    const socket = rig.socketWith(newToken());
    for (const _ of [1, 2, 3]) expect((await socket.open()).isLoggedIn).toBe(false);
    expect(loads).toBe(1);
    await rig.socketWith('forged').open();
    expect(rig.events).toEqual([{ type: 'rejected', reason: 'forged', id: undefined }]);
  });
});
