import { describe, expect, it } from '@jest/globals';
import { describeSessionStore } from '../contract/session-store.contract.js';
import { change, decoded, freshId, newSession } from '../contract/builders.js';
import type { RedisProcess } from '../support/redis-server.js';
import { eventually } from '../support/eventually.js';
import { DATA_PASSWORD, MASTER_NAME, SENTINEL_PASSWORD, startSentinel } from './helpers/sentinel.js';
import { linkTo, nodesOn, storeOn } from './helpers/store-on.js';

/** Silence after which a sentinel takes a master for dead. */
const DOWN_AFTER_MS = 1000;

const settingsFor = (sentinels: string): Record<string, string> => ({
  REDIS_SESSION_SENTINEL_MASTER: MASTER_NAME,
  REDIS_SESSION_SENTINELS: sentinels,
  REDIS_SESSION_SENTINEL_PASSWORD: SENTINEL_PASSWORD,
  REDIS_SESSION_PASSWORD: DATA_PASSWORD,
  REDIS_SESSION_TIMEOUT: '500',
});

describeSessionStore('a Redis behind Sentinel', { authenticated: true }, async () => {
  const { sentinels } = await startSentinel();
  // None of this is about time.
  return nodesOn({ settings: { ...settingsFor(sentinels), REDIS_SESSION_TIMEOUT: '5000' } });
});

it('refuses to start where no sentinel answers, and names them', async () => {
  const link = linkTo({ settings: settingsFor('127.0.0.1:1') });
  await expect(link.connect()).rejects.toThrow(/127\.0\.0\.1:1 \(sentinels of sessions\)/);
});

describe('a failover in the middle of traffic', () => {
  it.each([
    ['killed', (master: RedisProcess) => master.kill()],
    ['paused', async (master: RedisProcess) => master.pause()],
  ])(
    'whose master was %s ends by itself and loses no acknowledged write',
    async (_how, fail) => {
      const sentinel = await startSentinel(DOWN_AFTER_MS);
      const [master, replica] = sentinel.servers;
      const store = await storeOn({ settings: settingsFor(sentinel.sentinels) });
      const id = freshId();
      await store.create(id, newSession({ count: '0' }));
      let acknowledged = 0;
      const write = async (): Promise<void> => {
        await store.save(id, change({ count: String(acknowledged + 1) }));
        acknowledged += 1;
      };
      for (let n = 0; n < 50; n++) await write();
      await sentinel.replicated();

      const failedAt = performance.now();
      await fail(master);
      await eventually('writes are taken again', async () => {
        await write();
        return (await sentinel.masterPort()) === replica.port ? true : undefined;
      });
      // Not the figure (that is for a quiet machine): that it ends by itself, far from a hang.
      expect(performance.now() - failedAt).toBeLessThan(DOWN_AFTER_MS + 15_000);

      const after = await store.load(id);
      expect(after.status === 'found' && decoded(after.record.attributes)).toEqual({
        count: String(acknowledged),
      });
    },
    30_000,
  );
});
