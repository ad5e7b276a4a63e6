import { beforeAll, describe, expect, it } from '@jest/globals';
import type { SessionEvent } from 'nestjs-redis-session';
import { RejectionLog, type Rejection } from '../../lib/core/rejection-log.js';
import { eachAdapter } from '../support/apps.js';
import type { Browser } from '../support/cookie-jar.js';
import { setPart } from '../support/record-fields.js';
import { startRedis } from '../support/redis-server.js';
import { ManualTimer } from '../unit/core/manual-timer.js';
import { connectTo, idOf, startBank, type Bank } from './bank.js';
import { keyOf } from '../support/records.js';

const redis = await startRedis();
const client = connectTo(redis);

eachAdapter('security events', (adapter) => {
  let bank: Bank;
  beforeAll(async () => {
    bank = await startBank(adapter, redis, { secrets: ['Tr0ub4dor-horse-battery-lamp-moon-7'] });
  });

  /** What is told while something is done, by this node as that says itself. */
  async function told(action: () => Promise<unknown>): Promise<SessionEvent[]> {
    const events: SessionEvent[] = [];
    const subscription = bank.sessions.events.subscribe(({ origin, ...event }) => {
      expect(origin).toBe('here');
      events.push(event);
    });
    await action();
    subscription.unsubscribe();
    return events;
  }

  async function withSession(): Promise<{ browser: Browser; id: string; cookie: string }> {
    const browser = bank.browser();
    await browser.post('/write', { cart: [] });
    return { browser, id: await idOf(browser), cookie: `sid=${browser.cookie('sid')}` };
  }

  it('tell of a session from its creation to its end', async () => {
    const browser = bank.browser();
    expect(await told(() => browser.get('/whoami'))).toEqual([]);
    const [created, ...rest] = await told(() => browser.post('/write', { cart: [] }));
    const first = await idOf(browser);
    expect([created, ...rest]).toEqual([{ type: 'created', id: first }]);
    expect(await told(() => browser.post('/write', { cart: [1] }))).toEqual([]);

    const login = await told(() => browser.post('/login?as=alice'));
    const second = await idOf(browser);
    expect(login).toEqual([{ type: 'authenticated', id: second, previousId: first, principal: 'alice' }]);

    const renewal = await told(() => browser.post('/renew'));
    const third = await idOf(browser);
    expect(renewal).toEqual([{ type: 'regenerated', id: third, previousId: second }]);
    expect(await told(() => browser.post('/logout'))).toEqual([{ type: 'destroyed', id: third }]);
  });

  it('tell of a login without a session before it', async () => {
    const browser = bank.browser();
    const events = await told(() => browser.post('/login?as=bob'));
    const id = await idOf(browser);
    expect(events).toEqual([
      { type: 'created', id },
      { type: 'authenticated', id, previousId: undefined, principal: 'bob' },
    ]);
  });

  it('tell of an end by SessionService', async () => {
    const { id } = await withSession();
    expect(await told(() => bank.sessions.destroy(id))).toEqual([{ type: 'destroyed', id }]);
  });

  it('tell of a cookie that cannot be ours, once for each request', async () => {
    const { cookie } = await withSession();
    const unsigned = cookie.slice(0, cookie.indexOf('.'));
    for (const forged of [unsigned, 'sid=x', `${cookie}x`, 'sid=a; sid=b; sid=c']) {
      expect(await told(() => bank.browser().get('/whoami', { cookie: forged }))).toEqual([
        { type: 'rejected', reason: 'forged', id: undefined },
      ]);
    }
  });

  it('tell of two live sessions in one request', async () => {
    const [one, two] = [await withSession(), await withSession()];
    const cookie = `${one.cookie}; ${two.cookie}`;
    expect(await told(() => bank.browser().get('/whoami', { cookie }))).toEqual([
      { type: 'rejected', reason: 'ambiguous', id: undefined },
    ]);
  });

  it('tell of a session that is unknown, gone or corrupt, by its public id', async () => {
    const expired = await withSession();
    await client.del(keyOf(expired.id));
    expect(await told(() => expired.browser.get('/whoami'))).toEqual([
      { type: 'rejected', reason: 'unknown', id: expired.id },
    ]);

    const late = await withSession();
    const straggler = late.browser.clone();
    await late.browser.post('/login');
    expect(await told(() => straggler.get('/whoami'))).toEqual([
      { type: 'rejected', reason: 'gone', id: late.id },
    ]);

    const damaged = await withSession();
    await setPart(client, keyOf(damaged.id), 'created', 'x');
    expect(await told(() => damaged.browser.get('/whoami'))).toEqual([
      { type: 'rejected', reason: 'corrupt', id: damaged.id, detail: 'one of its own fields is damaged' },
    ]);
  });

  it('end with the application', async () => {
    const closing = await startBank(adapter, redis);
    let completed = false;
    closing.sessions.events.subscribe({ complete: () => (completed = true) });
    await closing.close();
    expect(completed).toBe(true);
  });
});

