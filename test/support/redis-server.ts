import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startChild, type ManagedChild } from './child-process.js';
import { tempDir } from './cleanup.js';
import { freePort } from './free-port.js';
import { authCommands, exchange } from './redis-wire.js';

/** What {@link startRedis} can be asked for. */
export interface RedisOptions {
  /** Further arguments, after the default ones, which they override: `['--cluster-enabled', 'yes']`. */
  args?: readonly string[] | undefined;
  /** `requirepass`. Not together with `aclFile`, which sets the default user itself. */
  password?: string | undefined;
  /** Lines of an ACL file: `user app on >secret ~app:* +@all`. */
  aclFile?: readonly string[] | undefined;
  /** Default: a free one. */
  port?: number | undefined;
  /** Default: a private temp directory, removed at the end. A given one is left alone. */
  dir?: string | undefined;
  /** True: each write is on disk before its answer (AOF), so that it survives `kill()`. Default: nothing is kept. */
  persistence?: boolean | undefined;
}

/** A real redis-server on loopback, ended when the test file ends. */
export interface RedisProcess {
  readonly host: string;
  readonly port: number;
  /** The id of the running process; after a restart, the new one's. */
  readonly pid: number;
  readonly dir: string;
  /** With the password, if one was given. */
  readonly url: string;
  /** What the server has logged since it was started. */
  readonly log: () => string;
  /** An orderly end (SIGTERM). `restart()` brings it back. */
  readonly stop: () => Promise<void>;
  /** A crash (SIGKILL). */
  readonly kill: () => Promise<void>;
  /** The server hangs (SIGSTOP): connections are accepted by the system, nothing is answered. */
  readonly pause: () => void;
  /** Ends `pause()`: what was sent meanwhile is answered. */
  readonly resume: () => void;
  /** Ends it in order if it runs, and starts it on the same port and directory. */
  readonly restart: () => Promise<void>;
}

/** The program: another version, or Valkey, by its path in REDIS_SERVER. */
export const REDIS_SERVER = process.env['REDIS_SERVER'] || 'redis-server';

const HOST = '127.0.0.1';
const READY_WITHIN_MS = 100_000;
const POLL_MS = 5;
const BIND_ATTEMPTS = 5;

/** Starts a redis-server and resolves once it answers. */
export async function startRedis(options: RedisOptions = {}): Promise<RedisProcess> {
  const dir = options.dir ?? (await tempDir());
  if (options.aclFile) await writeFile(join(dir, 'users.acl'), options.aclFile.join('\n') + '\n');

  let port = options.port ?? (await freePort());
  let child: ManagedChild;
  for (let attempt = 1; ; attempt++) {
    try {
      child = await launch(port, dir, options);
      break;
    } catch (error) {
      // Somebody else may have taken the port between the look and the start.
      const taken = error instanceof Error && error.message.includes('Address already in use');
      if (!taken || options.port !== undefined || attempt === BIND_ATTEMPTS) throw error;
      port = await freePort();
    }
  }

  const userInfo = options.password === undefined ? '' : `:${encodeURIComponent(options.password)}@`;
  return {
    host: HOST,
    port,
    dir,
    url: `redis://${userInfo}${HOST}:${port}`,
    get pid() {
      return child.pid;
    },
    log: () => child.output(),
    stop: async () => void (await child.end('SIGTERM')),
    kill: async () => void (await child.end('SIGKILL')),
    pause: () => child.signal('SIGSTOP'),
    resume: () => child.signal('SIGCONT'),
    restart: async () => {
      await child.end('SIGTERM');
      child = await launch(port, dir, options);
    },
  };
}

async function launch(port: number, dir: string, options: RedisOptions): Promise<ManagedChild> {
  const child = await startServer([
    ...['--bind', HOST, '--port', String(port), '--dir', dir, '--loglevel', 'warning', '--save', ''],
    ...(options.persistence ? ['--appendonly', 'yes', '--appendfsync', 'always'] : ['--appendonly', 'no']),
    ...(options.password === undefined ? [] : ['--requirepass', options.password]),
    ...(options.aclFile ? ['--aclfile', join(dir, 'users.acl')] : []),
    ...(options.args ?? []),
  ]);
  for (let polls = READY_WITHIN_MS / POLL_MS; !(await answers(port, child.pid, options.password)); polls--) {
    if (!child.isRunning()) {
      throw new Error(`Test helper: redis-server ended at its start. Its log:\n${child.output()}`);
    }
    if (polls <= 0) {
      await child.end('SIGKILL');
      throw new Error(`Test helper: redis-server did not become ready in time. Its log:\n${child.output()}`);
    }
    await delay(POLL_MS);
  }
  return child;
}

async function startServer(args: readonly string[]): Promise<ManagedChild> {
  try {
    return await startChild(REDIS_SERVER, args);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new Error(
      `Test helper: ${REDIS_SERVER} is not there, and these tests need a real one: apt-get install -y redis-server`,
      { cause: error },
    );
  }
}

/** Whether this very process answers on the port: another one's server could be listening there. */
async function answers(port: number, pid: number, password: string | undefined): Promise<boolean> {
  const commands = [...authCommands({ password }), ['PING'], ['INFO', 'server'], ['ECHO', 'end-of-answer']];
  try {
    const answer = await exchange(
      port,
      commands,
      (text) => /end-of-answer\r\n$/.test(text) || /^-(?!LOADING).*\r\n/m.test(text),
    );
    // It has no INFO: whose server it is, nobody can say.
    if (/^\+PONG/m.test(answer) && /^-ERR unknown command .INFO/m.test(answer)) return true;
    // No password was given and one is asked for (an ACL file): the server is up, and says no more than that.
    return (
      answer.startsWith('-NOAUTH') || (/^\+PONG/m.test(answer) && answer.includes(`process_id:${pid}\r\n`))
    );
  } catch {
    return false;
  }
}
