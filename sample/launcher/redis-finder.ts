import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { constants } from 'node:fs';
import { access, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { Supervised } from './supervised.js';

/** A Redis of this run's own. */
export interface PrivateRedis {
  readonly host: string;
  readonly port: number;
  readonly pid: number;
  /** Stops it and removes its directory. */
  stop(): Promise<void>;
}

const HOST = '127.0.0.1';
const PID_FILE = 'redis.pid';
const NAMES = ['redis-server', 'valkey-server'];

/** The first Redis server program on the PATH. */
export async function findRedisServer(path = process.env.PATH ?? ''): Promise<string | undefined> {
  const suffix = process.platform === 'win32' ? '.exe' : '';
  const folders = path.split(delimiter).filter((folder) => folder !== '');
  for (const candidate of NAMES.flatMap((name) => folders.map((folder) => join(folder, name + suffix)))) {
    const found = await access(candidate, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return candidate;
  }
  return undefined;
}

/**
 * Starts a Redis on a free port of loopback, with its data in a directory that only this user can read.
 * If it dies it is started again with its data.
 */
export async function startPrivateRedis(program: string, log: (text: string) => void): Promise<PrivateRedis> {
  const directory = await mkdtemp(join(tmpdir(), 'nestjs-redis-session-sample-'));
  const release = removeIfThisProcessDies(directory);
  const removeDirectory = async (): Promise<void> => {
    await rm(directory, { recursive: true, force: true });
    release();
  };
  try {
    const port = await freePort();
    const settings = {
      bind: HOST,
      port: String(port),
      dir: directory,
      pidfile: join(directory, PID_FILE),
      save: '',
      appendonly: 'yes',
    };
    const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
    const server = new Supervised<true>({
      name: 'Redis',
      // A group of its own: Ctrl-C reaches the launcher alone, which stops the nodes before their Redis.
      launch: () => spawn(program, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'] }),
      readiness: (signal) =>
        'line' in signal && signal.line.includes('Ready to accept connections') ? true : undefined,
      onUp: () => undefined,
      onDown: () => undefined,
      log,
      showOutput: false,
    });
    await server.start();
    const stop = async (): Promise<void> => {
      await server.stop();
      await removeDirectory();
    };
    return { host: HOST, port, pid: server.pid ?? 0, stop };
  } catch (error) {
    await removeDirectory();
    throw error;
  }
}

/**
 * Ends the Redis of a directory, and the directory, once this process is gone without a word (SIGKILL): a shell
 * waits for the end of its standard input, which only this process holds. Returns what calls it off.
 */
function removeIfThisProcessDies(directory: string): () => void {
  const script = `read -r released || { kill -9 "$(cat "$1/${PID_FILE}")"; rm -rf -- "$1"; }`;
  const shell = spawn('/bin/sh', ['-c', script, 'sh', directory], {
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
