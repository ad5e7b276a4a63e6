/**
 * What a login costs with the list of a user's sessions and without, in processor time of the application and of Redis: on a
 * machine that others use, that is what can be measured. Whole requests through Fastify's `inject()`, which leaves out the
 * socket that both would pay for. `node bench/login-cpu.mjs`, after a build.
 */
import 'reflect-metadata';
import process from 'node:process';
import { NestFactory } from '@nestjs/core';
import { Module } from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { CONTESTANTS } from './app/contestants.js';
import { startRedis } from './lib/processes.js';
import { serverUsage } from './lib/redis-usage.js';

const [TURNS, LOGINS, AT_ONCE] = [30, 1000, 32];

const redis = await startRedis();
const appOf = async (name) => {
  const contestant = CONTESTANTS[name];
  class BenchModule {}
  Module(contestant.create({ redisPort: redis.port }))(BenchModule);
  const app = await NestFactory.create(BenchModule, new FastifyAdapter(), { logger: false });
  await contestant.prepare?.(app, {});
  await app.init();
  return app;
};
const apps = { with: await appOf('module'), without: await appOf('module-no-index') };

async function turn(app) {
  const [cpu, server] = [process.cpuUsage(), await serverUsage(redis.client)];
  let left = LOGINS;
  const some = async () => {
    while (left-- > 0) {
      const { statusCode } = await app.inject({ method: 'POST', url: '/login' });
      if (statusCode !== 200) throw new Error(`a login was answered ${statusCode}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, some));
  const { user, system } = process.cpuUsage(cpu);
  const { cpuSeconds } = await serverUsage(redis.client);
  return { app: (user + system) / LOGINS, redis: ((cpuSeconds - server.cpuSeconds) * 1e6) / LOGINS };
}

for (const app of Object.values(apps)) for (let n = 0; n < 5; n += 1) await turn(app);
const taken = { with: [], without: [] };
for (let n = 0; n < TURNS; n += 1)
  for (const name of n % 2 === 0 ? ['with', 'without'] : ['without', 'with'])
    taken[name].push(await turn(apps[name]));
const median = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
for (const [name, turns] of Object.entries(taken))
  console.log(
    `${name} the index: ${median(turns.map(({ app }) => app)).toFixed(0)} µs of the application, ${median(turns.map((each) => each.redis)).toFixed(0)} µs of Redis`,
  );
const ratio = (of) => median(taken.without.map((each, n) => of(each) / of(taken.with[n])));
console.log(
  `without : with, turn by turn: application ${ratio(({ app }) => app).toFixed(2)}, both ${ratio((each) => each.app + each.redis).toFixed(2)}; Node ${process.version}`,
);
process.exit(0);
