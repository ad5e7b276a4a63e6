import { beforeAll } from '@jest/globals';
import { startRedis, type RedisProcess } from '../support/redis-server.js';
import { anonymousNode, connect, redisLifeMs, redisStore } from './redis-helpers.js';
import { describeSessionStore, type StoreUnderTest } from './session-store.contract.js';

let redis: RedisProcess;
beforeAll(async () => {
  redis = await startRedis();
});

async function shared(): Promise<StoreUnderTest> {
  const [store, peer, client] = await Promise.all([
    redisStore(redis.port),
    redisStore(redis.port),
    connect(redis.port),
  ]);
  return { store, peer, lifeMs: (id) => redisLifeMs(client, id) };
}

async function anonymous(): Promise<StoreUnderTest> {
  const [node, other, client] = await Promise.all([
    anonymousNode(redis.port),
    anonymousNode(redis.port),
    connect(redis.port),
  ]);
  return { store: node.store, peer: other.store, lifeMs: (id) => redisLifeMs(client, id) };
}

describeSessionStore('RedisStore', { authenticated: true }, shared);
describeSessionStore('RedisStore, anonymous sessions', { authenticated: false }, shared);
describeSessionStore('GuestStore, authenticated sessions', { authenticated: true }, anonymous);
describeSessionStore(
  'GuestStore, anonymous sessions',
  { authenticated: false, longestLifeMs: 15_000 },
  anonymous,
);
