import { expect, it } from '@jest/globals';
import { once } from 'node:events';
import { connect } from 'node:net';
import { newToken } from '../../lib/core/token.js';
import { eachAdapter, LogSink } from '../support/apps.js';
import { watchCommands } from '../support/commands.js';
import { startRedis } from '../support/redis-server.js';
import { connectTo, startBank } from './bank.js';

const redis = await startRedis();
const client = connectTo(redis);

/** Of each adapter. A million: `npm run test:flood:long`. */
const REQUESTS = Number(process.env['SECURITY_FLOOD'] ?? 25_000);
const CONNECTIONS = 10;
/** Requests that are sent ahead on one connection. */
const PIPELINED = 100;

/** Sends requests on one connection and resolves when all are answered; returns how many answers set a cookie. */
async function flood(
  port: number,
  count: number,
  headerOf: (i: number) => string,
): Promise<{ ok: number; cookies: number }> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  let [ok, cookies, sent, rest] = [0, 0, 0, ''];
  const send = (): void => {
    let batch = '';
    for (let i = 0; i < PIPELINED && sent < count; i += 1, sent += 1) {
      batch += `GET /whoami HTTP/1.1\r\nHost: a\r\n${headerOf(sent)}\r\n`;
    }
    if (batch !== '') socket.write(batch);
  };
  const done = new Promise<void>((resolve, reject) => {
    socket.on('error', reject).on('close', () => reject(new Error(`closed after ${ok} answers`)));
    socket.setEncoding('latin1').on('data', (text: string) => {
      const all = rest + text;
      const end = all.lastIndexOf('HTTP/1.1 ');
      // The last answer may not be complete: it is looked at with the next piece.
      const whole = all.slice(0, end);
      rest = all.slice(end);
      ok += whole.split('HTTP/1.1 200').length - 1;
      cookies += whole.split(/set-cookie/i).length - 1;
      if (ok + 1 >= sent && rest.includes('"attributes"')) {
        if (sent < count) send();
        else {
          ok += 1;
          resolve();
        }
      }
    });
  });
  send();
  await done;
  socket.removeAllListeners('close').destroy();
  return { ok, cookies };
}

eachAdapter('a flood', (adapter) => {
  it(`of ${REQUESTS} forged and cookie-less requests leaves 0 keys, 0 commands, flat memory and a quiet log`, async () => {
    const log = new LogSink();
    const bank = await startBank(
      adapter,
      redis,
      { secrets: ['Tr0ub4dor-horse-battery-lamp-moon-7'], storeGuests: false },
      { logger: log },
    );
    const port = Number(new URL(bank.url).port);
    const forged = Array.from({ length: 50 }, () => `Cookie: sid=${newToken()}.${'A'.repeat(43)}\r\n`);
    const header = (i: number): string => (i % 2 === 0 ? '' : (forged[i % forged.length] as string));
    const run = async (count: number): Promise<void> => {
      const results = await Promise.all(
        Array.from({ length: CONNECTIONS }, () => flood(port, count / CONNECTIONS, header)),
      );
      expect(results.reduce((sum, { ok }) => sum + ok, 0)).toBe(count);
      expect(results.reduce((sum, { cookies }) => sum + cookies, 0)).toBe(0);
    };
    await run(REQUESTS / 5);
    const watch = await watchCommands(redis.port);
    log.clear();
    const memory = await heapAfterCollection();
    const start = performance.now();
    await run(REQUESTS);
    const seconds = (performance.now() - start) / 1000;
    // Verbose is a line for each request, bad or good, and is asked for; kept lines are the test's own memory.
    const lines = log.entries.filter(({ level }) => level !== 'verbose').length;
    log.clear();
    const growth = (await heapAfterCollection()) - memory;
    expect(await watch.take()).toEqual([]);
    watch.close();
    expect(await client.dbsize()).toBe(0);
    expect(lines).toBeGreaterThan(0);
    expect(lines).toBeLessThanOrEqual(seconds + 2);
    // A session kept for each would be at least 600 bytes of it.
    expect(growth / REQUESTS).toBeLessThan(150);
  }, 600_000);

  it('of tokens that were never issued leaves 0 keys', async () => {
    const bank = await startBank(adapter, redis, { storeGuests: false });
    const port = Number(new URL(bank.url).port);
    await flood(port, 1000, () => `Cookie: sid=${newToken()}\r\n`);
    expect(await client.dbsize()).toBe(0);
  });
});

/** Bytes in use once garbage is gone. */
async function heapAfterCollection(): Promise<number> {
  const { setFlagsFromString } = await import('node:v8');
  const { runInNewContext } = await import('node:vm');
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for (let i = 0; i < 3; i += 1) {
    collect();
    await new Promise(setImmediate);
  }
  return process.memoryUsage().heapUsed;
}
