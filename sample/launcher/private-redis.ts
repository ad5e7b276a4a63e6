import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type RedisSource, type ServerProgram } from './redis-source.js';
import { Supervised } from './supervised.js';

/** A Redis of this run's own. */
export interface PrivateRedis {
  readonly host: string;
  readonly port: number;
  /** `pid 4711`, or which container it is. */
  readonly what: string;
  /** A command that lists its keys. */
  readonly keys: string;
  /** Stops it and removes its data. */
  stop(): Promise<void>;
}

const HOST = '127.0.0.1';
const PID_FILE = 'redis.pid';
const CONTAINER_PORT = 6379;
/** Nothing of it survives this run, but a Redis that dies in between comes back with its data. */
const DURABILITY = ['--save', '', '--appendonly', 'yes'];

/**
 * Starts a Redis on a free port of loopback, with its data where only this run finds them. If it dies it is started again
 * with its data. Called off, it rejects and leaves nothing.
 */
export function startPrivateRedis(
  source: Exclude<RedisSource, { kind: 'none' }>,
  stopped: AbortSignal,
  log: (text: string) => void,
): Promise<PrivateRedis> {
  return source.kind === 'program'
    ? startProgram(source.program, stopped, log)
    : startContainer(source.docker, source.image, stopped, log);
}

async function startProgram(
  { path, name }: ServerProgram,
  stopped: AbortSignal,
  log: (text: string) => void,
): Promise<PrivateRedis> {
  const directory = await mkdtemp(join(tmpdir(), 'nestjs-redis-session-sample-'));
  const release = runIfThisProcessDies(`kill -9 "$(cat "$1/${PID_FILE}")"; rm -rf -- "$1"`, directory);
  const removeDirectory = async (): Promise<void> => {
    await rm(directory, { recursive: true, force: true });
    release();
  };
  const port = await freePort().catch(async (error: unknown) => {
    await removeDirectory();
    throw error;
  });
  const settings = { bind: HOST, port: String(port), dir: directory, pidfile: join(directory, PID_FILE) };
  const args = Object.entries(settings).flatMap(([setting, value]) => [`--${setting}`, value]);
  const server = await supervise(
    // A group of its own: Ctrl-C reaches the launcher alone, which stops the nodes before their Redis.
    () =>
      spawn(path, [...args, ...DURABILITY], {
        argv0: name,
        detached: true,
        stdio: ['ignore', 'pipe', 'pipe'],
      }),
    removeDirectory,
    stopped,
    log,
  );
  return {
    ...{ host: HOST, port, what: `pid ${server.pid ?? 0}`, stop: server.stop },
    keys: `redis-cli -p ${port} --scan`,
  };
}

async function startContainer(
  docker: string,
  image: string,
  stopped: AbortSignal,
  log: (text: string) => void,
): Promise<PrivateRedis> {
  const name = `nestjs-redis-session-sample-${randomBytes(6).toString('hex')}`;
  const port = await freePort();
  const release = runIfThisProcessDies(
    '"$1" rm --force --volumes "$2"; "$1" volume rm --force "$2"',
    docker,
    name,
  );
  const removeAll = async (): Promise<void> => {
    // As a rule it is gone: --rm. Then there is nothing to be told.
    await promisify(execFile)(docker, ['rm', '--force', '--volumes', name]).catch(() => undefined);
    await promisify(execFile)(docker, ['volume', 'rm', '--force', name]).catch(() => undefined);
    release();
  };
  const publish = `${HOST}:${port}:${CONTAINER_PORT}`;
  const args = ['run', '--rm', '--name', name, '--publish', publish, '--volume', `${name}:/data`, image];
  const server = await supervise(
    // It hands the signal that ends it to the server inside.
    () =>
      spawn(docker, [...args, 'redis-server', ...DURABILITY], {
        detached: true,
        stdio: ['ignore', 'pipe', 'pipe'],
      }),
    removeAll,
    stopped,
    log,
  );
  return {
    ...{ host: HOST, port, what: `container ${name}`, stop: server.stop },
    keys: `docker exec ${name} redis-cli --scan`,
  };
}

/** Runs a server until it is stopped, and then removes what it leaves. */
async function supervise(
  launch: () => ChildProcess,
  remove: () => Promise<void>,
  stopped: AbortSignal,
  log: (text: string) => void,
): Promise<{ readonly pid: number | undefined; readonly stop: () => Promise<void> }> {
  const server = new Supervised<true>({
    name: 'Redis',
    launch,
    readiness: (signal) =>
      'line' in signal && signal.line.includes('Ready to accept connections') ? true : undefined,
    onUp: () => undefined,
    onDown: () => undefined,
    log,
    showOutput: false,
  });
  const stop = async (): Promise<void> => {
    await server.stop();
    await remove();
  };
  const stopNow = (): void => void server.stop();
  stopped.addEventListener('abort', stopNow);
  try {
    stopped.throwIfAborted();
    await server.start();
    return { pid: server.pid, stop };
  } catch (error) {
    await stop();
    throw error;
  } finally {
    stopped.removeEventListener('abort', stopNow);
  }
}

/**
 * Runs a script once this process is gone without a word (SIGKILL): a shell waits for the end of its standard input, which
 * only this process holds. Returns what calls it off.
 */
function runIfThisProcessDies(script: string, ...args: string[]): () => void {
  const shell = spawn('/bin/sh', ['-c', `read -r released || { ${script}; }`, 'sh', ...args], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  // Without a shell there is no such guard; all else works.
  shell.on('error', () => undefined);
  shell.stdin.on('error', () => undefined);
  shell.unref();
  return () => shell.stdin.end('released\n');
}

/**
 * A free port below the range that systems take client ports from: no client can sit on it while a Redis that
 * died is started again, and one that reconnects meanwhile cannot reach itself.
 */
async function freePort(): Promise<number> {
  for (let tries = 0; tries < 50; tries++) {
    const port = randomInt(20_000, 32_000);
    if (await isFree(port)) return port;
  }
  throw new Error(
    'No free port was found for a private Redis. Name a Redis of your own: REDIS_SESSION_URL=… npm start',
  );
}

async function isFree(port: number): Promise<boolean> {
  const probe = createServer();
  const free = await new Promise<boolean>((resolve) =>
    probe.once('error', () => resolve(false)).listen(port, HOST, () => resolve(true)),
  );
  if (free) await new Promise((resolve) => probe.close(resolve));
  return free;
}
