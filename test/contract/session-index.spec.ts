import { beforeAll } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import { RedisCommands } from '../../lib/redis/commands.js';
import { MemorySessionIndex } from '../../lib/stores/memory-index.js';
import { RedisSessionIndex } from '../../lib/stores/redis/redis-index.js';
import { startRedis, type RedisProcess } from '../support/redis-server.js';
import { connect, PREFIX } from './redis-helpers.js';
import { describeSessionIndex, type IndexUnderTest } from './session-index.contract.js';

let redis: RedisProcess;
beforeAll(async () => {
  redis = await startRedis();
});

async function inMemory(): Promise<IndexUnderTest> {
  let now = 1_700_000_000_000;
  const index = new MemorySessionIndex(() => now);
  return { index, peer: index, pass: async (milliseconds) => void (now += milliseconds) };
}

async function node(encryptionKeys: readonly Uint8Array[]): Promise<RedisSessionIndex> {
  const commands = new RedisCommands(
    await connect(redis.port),
    { address: `127.0.0.1:${redis.port}`, via: 'host' },
    20_000,
  );
  return new RedisSessionIndex(commands, { keyPrefix: PREFIX, encryptionKeys });
}

const inRedis = (encryptionKeys: readonly Uint8Array[]) => async (): Promise<IndexUnderTest> => {
  const [index, peer] = await Promise.all([node(encryptionKeys), node(encryptionKeys)]);
  // The server's own time, which nobody can move: what waits for it waits for at least so long.
  return { index, peer, pass: (milliseconds) => delay(milliseconds + 2) };
};

describeSessionIndex('MemorySessionIndex', inMemory);
describeSessionIndex('RedisSessionIndex', inRedis([]));
describeSessionIndex('RedisSessionIndex, encrypted', inRedis([Buffer.alloc(32, 1), Buffer.alloc(32, 2)]));
