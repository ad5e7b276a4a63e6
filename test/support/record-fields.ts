import type { RedisClient } from '../../lib/redis/client.js';

/** Where the parts of a record's own fields are: see lib/stores/redis/scripts.ts. */
const PARTS = {
  version: ['@v', 0],
  name: ['@v', 1],
  idle: ['@v', 2],
  until: ['@v', 3],
  copy: ['@v', 4],
  created: ['@info', 0],
  login: ['@info', 1],
  codec: ['@info', 2],
  principal: ['@info', 3],
  used: ['@used', 0],
} as const;

/** A part of a record that is not an attribute; for how long, whose, until when. */
export type RecordPart = keyof typeof PARTS;

/** What a record says of itself, as text. */
export async function partOf(client: RedisClient, key: string, part: RecordPart): Promise<string> {
  const [field, at] = PARTS[part];
  return split(await client.hget(key, field))[at] ?? '';
}

/** Writes that past the store; everything else stays as it is. */
export async function setPart(
  client: RedisClient,
  key: string,
  part: RecordPart,
  value: string | number,
): Promise<void> {
  const [field, at] = PARTS[part];
  const texts = split(await client.hget(key, field));
  texts[at] = String(value);
  await client.hset(key, field, texts.join(' '));
}

/** At spaces; all that follows the third is one text where it is a principal, which may hold some. */
function split(text: string | null): string[] {
  return (text ?? '').split(' ');
}
