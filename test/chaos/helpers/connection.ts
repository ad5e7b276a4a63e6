import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** How long a client waits that is not answered. */
const PATIENCE_MS = 3000;

/**
 * Sends requests one after the other on one connection, each once the one before is answered. Resolves to their statuses:
 * `none` for one that is not answered in time, or whose connection is closed.
 */
export async function statusesOn(url: string, requests: readonly string[]): Promise<string[]> {
  const socket = connect({ port: Number(new URL(url).port), host: '127.0.0.1', noDelay: true });
  let [received, closed] = ['', false];
  socket.setEncoding('latin1').on('data', (text: string) => (received += text));
  socket.on('error', () => undefined).on('close', () => (closed = true));
  await once(socket, 'connect');
  const statuses: string[] = [];
  for (const request of requests) {
    received = '';
    socket.write(request);
    statuses.push((await statusOf(() => (closed ? undefined : received))) ?? 'none');
  }
  socket.destroy();
  return statuses;
}

async function statusOf(text: () => string | undefined): Promise<string | undefined> {
  const until = performance.now() + PATIENCE_MS;
  while (performance.now() < until) {
    const received = text();
    if (received === undefined) return undefined;
    const status = /^HTTP\/1\.1 (\d+)/.exec(received)?.[1];
    if (status !== undefined && isWhole(received)) return status;
    await delay(5);
  }
  return undefined;
}

/** Whether a response has come to its end, and nothing stands behind it. */
function isWhole(text: string): boolean {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return false;
  const body = text.slice(end + 4);
  const length = /^content-length: (\d+)/im.exec(text.slice(0, end))?.[1];
  return length === undefined ? body.endsWith('0\r\n\r\n') : body.length === Number(length);
}
