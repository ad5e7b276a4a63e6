import { expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SessionEvent, SessionModuleOptions } from 'nestjs-redis-session';
import { eachAdapter, LogSink } from '../support/apps.js';
import type { Browser } from '../support/cookie-jar.js';
import { startRedis } from '../support/redis-server.js';
import { connectTo, idOf, startBank, type Bank } from './bank.js';
import { keyOf } from '../support/records.js';

const redis = await startRedis({ args: ['--rdbcompression', 'no'] });
const client = connectTo(redis);

const MARKER = 'marker-7f3a9c51-of-a-customer';
const newKey = (): string => randomBytes(32).toString('base64');

/** Fields of a session's record, with their bytes. */
async function fieldsOf(id: string): Promise<Map<string, Buffer>> {
  const reply = (await client.callBuffer('HGETALL', keyOf(id))) as Buffer[];
  const fields = new Map<string, Buffer>();
  for (let i = 0; i < reply.length; i += 2) fields.set(String(reply[i]), reply[i + 1] as Buffer);
  return fields;
}

/** What a record says in its field `@info`. */
function infoOf(fields: ReadonlyMap<string, Buffer>): { codec: string; principal: string } {
  const [, , codec = '', principal = ''] = String(fields.get('@info')).split(' ');
  return { codec, principal };
}

function infoWith(fields: ReadonlyMap<string, Buffer>, change: Partial<ReturnType<typeof infoOf>>): Buffer {
  const { codec, principal } = { ...infoOf(fields), ...change };
  return Buffer.from([...String(fields.get('@info')).split(' ').slice(0, 2), codec, principal].join(' '));
}

async function customer(bank: Bank, attributes: object): Promise<{ browser: Browser; id: string }> {
  const browser = bank.browser();
  await browser.post('/write', attributes);
  await browser.post('/login', undefined);
  return { browser, id: await idOf(browser) };
}

async function attributesOf(browser: Browser): Promise<unknown> {
  return (await browser.get('/whoami')).json<{ attributes: unknown }>().attributes;
}

