import { beforeAll, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { eachAdapter, LogSink } from '../support/apps.js';
import type { Browser } from '../support/cookie-jar.js';
import { watchCommands } from '../support/commands.js';
import { setPart } from '../support/record-fields.js';
import { startRedis } from '../support/redis-server.js';
import { connectTo, idOf, startBank, type Bank } from './bank.js';
import { keyOf } from '../support/records.js';

const redis = await startRedis();
const client = connectTo(redis);

/** Ordinary names, however they look. */
const NAMES = [
  ...[
    '__proto__',
    'constructor',
    'prototype',
    'toString',
    'valueOf',
    'hasOwnProperty',
    'then',
    'toJSON',
    '$ref',
    '$date',
  ],
  ...[
    '',
    ' ',
    'a.b',
    'a[0]',
    '@id',
    '@@',
    '@ended',
    '#key',
    '{x}',
    '*',
    '\u0000',
    'a\r\nb',
    'ä',
    '\u{1f600}',
    '\u200b',
    '__dot',
  ],
  'n'.repeat(10_000),
];

const NUMBERS = ['', '-1', '0', 'NaN', '1e400', '9'.repeat(30), '0x10', 'null', '-9007199254740993'];

const PARTS = [
  ...([
    'version',
    'name',
    'idle',
    'until',
    'copy',
    'created',
    'login',
    'codec',
    'principal',
    'used',
  ] as const),
];

const MEMBERS = [
  ...['id', 'isNew', 'createdAt', 'lastAccessedAt', 'expiresAt', 'principal', 'authenticatedAt', 'csrfToken'],
  ...[
    'authenticate',
    'regenerateId',
    'save',
    'markDirty',
    'update',
    'reload',
    'destroy',
    'keep',
    'maxInactiveInterval',
  ],
];

eachAdapter('stored data', (adapter) => {
  const log = new LogSink();
  let bank: Bank;
  beforeAll(async () => {
    bank = await startBank(adapter, redis, { maxSessionBytes: 40_000, maxAttributes: 50 }, { logger: log });
  });

  async function valueOf(browser: Browser, name: string): Promise<{ names: string[]; value?: unknown }> {
    return (await browser.post('/get', { name })).json();
  }

  it.each(NAMES.map((name) => [JSON.stringify(name.slice(0, 20)), name]))(
    'an attribute named %s is one like any other',
    async (_shown, name) => {
      const browser = bank.browser();
      await browser.post('/set', { name, value: { x: ['marker'] } });
      expect(await valueOf(browser, name)).toEqual({ names: [name], value: { x: ['marker'] } });
      await browser.post('/login');
      expect(await valueOf(browser, name)).toEqual({ names: [name], value: { x: ['marker'] } });
      await browser.post('/set', { name, value: null });
      expect(await valueOf(browser, name)).toEqual({ names: [] });
      expect(({} as { x?: unknown }).x).toBeUndefined();
    },
  );

  it.each(MEMBERS)('an attribute cannot be named %s, like a member', async (name) => {
    const browser = bank.browser();
    await browser.post('/write', { kept: 1 });
    expect((await browser.post('/set', { name, value: 'x' })).status).toBe(500);
    expect((await valueOf(browser, 'kept')).names).toEqual(['kept']);
  });

  it('a name with a lone surrogate is refused with a warning: it could not come back as it was', async () => {
    log.clear();
    const browser = bank.browser();
    expect((await browser.post('/set', { name: 'a\ud800', value: 1 })).status).toBe(201);
    expect((await valueOf(browser, 'a\ud800')).names).toEqual([]);
    expect(log.messages('warn').join()).toMatch(/lone surrogate/);
  });

  it('a record that anybody damaged is never an error of ours, never hangs and pollutes nothing', async () => {
    const browser = bank.browser();
    await browser.post('/write', { a: { b: 1 }, c: 'text' });
    await browser.post('/login');
    const id = await idOf(browser);
    const key = keyOf(id);
    const original = (await client.callBuffer('HGETALL', key)) as Buffer[];
    const own = fc.constantFrom('@v', '@used', '@info');
    const field = fc.oneof(
      own,
      fc.constantFrom('a', 'c', '@ended', '@next', '@copy', '@@', '__proto__', '@x'),
      fc.string(),
    );
    const value = fc.oneof(
      fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
      fc.constantFrom(...NUMBERS).map((text) => Buffer.from(text)),
      // msgpack: a map with __proto__, a deep array, an extension, a huge length.
      fc
        .constantFrom(
          '81a95f5f70726f746f5f5f81a17801',
          '91'.repeat(500),
          'c70107ff',
          'ddffffffff',
          'd6ff00000000',
        )
        .map((hex) => Buffer.from(hex, 'hex')),
    );
    const texts = fc.oneof(fc.string(), fc.constantFrom(...NUMBERS));
    const parts = fc.option(fc.constantFrom(...PARTS), { nil: undefined });
    const damages = fc.array(fc.tuple(field, value), { maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(damages, parts, texts, async (damage, part, text) => {
        await client.del(key);
        await client.hset(key, ...(original as [Buffer, Buffer]));
        for (const [name, bytes] of damage) await client.hset(key, name, bytes);
        if (part !== undefined) await setPart(client, key, part, text);
        const answer = await browser.clone().get('/whoami');
        const write = await browser.clone().post('/write', { fresh: true });
        expect([200, 503]).toContain(answer.status);
        expect([201, 503]).toContain(write.status);
        expect(({} as { x?: unknown }).x).toBeUndefined();
        expect(await client.pttl(key)).not.toBe(0);
      }),
      { numRuns: 100 },
    );
  });

  it.each([
    ['a string', () => client.set('k', 'x')],
    ['a list', () => client.rpush('k', 'x')],
    ['a foreign hash', () => client.hset('k', 'user', 'admin')],
    [
      'the record of another session',
      async () => {
        const other = bank.browser();
        await other.post('/login?as=admin');
        await client.copy(keyOf(await idOf(other)), 'k');
      },
    ],
  ])("a key that holds %s is nobody's session, and is not overwritten", async (_what, make) => {
    const browser = bank.browser();
    await browser.post('/login');
    const key = keyOf(await idOf(browser));
    await client.del('k');
    await make();
    await client.rename('k', key);
    const before = await client.dumpBuffer(key);
    const answer = await browser.clone().get('/whoami');
    expect(answer.status).toBe(200);
    expect(answer.json()).not.toHaveProperty('principal');
    const clone = browser.clone();
    await clone.post('/write', { mine: true });
    expect(clone.cookie('sid')).not.toBe(browser.cookie('sid'));
    // There it lies still, or in quarantine.
    const kept = await Promise.all((await client.keys('*')).map((name) => client.dumpBuffer(name)));
    expect(kept.some((dump) => before !== null && dump?.equals(before))).toBe(true);
  });

  const tooMuch: [string, Record<string, unknown>][] = [
    ['bytes', { big: 'x'.repeat(50_000) }],
    ['attributes', Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`a${i}`, i]))],
  ];
  it.each(tooMuch)(
    'too many %s are an error before any write, and what was stored is intact',
    async (_what, attributes) => {
      const browser = bank.browser();
      await browser.post('/write', { kept: 'as it was' });
      log.clear();
      const watch = await watchCommands(redis.port);
      expect((await browser.post('/write', attributes)).status).toBe(500);
      expect((await watch.take()).filter(({ name, args }) => name !== 'HGETALL' && args.length > 4)).toEqual(
        [],
      );
      watch.close();
      expect((await valueOf(browser, 'kept')).value).toBe('as it was');
      expect(log.text()).toMatch(/REDIS_SESSION_MAX_(BYTES|ATTRIBUTES)/);
      expect(log.text()).not.toContain('xxxxxxxxxx');
    },
  );
});
