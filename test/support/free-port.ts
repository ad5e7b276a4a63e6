import { once } from 'node:events';
import { createServer } from 'node:net';

const FIRST = 12_000;
const COUNT = 10_000;

/**
 * A TCP port of 127.0.0.1 that nobody listens on. It lies below the range that the system takes client ports
 * from (32768 and up), so that no client occupies it while a server restarts, and a client that reconnects to
 * a dead port can not reach itself; and low enough for the bus of Redis Cluster (port + 10000).
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = FIRST + Math.floor(Math.random() * COUNT);
    if (await isFree(port)) return port;
  }
  throw new Error(`Test helper: no free port found in ${FIRST}..${FIRST + COUNT - 1}.`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
