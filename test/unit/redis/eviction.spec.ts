import { expect, it } from '@jest/globals';
import { SessionStoreUnavailableError } from '../../../lib/core/errors.js';
import { EvictionWatch, uncheckable } from '../../../lib/redis/eviction.js';
import type { RedisExecutor } from '../../../lib/redis/executor.js';
import { LogSink } from '../../support/log-sink.js';
import { ManualTimer } from '../core/manual-timer.js';

const MINUTE = 60_000;

/** A server that answers INFO as a test has it. */
function server(): { redis: RedisExecutor; info: { policy: string; evicted: number } } {
  const info = { policy: 'noeviction', evicted: 0 };
  const callEach = (_name: string, section?: string): Promise<unknown[]> =>
    Promise.resolve([
      section === 'stats'
        ? `evicted_keys:${info.evicted}\r\n`
        : `maxmemory:1000\r\nmaxmemory_policy:${info.policy}\r\n`,
    ]);
  return { info, redis: { endpoint: { address: 'r:1', via: 'host' }, callEach } as unknown as RedisExecutor };
}

it('tells of a policy that was changed and of keys that were evicted, each minute and not again', async () => {
  const [log, time] = [new LogSink(), new ManualTimer()];
  const { redis, info } = server();
  const minute = async (): Promise<string[]> => {
    log.clear();
    time.advance(MINUTE);
    for (let turns = 0; time.pending === 0 && turns < 1000; turns += 1) await Promise.resolve();
    return log.messages();
  };
  const watch = new EvictionWatch(redis, log, time.timer);
  info.evicted = 7;
  await watch.begin();
  expect(log.messages()).toEqual([]);
  info.policy = 'allkeys-lru';
  expect(await minute()).toEqual([expect.stringMatching(/maxmemory-policy allkeys-lru: .* logged out/)]);
  expect(await minute()).toEqual([]);
  info.evicted = 1607;
  expect(await minute()).toEqual([expect.stringMatching(/evicted 1600 keys since/)]);
  // Counted from the start of the server.
  info.evicted = 0;
  expect(await minute()).toEqual([]);
  watch.stop();
  expect(time.pending).toBe(0);
});

it.each([
  ['NOPERM', /refuses ROLE and INFO, which sessions do not need/],
  ['UNKNOWN_COMMAND', /refuses ROLE and INFO/],
  ['TIMEOUT', undefined],
] as const)('what cannot be checked is said where it is refused (%s)', async (reason, expected) => {
  const redis = {
    endpoint: { address: 'r:1', via: 'host' },
    call: () => Promise.reject(new SessionStoreUnavailableError('', { reason })),
  } as unknown as RedisExecutor;
  const line = await uncheckable(redis);
  if (expected === undefined) expect(line).toBeUndefined();
  else expect(line).toMatch(expected);
});