describe('the log of rejections', () => {
  /** A log whose seconds pass by hand. */
  function fixture(): {
    log: RejectionLog;
    lines: string[];
    pass: (ms: number) => void;
  } {
    const lines: string[] = [];
    const write = (level: string) => (message: string) => void lines.push(`${level} ${message}`);
    const time = new ManualTimer();
    const log = new RejectionLog(
      { verbose: write('verbose'), debug: write('debug'), warn: write('warn') },
      time.timer,
    );
    return { log, lines, pass: (ms) => time.advance(ms) };
  }

  const rejection = (reason: Rejection['reason'], id?: string): Rejection => ({
    type: 'rejected',
    reason,
    id,
  });

  it('warns of a change that a login has made void, by its name, and not of one to a session that is over', () => {
    const { log, lines, pass } = fixture();
    const drop = { type: 'dropped', id: 'an-id', attributes: ['cart', 'x'.repeat(100)] } as const;
    log.note({ ...drop, reason: 'ended' });
    log.note({ ...drop, reason: 'late' });
    log.note({ ...drop, reason: 'login' });
    pass(1000);
    log.note({ ...drop, attributes: [...'abcdef'], reason: 'login' });
    expect(lines).toEqual([
      'warn Session an-id: another request logged in meanwhile, and what this one changed is dropped ' +
        `("cart", "${'x'.repeat(40)}").`,
      expect.stringMatching(/ \("a", "b", "c", "d", "e", …\)\.$/),
    ]);
  });

  it('is at most one line a second for 100 000 bad cookies, and counts them all', () => {
    const { log, lines, pass } = fixture();
    // Ten seconds, one every 0.1 ms.
    for (let i = 0; i < 100_000; i += 1) {
      log.note(rejection(i % 2 === 0 ? 'forged' : 'unknown', 'some-id'));
      pass(0.1);
    }
    log.flush();
    expect(lines.length).toBeLessThanOrEqual(12);
    const counted = lines.map((line) => Number(/(\d+) rejections since/.exec(line)?.[1] ?? 1));
    expect(counted.reduce((sum, count) => sum + count, 0)).toBe(100_000);
  });

  it('is no more than that where timers are late, as in a process under a flood', () => {
    const { log, lines, pass } = fixture();
    log.note(rejection('forged'));
    log.note(rejection('forged'));
    // The timer goes off late, and the next is set from there on.
    pass(1500);
    expect(lines).toHaveLength(2);
    log.note(rejection('forged'));
    pass(999);
    expect(lines).toHaveLength(2);
    pass(1);
    expect(lines).toHaveLength(3);
  });

  it('tells a single one at once, and the rest of a burst when the second is over', () => {
    const { log, lines, pass } = fixture();
    log.note(rejection('unknown', 'an-id'));
    expect(lines).toEqual(['debug Session an-id: unknown or expired; the request starts with an empty one.']);
    log.note(rejection('gone', 'b-id'));
    log.note({ ...rejection('corrupt', 'c-id'), detail: 'its key holds no hash' });
    log.note(rejection('unknown', 'd-id'));
    expect(lines).toHaveLength(1);
    pass(1000);
    expect(lines.slice(1)).toEqual([
      'warn Session c-id: its record cannot be used; the request is anonymous (its key holds no hash). ' +
        '3 rejections since the line before: 1 gone, 1 corrupt, 1 unknown.',
    ]);
    pass(5000);
    log.note(rejection('forged'));
    expect(lines).toHaveLength(3);
  });
});
