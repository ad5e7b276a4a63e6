import { NOW, scriptOf } from '../../redis/script.js';

/**
 * The scripts that touch sessions of another library, each a text under its own key, and the mark that we keep beside each:
 *
 * - KEYS: the old record, and our mark in the same slot.
 * - The mark says `taken`, as long as a session lives that took the old one's place, or `ended`: that one was logged out
 *   here. It has an expiry always.
 */

/**
 * Reads an old session that is to be taken over. One that was ended here and is there again was written by an old node's late
 * save: it is removed.
 * ARGV most bytes, life of the mark of an end in ms, or 0: nothing is changed.
 * Reply: {1, text, what is left of its life in ms}; {2}: it is taken; {0}: there is none, or it has ended; {-1}: it is no
 * text; {-2}: it is larger.
 */
export const READ_OLD = scriptOf(`
local mark = redis.call('GET', KEYS[2])
if mark == 'ended' then
  if ARGV[2] ~= '0' and redis.call('DEL', KEYS[1]) == 1 then redis.call('PEXPIRE', KEYS[2], ARGV[2]) end
  return {0}
end
local size = redis.pcall('STRLEN', KEYS[1])
if type(size) ~= 'number' then return {-1} end
if size == 0 then return {0} end
if mark then return {2} end
if size > tonumber(ARGV[1]) then return {-2} end
return {1, redis.call('GET', KEYS[1]), redis.call('PTTL', KEYS[1])}
`);

/**
 * A session that took an old one's place is used: keeps the old record for as long as that one lives, so that nodes of
 * before go on to serve the user, and the mark. Best effort, since reads outlive writes.
 * ARGV life in ms; 0: it is only looked at.
 * Reply: 1; 0: the old session has ended, and with it the one that took its place.
 */
export const USE_OLD = scriptOf(`
local mark = redis.call('GET', KEYS[2])
local left, life = redis.call('PTTL', KEYS[1]), tonumber(ARGV[1])
if mark == 'ended' or left == -2 then return 0 end
if life > 0 then
  local due = life * 0.9
  if left >= 0 and left < due then redis.pcall('PEXPIRE', KEYS[1], life) end
  if not mark or redis.call('PTTL', KEYS[2]) < due then redis.pcall('SET', KEYS[2], 'taken', 'PX', life) end
end
return 1
`);

/**
 * Ends an old session, for nodes of before and for ours. Works on a full Redis, since what is removed comes first.
 * ARGV deadline, life of the mark in ms.
 * Reply: {1, now}; {-3, now}: too late, and nothing is done.
 */
export const END_OLD = scriptOf(
  `${NOW}
if now > tonumber(ARGV[1]) then return {-3, now} end
local life = math.max(redis.call('PTTL', KEYS[1]), tonumber(ARGV[2]))
redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[2], 'ended', 'PX', string.format('%d', life))
return {1, now}
`,
  { hasDeadline: true },
);
