/** Many stored sessions, written past the application: over HTTP a million would take too long. */
import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { idOf, newToken } from '../../dist/core/token.js';

const BATCH = 2000;

/**
 * Puts as many copies of one session of the module, under ids of their own, into another database. Returns cookies of
 * some of them, chosen evenly.
 */
export async function populate(redis, cookie, { database, total, cookies }) {
  const [name, token] = cookie.split('=');
  const [key] = await redis.keys(`*${idOf(token).slice(4)}`);
  const prefix = key.slice(0, key.indexOf('{'));
  const fields = await redis.callBuffer('HGETALL', key);
  const head = fields.findIndex((field, index) => index % 2 === 0 && field.equals(Buffer.from('@v'))) + 1;
  const [version, , ...limits] = fields[head].toString().split(' ');
  const every = Math.max(1, Math.floor(total / cookies));
  const chosen = [];
  const there = redis.duplicate({ db: database });
  for (let done = 0; done < total;) {
    const pipeline = there.pipeline();
    for (const end = Math.min(total, done + BATCH); done < end; done += 1) {
      const copy = newToken(randomBytes);
      const id = idOf(copy);
      const copied = [...fields];
      copied[head] = [version, id.slice(-24), ...limits].join(' ');
      const copyKey = `${prefix}{${id.slice(0, 4)}}${id.slice(4)}`;
      pipeline.hset(copyKey, ...copied).pexpire(copyKey, 1_800_000);
      if (done % every === 0 && chosen.length < cookies) chosen.push(`${name}=${copy}`);
    }
    await pipeline.exec();
  }
  there.disconnect();
  return chosen;
}
