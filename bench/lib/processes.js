/** Child processes of a benchmark: all of them end with it. */
import { fork, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import process from 'node:process';
import { once } from 'node:events';
import { fileURLToPath, URL } from 'node:url';
import { Redis } from 'ioredis';

const children = new Set();
process.on('exit', () => children.forEach((child) => child.kill('SIGKILL')));
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));

function track(child) {
  children.add(child);
  child.once('exit', () => children.delete(child));
  return child;
}

/** A private redis-server without persistence. */
export async function startRedis() {
  const port = await freePort();
  const child = track(
    spawn(
      'redis-server',
      ['--bind', '127.0.0.1', '--port', String(port), '--save', '', '--appendonly', 'no'],
      {
        stdio: 'ignore',
      },
    ),
  );
  const client = new Redis(port, '127.0.0.1', { retryStrategy: () => 20, maxRetriesPerRequest: 500 });
  client.on('error', () => undefined);
  await client.ping();
  return {
    port,
    client,
    /** From now on it answers nobody, and keeps all connections, until it is resumed. */
    pause: () => child.kill('SIGSTOP'),
    resume: () => child.kill('SIGCONT'),
    async stop() {
      client.disconnect();
      child.kill();
      await once(child, 'exit');
    },
  };
}

/**
 * A Node process of this folder that answers one message with one message.
 * @param {{ nodeArguments?: string[], path?: string }} node `path`: its binary, if not the one that runs this.
 */
export async function startNode(file, args = [], { nodeArguments = [], path = process.execPath } = {}) {
  const child = track(
    fork(fileURLToPath(new URL(`../${file}`, import.meta.url)), args, {
      execPath: path,
      execArgv: nodeArguments,
      env: { ...process.env, NODE_ENV: 'production' },
    }),
  );
  const exited = once(child, 'exit').then(() => {
    throw new Error(`${file} ${args.join(' ')} ended unexpectedly.`);
  });
  exited.catch(() => undefined);
  const answer = () => Promise.race([once(child, 'message').then(([message]) => message), exited]);
  const ready = await answer();
  return {
    ready,
    ask(question) {
      const answered = answer();
      child.send(question);
      return answered;
    },
    async stop() {
      const ended = once(child, 'exit');
      child.send('stop');
      await ended;
    },
  };
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
