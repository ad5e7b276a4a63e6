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
class SocketFixture {
  readonly touches: string[] = [];
  readonly events: SessionEvent[] = [];
  timers: { at: number; call: () => void }[] = [];
  closes = 0;
  isOver = false;
  load: SessionStore['load'] | undefined;
  readonly core = new CoreFixture({
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
  readonly watch = new SessionWatch(this.core.store);
  readonly #connection = new EventEmitter();

  socketWith(token: string | undefined): SocketSession {
    const { manager, store, clock } = this.core;
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
    const { clock } = this.core;
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

async function loggedIn(fixture: SocketFixture): Promise<FakeBrowser> {
  const browser = fixture.core.browser();
  await browser.visit((session) => session.authenticate('ann'));
  return browser;
}

describe('the session of a socket', () => {
  it('lives as long as the socket is open, without a message, and no longer', async () => {
    const fixture = new SocketFixture();
    const browser = await loggedIn(fixture);
    const { id } = await fixture.socketWith(browser.token).open();
    await fixture.pass(5 * IDLE_S);
    expect((await fixture.core.store.load(id, { touch: false })).status).toBe('found');
    expect(new Set(fixture.touches)).toEqual(new Set([id]));
    fixture.leave();
    await fixture.pass(2 * IDLE_S);
    expect((await fixture.core.store.load(id, { touch: false })).status).not.toBe('found');
  });

  it('is kept alive under the id that it has now', async () => {
    const fixture = new SocketFixture();
    const browser = await loggedIn(fixture);
    const socket = fixture.socketWith(browser.token);
    const { id: previousId } = await socket.open();
    await browser.visit((session) => session.regenerateId());
    const { id } = await browser.visit((session) => ({ id: session.id }));
    fixture.watch.note({ type: 'regenerated', id, previousId });
    await fixture.pass(2 * IDLE_S);
    expect(fixture.touches).toContain(id);
    expect((await socket.open()).id).toBe(id);
    expect(fixture.closes).toBe(0);
  });

  it('ends the socket once, and what is asked after that is a guest', async () => {
    const fixture = new SocketFixture();
    const socket = fixture.socketWith((await loggedIn(fixture)).token);
    const { id } = await socket.open();
    for (const _ of [1, 2]) fixture.watch.note({ type: 'destroyed', id });
    expect(fixture.closes).toBe(1);
    expect(await socket.open()).toMatchObject({ phase: 'new', isLoggedIn: false });
    fixture.leave();
    expect(fixture.closes).toBe(1);
  });

  it('ends the socket where nobody told of the end, with the next message', async () => {
    const fixture = new SocketFixture();
    const socket = fixture.socketWith((await loggedIn(fixture)).token);
    const { id } = await socket.open();
    await fixture.core.store.destroy(id);
    expect(await socket.open()).toMatchObject({ phase: 'new', isLoggedIn: false });
    expect(fixture.closes).toBe(1);
  });

  it('ends the socket where the session ended while it was loaded', async () => {
    const fixture = new SocketFixture();
    const socket = fixture.socketWith((await loggedIn(fixture)).token);
    fixture.load = async (id, options) => {
      fixture.load = undefined;
      const found = await fixture.core.store.load(id, options);
      fixture.watch.note({ type: 'destroyed', id });
      return found;
    };
    await socket.open();
    expect(fixture.closes).toBe(1);
    expect(await socket.open()).toMatchObject({ phase: 'new' });
  });

  it('is looked for again after the store has failed', async () => {
    const fixture = new SocketFixture();
    const socket = fixture.socketWith((await loggedIn(fixture)).token);
    fixture.load = () => Promise.reject(new SessionStoreUnavailableError('down'));
    await expect(socket.open()).rejects.toThrow('down');
    fixture.load = undefined;
    expect(await socket.open()).toMatchObject({ phase: 'stored', isLoggedIn: true });
    fixture.load = () => Promise.reject(new SessionStoreUnavailableError('down'));
    await expect(socket.open()).rejects.toThrow('down');
    fixture.load = undefined;
    expect((await socket.open()).isLoggedIn).toBe(true);
    expect(fixture.closes).toBe(0);
  });

  it('of a bad cookie is looked for once', async () => {
    const fixture = new SocketFixture();
    let loads = 0;
    fixture.load = (...args) => {
      loads += 1;
      fixture.load = undefined;
      return fixture.core.store.load(...args);
    };
    const socket = fixture.socketWith(newToken());
    for (const _ of [1, 2, 3]) expect((await socket.open()).isLoggedIn).toBe(false);
    expect(loads).toBe(1);
    await fixture.socketWith('forged').open();
    expect(fixture.events).toEqual([{ type: 'rejected', reason: 'forged', id: undefined }]);
  });
});