eachAdapter('encryption at rest', (adapter) => {
  const start = (encryptionKeys?: string[], options: SessionModuleOptions = {}): Promise<Bank> =>
    startBank(adapter, redis, { ...options, encryptionKeys });

  it.each(['msgpack', 'json'] as const)('sessions behave as without it (%s)', async (codec) => {
    const bank = await start([newKey()], { codec });
    const { browser } = await customer(bank, { cart: ['apple'], note: MARKER });
    await browser.post('/renew');
    await browser.post('/write', {
      cart: ['apple', 'pear'],
      note: null,
      '#key': 'own',
      '##': 'two',
      '@id': 'x',
    });
    const counts = await Promise.all(Array.from({ length: 10 }, () => browser.post('/update')));
    expect(counts.map((answer) => answer.json<{ count: number }>().count).sort((a, b) => a - b)).toEqual([
      1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
    ]);
    await browser.post('/renew');
    expect((await browser.get('/whoami')).json()).toMatchObject({
      principal: 'alice',
      attributes: { cart: ['apple', 'pear'], '#key': 'own', '##': 'two', '@id': 'x', count: 10 },
    });
    await browser.post('/logout');
    expect(await attributesOf(browser)).toEqual({});
  });

  it('no value and no principal is in a dump of Redis', async () => {
    const dumped = async (encryptionKeys?: string[]): Promise<Buffer> => {
      await client.flushall();
      const bank = await start(encryptionKeys);
      const browser = bank.browser();
      await browser.post('/write', { note: MARKER });
      await browser.post(`/login?as=${MARKER}`);
      await browser.post('/write', { other: MARKER });
      await client.save();
      return readFile(join(redis.dir, 'dump.rdb'));
    };
    // Without encryption it is there: this is where to look.
    expect((await dumped()).includes(MARKER)).toBe(true);
    expect((await dumped([newKey()])).includes(MARKER)).toBe(false);
  });

  it('one wrong byte anywhere in what is encrypted makes the request anonymous, reported once', async () => {
    const log = new LogSink();
    const bank = await startBank(adapter, redis, { encryptionKeys: [newKey()] }, { logger: log });
    const { browser, id } = await customer(bank, { note: MARKER, role: 'admin' });
    const events: SessionEvent[] = [];
    bank.sessions.events.subscribe((event) => events.push(event));
    const original = await fieldsOf(id);
    for (const field of ['note', 'role', '#key', '@info']) {
      const bytes = original.get(field) as Buffer;
      // Of ours, only the principal is encrypted: after the last space.
      for (let at = field === '@info' ? bytes.lastIndexOf(' ') + 1 : 0; at < bytes.length; at += 1) {
        const damaged = Buffer.from(bytes);
        // In text, one letter of base64 for another; the last one before padding holds bits that mean nothing.
        damaged[at] = (bytes[at] as number) ^ (field === '@info' ? 4 : 0x41);
        await client.hset(keyOf(id), Object.fromEntries([...original, [field, damaged]]));
        events.length = 0;
        const answer = (await browser.clone().get('/whoami')).json<{
          principal?: string;
          attributes: object;
        }>();
        expect([field, at, answer.principal, answer.attributes]).toEqual([field, at, undefined, {}]);
        expect(events).toEqual([
          {
            type: 'rejected',
            reason: 'corrupt',
            origin: 'here',
            id,
            detail: expect.stringMatching(/encrypt|principal|codec/) as unknown as string,
          },
        ]);
        // Out of the way, but where it names a key (in 4 bytes) that another node may have.
        expect(await client.exists(keyOf(id))).toBe(field === '#key' && at < 4 ? 1 : 0);
      }
      await client.hset(keyOf(id), Object.fromEntries(original));
    }
    expect(await attributesOf(browser)).toEqual({ note: MARKER, role: 'admin' });
    expect(log.text()).not.toContain(MARKER);
  });

  it('a value moved to another attribute or another session makes the request anonymous', async () => {
    const bank = await start([newKey()]);
    const mallory = await customer(bank, { role: 'guest', note: 'mine' });
    const admin = await customer(bank, { role: 'admin', note: 'hers' });
    const original = await fieldsOf(mallory.id);
    const hers = await fieldsOf(admin.id);
    const attempts: Record<string, Buffer>[] = [
      { role: hers.get('role') as Buffer },
      { role: original.get('note') as Buffer, note: original.get('role') as Buffer },
      { '@info': infoWith(original, { principal: infoOf(hers).principal }) },
      { '#key': hers.get('#key') as Buffer },
      // The whole record, under a key whose cookie he has.
      { ...Object.fromEntries(hers), '@v': original.get('@v') as Buffer },
      { '@info': infoWith(original, { codec: 'json_aesgcm' }) },
      { '@info': infoWith(original, { codec: 'msgpack' }) },
    ];
    for (const fields of attempts) {
      await client.hset(keyOf(mallory.id), fields);
      expect(await attributesOf(mallory.browser.clone())).toEqual({});
      await client.del(keyOf(mallory.id));
      await client.hset(keyOf(mallory.id), Object.fromEntries(original));
      expect(await attributesOf(mallory.browser)).toEqual({ role: 'guest', note: 'mine' });
    }
  });

  it('plain text is not accepted once it is on, neither a record nor a value', async () => {
    const plain = await start();
    const { browser, id } = await customer(plain, { role: 'admin' });
    const encrypted = await start([newKey()]);
    const there = await encrypted.browser().get('/whoami', { cookie: `sid=${browser.cookie('sid')}` });
    expect(there.json()).toMatchObject({ attributes: {} });
    expect(there.json()).not.toHaveProperty('principal');
    // Left alone: whoever turned it on by mistake can turn it off again.
    expect((await browser.get('/whoami')).json()).toMatchObject({ id, principal: 'alice' });

    const victim = await customer(encrypted, { role: 'guest' });
    await client.hset(keyOf(victim.id), 'role', (await fieldsOf(id)).get('role') as Buffer);
    expect(await attributesOf(victim.browser)).toEqual({});
  });

  it('a node without keys says that it cannot read the record, and leaves it alone', async () => {
    const encrypted = await start([newKey()]);
    const { browser, id } = await customer(encrypted, { role: 'admin' });
    const plain = await start();
    const answer = await plain.browser().get('/whoami', { cookie: `sid=${browser.cookie('sid')}` });
    expect(answer.status).toBe(503);
    expect((await browser.get('/whoami')).json()).toMatchObject({ id, principal: 'alice' });
  });

  it('keys are rotated without a logout, and a save takes the old one out of use', async () => {
    const [old, next] = [newKey(), newKey()];
    const before = await start([old]);
    const { browser } = await customer(before, { role: 'admin' });
    const cookie = `sid=${browser.cookie('sid')}`;
    const both = await start([next, old]);
    const after = await start([next]);
    const role = async (bank: Bank): Promise<unknown> =>
      (await bank.browser().get('/whoami', { cookie })).json<{ attributes: { role?: string } }>().attributes
        .role;
    expect(await role(both)).toBe('admin');
    expect(await role(after)).toBeUndefined();
    await both.browser().post('/write', { seen: true }, { cookie });
    expect(await role(after)).toBe('admin');
  });

  it('a key that is no key is refused at boot, and not shown', async () => {
    const weak = [Buffer.alloc(32).toString('base64'), randomBytes(31).toString('base64'), 'password'];
    for (const key of weak) {
      const failure = (await start([key]).catch((error: unknown) => error)) as Error;
      expect(failure.message).toMatch(
        /encryptionKeys = \(not shown\): must be random keys of exactly 32 bytes/,
      );
      expect(failure.message).not.toContain(key);
    }
  });
});
