/**
 * `npm run hops`: how far it is from a handler to Redis, by a trace of one read, one change and one login on Express with
 * the default settings. For each it prints
 * - the files of lib on the call stack when the command is written to the socket;
 * - how many files of lib ran any code until then, whatever for: reading the cookie and deferring the response, too;
 * - the promises of lib that wait for each other until the reply is back where it was asked for.
 *
 * A read begins in the factory of `@Session()`, a change where the interceptor asks what is owed, a login in
 * `authenticate()`. `--dist=DIR` traces another build, `--all` names the files that ran. Fails where a read has become longer
 * than it may be.
 */
import { Controller, Get, Logger, Module, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Socket } from 'node:net';
import process from 'node:process';
import { pathToFileURL, URL } from 'node:url';
import { parseArgs } from 'node:util';
import 'reflect-metadata';
import { route } from './app/route.js';
import { startRedis } from './lib/processes.js';
import { Coverage, filesOf, PromiseTrace } from './lib/trace.js';

const { values: options } = parseArgs({
  options: { dist: { type: 'string' }, all: { type: 'boolean', default: false } },
});
const dist =
  options.dist === undefined ? new URL('../dist/', import.meta.url) : pathToFileURL(`${options.dist}/`);
// Before anything of it is loaded, or V8 would not count what it has compiled by then.
const coverage = new Coverage(dist);
const { RedisSessionModule, Session } = await import(new URL('index.js', dist));
const { RequestSession } = await import(new URL('http/request-session.js', dist));
/** How far a read may be from Redis. */
const MOST = { files: 15, layers: 5 };
/** Requests before the one that is traced: the clock of the server is known then, and the code has run. */
const WARM_UP = 3;

/** What is traced: 'read', 'change' or 'login' until it begins, then what was seen of it. */
let waiting;
let trace;

/** Traces what `ask` begins, if it is time for that, until the promise that it returns is fulfilled. */
function traced(kind, ask) {
  if (waiting !== kind) return ask();
  waiting = undefined;
  trace = { promises: new PromiseTrace(dist), ran: new Set(), path: [], layers: undefined };
  const { promises } = trace;
  coverage.take();
  promises.start();
  const outer = ask();
  return outer.then((result) => {
    promises.stop();
    trace.layers = promises.behind(outer);
    return result;
  });
}

const redis = await startRedis();
const { write } = Socket.prototype;
Socket.prototype.write = function (...args) {
  if (trace !== undefined && trace.layers === undefined && this.remotePort === redis.port) {
    coverage.take().forEach((file) => trace.ran.add(file));
    const limit = Error.stackTraceLimit;
    Error.stackTraceLimit = 200;
    // The longest, where a login asks more than once.
    const path = [...new Set(filesOf(dist, new Error().stack).reverse())];
    Error.stackTraceLimit = limit;
    path.forEach((file) => trace.ran.add(file));
    if (path.length > trace.path.length) trace.path = path;
  }
  return write.apply(this, args);
};

const { commitEarly } = RequestSession.prototype;
RequestSession.prototype.commitEarly = function () {
  return traced('change', () => commitEarly.call(this));
};

class HopsController {
  read(session) {
    return { views: session.views ?? 0 };
  }

  change(session) {
    return { views: (session.views = (session.views ?? 0) + 1) };
  }

  async login(session) {
    await traced('login', () => session.authenticate('somebody'));
    return {};
  }
}
const KINDS = { read: Get('read'), change: Get('change'), login: Post('login') };
for (const [kind, verb] of Object.entries(KINDS)) {
  route(HopsController, kind, verb, Session());
  const [parameter] = Object.values(Reflect.getMetadata('__routeArguments__', HopsController, kind));
  const { factory } = parameter;
  parameter.factory = (...args) => traced('read', () => factory(...args));
}
Controller()(HopsController);

class HopsModule {}
Module({
  imports: [RedisSessionModule.forRoot({ redis: { host: '127.0.0.1', port: redis.port } })],
  controllers: [HopsController],
})(HopsModule);
Logger.overrideLogger(false);
const app = await NestFactory.create(HopsModule, { logger: false });
await app.listen(0, '127.0.0.1');
const url = await app.getUrl();

let cookie;
async function visit(kind) {
  const headers = cookie === undefined ? {} : { cookie };
  const response = await globalThis.fetch(`${url}/${kind}`, {
    method: kind === 'login' ? 'POST' : 'GET',
    headers,
  });
  if (!response.ok) throw new Error(`${kind}: ${response.status} ${await response.text()}`);
  await response.text();
  cookie = response.headers.getSetCookie()[0]?.split(';')[0] ?? cookie;
}

// A session to read.
await visit('change');
for (const kind of Object.keys(KINDS)) {
  for (let n = 0; n < WARM_UP; n += 1) await visit(kind);
  waiting = kind;
  await visit(kind);
  const { path, ran, layers } = trace;
  console.log(`${kind}: ${path.length} files on the way, ${ran.size} ran, ${layers.length} promise layers`);
  console.log(`  way:    ${path.join(' → ')}`);
  console.log(`  layers: ${layers.join(' ← ')}`);
  if (kind === 'read' && (path.length > MOST.files || layers.length > MOST.layers)) {
    console.error(`A read passes ${MOST.files} files and ${MOST.layers} promise layers at most.`);
    process.exitCode = 1;
  }
  if (options.all) console.log(`  ran:    ${[...ran].sort().join(', ')}`);
}
await app.close();
await redis.stop();
process.exit();
