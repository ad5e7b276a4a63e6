import { request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request that begins a session. */
export const SEED_PATH = '/seed';

/** The Cookie header of a new session on a server. */
export function seedCookie(server: Server): Promise<string> {
  const { port } = server.address() as AddressInfo;
  return new Promise((resolve, reject) => {
    const asked = request({ port, host: '127.0.0.1', path: SEED_PATH, agent: false }, (answer) => {
      answer.resume();
      const [cookie] = answer.headers['set-cookie'] ?? [];
      if (cookie === undefined) reject(new Error(`No cookie came with ${answer.statusCode}.`));
      else resolve(cookie.split(';')[0] ?? '');
    });
    asked.on('error', reject).end();
  });
}
