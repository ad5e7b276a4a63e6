import { NOW, scriptOf } from '../../redis/script.js';

/**
 * The scripts that touch sessions of another library, each a text under its own key, and the mark that we keep beside each:
 *
 * - KEYS: the old record, and our mark in the same slot.
 * - The mark says which session of ours stands for the old one, as "word turn until due":
 *   - word: `taken`: that session lives. `left`: the old record named another user, so that the one of before has ended and the old
 *     one is to be taken over anew. `ended`: it was logged out here; nothing follows.
 *   - turn: how often it was left. Each turn has a session of its own, under a token of its own.
 *   - until: when that session ends whatever happens, 0: never; due: when it has ended if nobody uses it. Epoch milliseconds.
 * - It has an expiry always. A number that is missing is 0, and of `due`: as long as the mark is there.
 */
const MARK = `${NOW}
local word, turn, till, due = string.match(redis.call('GET', KEYS[2]) or '', '^(%a*) ?(%d*) ?(%d*) ?(%d*)$')
turn, till, due = tonumber(turn or '') or 0, tonumber(till or '') or 0, tonumber(due or '') or 0`;

/**
 * Reads an old session that is to be taken over. One that was ended here and is there again was written by an old node's late
 * save: it is removed. One whose session of ours has reached its absolute end is over here for as long as its mark is known.
 * ARGV most bytes, life of the mark of an end in ms, or 0: nothing is changed.
 * Reply: {1, text, what is left of its life in ms, now, turn, until}; {2, turn}: it is taken; {0}: there is none, or it has
 * ended; {-1}: it is no text; {-2}: it is larger.
 */
export const READ_OLD = scriptOf(`${MARK}
if word == 'ended' then
  if ARGV[2] ~= '0' and redis.call('DEL', KEYS[1]) == 1 then redis.call('PEXPIRE', KEYS[2], ARGV[2]) end
  return {0}
end
if till > 0 and till <= now then
  if ARGV[2] ~= '0' then redis.call('PEXPIRE', KEYS[2], ARGV[2]) end
  return {0}
end
local size = redis.pcall('STRLEN', KEYS[1])
if type(size) ~= 'number' then return {-1} end
if size == 0 then return {0} end
if word == 'taken' and (due == 0 or due > now) then return {2, turn} end
if size > tonumber(ARGV[1]) then return {-2} end
return {1, redis.call('GET', KEYS[1]), redis.call('PTTL', KEYS[1]), now, turn, till}
`);

/**
 * A session that took an old one's place is used: keeps the old record for as long as that one lives, so that nodes of
 * before go on to serve the user, and the mark. Best effort, since reads outlive writes.
 * ARGV life in ms, 0: it is only looked at; its turn, its absolute deadline or 0, the digest of the old record that the caller knows,
 * for how long in ms a mark is kept that must outlive its session, since it has a deadline or is not the first.
 * Reply: {1}: the old record is the one that the caller knows; {1, text, digest}: it is another; {0}: the old session has ended
 * or was left, and with it the one that took its place.
 */
export const USE_OLD = scriptOf(`${MARK}
local text, mine = redis.pcall('GET', KEYS[1]), tonumber(ARGV[2])
if word == 'ended' or turn > mine or type(text) ~= 'string' then return {0} end
local life, deadline = tonumber(ARGV[1]), tonumber(ARGV[3])
if life > 0 then
  local least, left = life * 0.9, redis.call('PTTL', KEYS[1])
  if left >= 0 and left < least then redis.pcall('PEXPIRE', KEYS[1], ARGV[1]) end
  if word ~= 'taken' or turn ~= mine or till ~= deadline or due - now < least then
    local kept = life
    if mine > 0 or deadline > 0 then kept = math.max(life, deadline - now) + ARGV[5] end
    local mark = string.format('taken %d %.0f %.0f', mine, deadline, now + life)
    redis.pcall('SET', KEYS[2], mark, 'PX', string.format('%.0f', kept))
  end
end
local digest = redis.sha1hex(text)
if digest == ARGV[4] then return {1} end
return {1, text, digest}
`);

/**
 * The old record names another user than it did when it was taken over: the session that stands for it is to end, and the old
 * one is to be taken over anew. Whoever comes second changes nothing. Works on a full Redis, as {@link END_OLD} does.
 * ARGV turn of the session that is to end, life of the mark in ms.
 * Reply: 1; 0: it was left or ended before.
 */
export const LEAVE_OLD = scriptOf(`${MARK}
local mine = tonumber(ARGV[1])
if word == 'ended' or turn > mine then return 0 end
redis.call('PEXPIRE', KEYS[2], ARGV[2])
redis.call('SET', KEYS[2], string.format('left %d', mine + 1), 'PX', ARGV[2])
return 1
`);

/**
 * Ends an old session, for nodes of before and for ours. Our mark comes first, so that a refusal in the middle loses no end. Works on a
 * full Redis, where the first write may be none that asks for room.
 * ARGV deadline, life of the mark in ms.
 * Reply: {1, now}; {-3, now}: too late, and nothing is done.
 */
export const END_OLD = scriptOf(
  `${NOW}
if now > tonumber(ARGV[1]) then return {-3, now} end
local life = math.max(redis.call('PTTL', KEYS[1]), tonumber(ARGV[2]))
redis.call('PEXPIRE', KEYS[2], string.format('%d', life))
redis.call('SET', KEYS[2], 'ended', 'PX', string.format('%d', life))
redis.call('DEL', KEYS[1])
return {1, now}
`,
  { hasDeadline: true, isRepeatable: true },
);
