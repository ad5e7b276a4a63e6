import { expect, it } from '@jest/globals';
import { eachAdapter } from '../support/apps.js';
import { partOf, setPart } from '../support/record-fields.js';
import { startRedis } from '../support/redis-server.js';
import { connectTo, idOf, principalOf, startBank } from './bank.js';
import { keyOf } from '../support/records.js';

const redis = await startRedis();
const client = connectTo(redis);

const HOUR = 3600;

eachAdapter('timeouts', (adapter) => {
  const presets = [
    ['aal1', 1800, 30 * 24 * HOUR],
    ['aal2', HOUR, 24 * HOUR],
    ['aal3', 900, 12 * HOUR],
  ] as const;
  it.each(presets)(
    'the preset %s ends a session after %d s idle and %d s overall',
    async (preset, idle, overall) => {
      const bank = await startBank(adapter, redis, { preset });
      const browser = bank.browser();
      await browser.post('/login?as=alice');
      const key = keyOf(await idOf(browser));
      const until = Number(await partOf(client, key, 'until'));
      const login = Number(await partOf(client, key, 'login'));
      expect(until - login).toBe(overall * 1000);
      const life = await client.pttl(key);
      expect(life).toBeGreaterThan((idle - 5) * 1000);
      // The default idle timeout may be outlived by the touch interval; a limit of NIST may not.
      expect(life).toBeLessThanOrEqual((preset === 'aal1' ? idle + 30 : idle) * 1000);
    },
  );

  it('an explicit timeout wins over the preset', async () => {
    const bank = await startBank(adapter, redis, {
      preset: 'aal3',
      idleTimeoutSeconds: 60,
      touchIntervalSeconds: 0,
    });
    const browser = bank.browser();
    await browser.post('/login');
    const key = keyOf(await idOf(browser));
    expect(await client.pttl(key)).toBeLessThanOrEqual(60_000);
    expect(Number(await partOf(client, key, 'until'))).toBeGreaterThan(Date.now());
  });

  it('the absolute deadline holds however busy the session is, and starts anew only with a login', async () => {
    const bank = await startBank(adapter, redis, {
      idleTimeoutSeconds: 600,
      absoluteTimeoutSeconds: 3600,
      touchIntervalSeconds: 0,
    });
    const browser = bank.browser();
    await browser.post('/login?as=alice');
    let key = keyOf(await idOf(browser));
    const soon = Number(await partOf(client, key, 'used')) + 5000;
    await setPart(client, key, 'until', soon);
    await browser.get('/whoami');
    await browser.post('/write', { busy: 0 });
    expect(await client.pttl(key)).toBeLessThanOrEqual(5000);
    await browser.post('/write', { busy: 1 });
    await browser.post('/renew');
    key = keyOf(await idOf(browser));
    expect(Number(await partOf(client, key, 'until'))).toBe(soon);
    expect(await client.pttl(key)).toBeLessThanOrEqual(5000);
    await browser.post('/login?as=alice');
    key = keyOf(await idOf(browser));
    expect(await client.pttl(key)).toBeGreaterThan(590_000);
  });

  it('the server ends a session whatever the cookie says: a cookie of 400 days does not outlive its record', async () => {
    const bank = await startBank(adapter, redis, {
      cookie: { maxAgeSeconds: 34_560_000 },
      idleTimeoutSeconds: 60,
      touchIntervalSeconds: 0,
    });
    const browser = bank.browser();
    await browser.post('/login?as=alice');
    const key = keyOf(await idOf(browser));
    expect(browser.jar.get('sid')?.maxAge).toBe(34_560_000);
    expect(await client.pttl(key)).toBeLessThanOrEqual(60_000);
    // As Redis does when the time has come.
    await client.pexpire(key, 0);
    expect(await principalOf(browser)).toBeUndefined();
  });

  it('a record whose deadline has passed is refused even if Redis still has it', async () => {
    const bank = await startBank(adapter, redis);
    const browser = bank.browser();
    await browser.post('/login?as=alice');
    const key = keyOf(await idOf(browser));
    await setPart(client, key, 'until', Number(await partOf(client, key, 'used')) - 1);
    expect(await principalOf(browser)).toBeUndefined();
  });
});
