import { jointEntry } from './index-scripts.js';
import { beginning, expireIn, hasEnded, idOf, IN_TIME, script, tell } from './scripts.js';

/**
 * Writes a record where there is none.
 * KEYS record · ARGV deadline, channel of messages or '', who writes, codec, principal or '', idle seconds, "copy authenticated local"
 * as in `@v`, the life in ms that these stand for, absolute timeout in seconds or 0, then '' or, of a session that exists
 * already, "created deadline login": when it was created or 0 = now, its absolute deadline or 0, when its principal logged in
 * or 0 = now; 1 if the index has just been told of it or 0; then name and bytes of each field.
 * Reply: that of a write; {0} if there is a record already.
 */
export const CREATE = script(creation(2));

/**
 * The same, and in one step the entry in the list of the user whose it is, in a slot of its own: for servers on which all keys
 * are in one place.
 * KEYS record, list · ARGV deadline, life of the entry in ms, device (see index-scripts.ts), then those of CREATE from the channel on.
 * Reply: that of CREATE. Where it refuses, the list is as it was; where the record's life is over at once, {0}, the entry stays.
 */
export const CREATE_LISTED = script(
  creation(4, jointEntry('KEYS[2]', idOf('KEYS[1]'), 'ARGV[2]', 'ARGV[3]')),
);

/** @param first Where its arguments begin, with the channel. @param also What is done with it, once it is sure that it will be. */
function creation(first: number, also = ''): string {
  const arg = (n: number): string => `ARGV[${first + n}]`;
  const pairs = first + 10;
  return `${IN_TIME}
local key, channel, node = KEYS[1], ${arg(0)}, ${arg(1)}
local there = redis.call('HMGET', key, '@v', '@ended')
if there[2] then${hasEnded('key')}
end
if there[1] then return {0} end${also}
local created, till, login = '0', '0', '0'
if ${arg(8)} ~= '' then created, till, login = string.match(${arg(8)}, '^(%S+) (%S+) (%S+)$') end
if created == '0' then created = this end
if till == '0' and ${arg(7)} ~= '0' then till = string.format('%.0f', now + ${arg(7)} * 1000) end
if ${arg(3)} == '' then login = '0' elseif login == '0' then login = this end
local v = ${beginning('key')} .. ${arg(4)} .. ' ' .. till .. ' ' .. ${arg(5)}
local info = created .. ' ' .. login .. ' ' .. ${arg(2)} .. ' ' .. ${arg(3)}
local last = math.min(#ARGV, ${pairs + 999})
if ${arg(9)} == '1' then
  redis.call('HSET', key, '@v', v, '@used', this, '@info', info, '@index', this, unpack(ARGV, ${pairs}, last))
else
  redis.call('HSET', key, '@v', v, '@used', this, '@info', info, unpack(ARGV, ${pairs}, last))
end
for i = ${pairs + 1000}, #ARGV, 1000 do redis.call('HSET', key, unpack(ARGV, i, math.min(i + 999, #ARGV))) end
${tell("'created'", idOf('key'), "'-'", arg(3))}
if till == '0' then
  redis.call('PEXPIRE', key, ${arg(6)})
  return {1, now, 0}
end
local ttl = math.min(${arg(6)}, till - now)
${expireIn('key')}
`;
}
