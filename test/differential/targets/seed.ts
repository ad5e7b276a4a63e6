import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { Http1Client } from '../http1-client.js';
import { Http2Client } from '../http2-client.js';
import type { ListeningServer, Site } from './target.js';

/** A request that begins a session. */
export const SEED_PATH = '/seed';

/** How an application is reached. */
export function reachedBy(
  version: 1 | 2,
  server: ListeningServer,
): Pick<Site, 'connect' | 'cookie' | 'server'> {
  return version === 1
    ? { server, connect: () => Http1Client.connect(server), cookie: () => seedCookie(server) }
    : { server, connect: () => Http2Client.connect(server), cookie: () => seedCookie2(server) };
}

function seedCookie(server: ListeningServer): Promise<string> {
  const { port } = server.address() as AddressInfo;
  return new Promise((resolve, reject) => {
    const asked = request({ port, host: '127.0.0.1', path: SEED_PATH, agent: false }, (answer) => {
      answer.resume();
      resolve(cookieOf(answer.headers['set-cookie']));
    });
    asked.on('error', reject).end();
  });
}

async function seedCookie2(server: ListeningServer): Promise<string> {
  const { port } = server.address() as AddressInfo;
  const session = connect(`http://127.0.0.1:${port}`);
  const stream = session.request({ ':path': SEED_PATH });
  const [headers] = (await once(stream, 'response')) as [{ 'set-cookie'?: string[] }];
  session.destroy();
  return cookieOf(headers['set-cookie']);
}

function cookieOf(setCookies: readonly string[] | undefined): string {
  const [cookie] = setCookies ?? [];
  if (cookie === undefined) throw new Error('Test helper: a session was begun and no cookie came.');
  return cookie.split(';')[0] ?? '';
}
