/**
 * `npm run bench:cpu`: what a request costs the application's process without system calls, in microseconds of its processor time:
 * whole HTTP requests over streams in memory, and replies of Redis that are asked for twice a second and repeated in between. The
 * least of many short turns holds on a machine that others use, where requests a second tell nothing. One contestant in a process:
 * two would share what V8 has learnt. Options: `--contestant=NAME`, `--adapter=NAME`, `--workload=plain|read|change|login`,
 * `--turns=N`, `--other=DIST/index.js` (another build, as the contestants `module-other` and `module-other-hold`).
 */
import 'reflect-metadata';
import { Buffer } from 'node:buffer';
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import { Duplex } from 'node:stream';
import { setImmediate } from 'node:timers';
import { pathToFileURL, URL } from 'node:url';
import { parseArgs } from 'node:util';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Redis } from 'ioredis';
import { startRedis } from './lib/processes.js';

const { values: options } = parseArgs({
  options: {
    contestant: { type: 'string', default: 'module' },
    adapter: { type: 'string', default: 'fastify' },
    workload: { type: 'string', default: 'change' },
    turns: { type: 'string', default: '300' },
    other: { type: 'string' },
  },
});
if (options.other) process.env.BENCH_OTHER = new URL(options.other, pathToFileURL(`${process.cwd()}/`)).href;
const { CONTESTANTS } = await import('./app/contestants.js');

const CONNECTIONS = 32;
/** Of a turn: short, so that some of them are not interrupted. */
const REQUESTS = 96;
const WARM_UP_TURNS = 100;
const REPEATED_MS = 500;

const { callBuffer } = Redis.prototype;
Redis.prototype.callBuffer = function repeated(command, ...args) {
  const name = question(command, args);
  const known = (this.known ??= new Map()).get(name);
  if (known !== undefined && performance.now() - known.at < REPEATED_MS) return known.reply;
  const reply = callBuffer.call(this, command, ...args);
  this.known.set(name, { at: performance.now(), reply });
  reply.catch(() => this.known.delete(name));
  return reply;
};

/** What a reply answers. Each login has a key of its own, and the reply of a script to one does for the next. */
function question(command, [first, , key]) {
  if (command === 'HGETALL') return `${command} ${first}`;
  return options.workload === 'login' ? first : `${command} ${first} ${key}`;
}

/** A connection in memory: a stream for the server, a function for the client. */
class Connection extends Duplex {
  #answered;
  #text = '';

  ask(request) {
    return new Promise((resolve) => {
      this.#answered = resolve;
      this.push(request);
    });
  }

  setTimeout() {
    return this;
  }

  setNoDelay() {
    return this;
  }

  setKeepAlive() {
    return this;
  }

  _read() {
    // Requests come when they are asked for.
  }

  _write(chunk, _encoding, done) {
    done();
    this.#receive(chunk);
  }

  _writev(chunks, done) {
    done();
    this.#receive(Buffer.concat(chunks.map(({ chunk }) => chunk)));
  }

  #receive(chunk) {
    this.#text += chunk.latin1Slice(0, chunk.length);
    const end = this.#text.indexOf('\r\n\r\n');
    if (end < 0) return;
    const length = Number(/content-length: *(\d+)/i.exec(this.#text)?.[1] ?? 0);
    if (this.#text.length < end + 4 + length) return;
    const text = this.#text;
    this.#text = '';
    setImmediate(this.#answered, text);
  }
}

const { contestant: name, adapter, workload } = options;
const method = workload === 'change' || workload === 'login' ? 'POST' : 'GET';
const redis = await startRedis();
const app = await started();
const connections = [];
for (let n = 0; n < CONNECTIONS; n += 1) connections.push(await loggedIn());
const turns = [];
for (let n = 0; n < WARM_UP_TURNS + Number(options.turns); n += 1) {
  const microseconds = await turn();
  if (n >= WARM_UP_TURNS) turns.push(microseconds);
}
turns.sort((a, b) => a - b);
const least = turns[0].toFixed(1);
const tenth = turns[Math.floor(turns.length / 10)].toFixed(1);
console.log(
  `${workload}, ${adapter}, ${name}, Node ${process.version}: least ${least} µs, a tenth of ${turns.length} turns under ${tenth}`,
);
process.exit(0);

async function started() {
  const contestant = CONTESTANTS[name];
  class BenchModule {}
  Module(contestant.create({ redisPort: redis.port }))(BenchModule);
  const framework =
    adapter === 'express'
      ? (contestant.adapted?.(new ExpressAdapter()) ?? new ExpressAdapter())
      : new FastifyAdapter();
  const app = await NestFactory.create(BenchModule, framework, { logger: false });
  await contestant.prepare?.(app, {});
  await app.listen(0, '127.0.0.1');
  return app;
}

/** A connection whose user has logged in, and the request that it repeats. */
async function loggedIn() {
  const connection = new Connection();
  app.getHttpServer().emit('connection', connection);
  const answer = await connection.ask(requestOf('POST', '/login'));
  const cookie = /set-cookie: *([^;\r]+)/i.exec(answer)?.[1];
  if (cookie === undefined) throw new Error(`no session after a login: ${answer}`);
  // Whoever logs in comes without a session.
  const sent = workload === 'login' ? '' : `Cookie: ${cookie}\r\n`;
  return { connection, request: Buffer.from(requestOf(method, `/${workload}`, sent)) };
}

function requestOf(method, path, more = '') {
  const length = method === 'POST' ? 'Content-Length: 0\r\n' : '';
  return `${method} ${path} HTTP/1.1\r\nHost: bench\r\n${more}${length}\r\n`;
}

async function turn() {
  let left = REQUESTS;
  const before = process.cpuUsage();
  await Promise.all(
    connections.map(async ({ connection, request }) => {
      while (left-- > 0) {
        const answer = await connection.ask(request);
        if (!/^HTTP\/1.1 20/.test(answer)) throw new Error(`answered: ${answer}`);
      }
    }),
  );
  const { user, system } = process.cpuUsage(before);
  return (user + system) / REQUESTS;
}
