import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

const READY_WITHIN_MS = 10_000;

/** Starts a redis-server on a free port of this machine, which keeps nothing. */
export async function startRedis(folder) {
  await mkdir(folder, { recursive: true });
  const port = await freePort();
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', ''];
  const child = spawn('redis-server', args, { stdio: 'ignore' });
  const ended = once(child, 'exit').catch((error) => {
    throw new Error('The examples need redis-server on the PATH; test/run installs it.', { cause: error });
  });
  await Promise.race([ended, answers(port)]);
  if (child.exitCode !== null) throw new Error(`redis-server ended with ${child.exitCode} at its start.`);
  return {
    url: `redis://127.0.0.1:${port}`,
    stop: async () => {
      child.kill();
      await ended;
    },
  };
}

async function answers(port) {
  for (const deadline = Date.now() + READY_WITHIN_MS; Date.now() < deadline; await delay(20)) {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    const connected = await new Promise((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('close', () => resolve(false));
    });
    socket.destroy();
    if (connected) return;
  }
  throw new Error(`redis-server did not answer within ${READY_WITHIN_MS} ms.`);
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}
