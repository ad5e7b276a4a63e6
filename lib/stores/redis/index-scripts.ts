import { NOW, scriptOf } from '../../redis/script.js';

/**
 * The scripts of the index of users' sessions, each with its contract above it. What they have in common with those of the
 * records, is told in scripts.ts; each of these touches the list of one user, in a slot of its own, and some its note beside it.
 *
 * A user's list is a hash, a field for each session: its id, and "until added login replaces device":
 * - until: when the entry is forgotten; added: when it came; login: when somebody logged in; epoch milliseconds of this server.
 * - replaces: the id that this one is to take the place of, or -.
 * - device: sealed or base64url, or nothing.
 * A field of its own, `@prune`: at which size forgotten entries are looked for next. The key lives as long as the entry that lives
 * longest.
 * A damaged value counts as the oldest login, that is never forgotten and may be removed at once: the field still names the session, so
 * that it is found and ended.
 *
 * The note is a hash of one field, `@ended`: whoever logged in until then is to be logged out. A key of its own, since it is kept
 * for longer than any entry: what is known of devices goes with the sessions.
 */
const UNLESS_LATE = `${NOW}
local key = KEYS[1]
if now > tonumber(ARGV[1]) then return {-3, now} end`;

const OWN_CODE = '@'.charCodeAt(0);
const ID_LENGTH = 47;
const SMALLEST_PRUNE = 32;
const PARTS = `'^(%d+) (%d+) (%d+) (%S+) ?(.*)$'`;
/** The same where only one of them is asked for. */
const TILL = `'^(%d+) %d+ %d+ %S'`;
const ADDED = `'^%d+ (%d+) %d+ %S'`;
/** Whether a field names a session. */
const isEntry = (field: string): string =>
  `(#${field} == ${ID_LENGTH} and not string.find(${field}, '[^%w_-]'))`;
/** A number that is stored alone; -1 where it is missing or damaged. */
const storedNumber = (text: string): string => `(tonumber(${text} or '') or -1)`;

/**
 * Puts an entry, and forgets old ones where the list has doubled since that was done last: each has its turn. What short
 * lists do not need is not asked for. It asks before it writes: a user who may no longer ask writes nothing, and leaves no
 * entry without an expiry.
 */
const putEntry = (id: string, life: string): string => `
local till = string.format('%.0f', now + ${life})
local size = redis.call('HLEN', key)
local endsEarlier = size == 0 or redis.call('PTTL', key) < tonumber(${life})
redis.call('HSET', key, ${id}, till .. ' ' .. added .. ' ' .. login .. ' ' .. replaces .. ' ' .. device)
if endsEarlier then redis.call('PEXPIRE', key, ${life}) end
if size >= ${SMALLEST_PRUNE} and size > ${storedNumber("redis.call('HMGET', key, '@prune')[1]")} then
  local all, left = redis.call('HGETALL', key), 0
  for i = 1, #all, 2 do
    if string.byte(all[i]) ~= ${OWN_CODE} then
      local till = ${isEntry('all[i]')} and (string.match(all[i + 1], ${TILL}) or math.huge) or 0
      if tonumber(till) <= now then redis.call('HDEL', key, all[i]) else left = left + 1 end
    end
  end
  redis.call('HSET', key, '@prune', math.max(${SMALLEST_PRUNE}, left * 2))
end`;

/**
 * Adds the entry of a session that the same script writes afterwards, and removes the one that it replaces, if `how` is not ''. The new
 * one first: a full Redis refuses it, and then nothing is changed.
 * @param how `entry` or `login`: see JointEntry. @param old The id of the entry that is replaced.
 */
export const jointEntry = (
  list: string,
  id: string,
  life: string,
  device: string,
  how = "''",
  old = "''",
): string => `
do
  local key, added, login, replaces, device = ${list}, this, this, '-', ${device}
  if ${how} ~= '' then replaces = ${old} end
  if ${how} == 'login' then
    local _, _, before, _, there = string.match(redis.call('HMGET', key, ${old})[1] or '', ${PARTS})
    if before then login, device = before, there end
  end
  ${putEntry(id, life)}
  if ${how} ~= '' then redis.call('HDEL', key, ${old}) end
end`;

/**
 * Adds the entry of a session that is about to be written.
 * KEYS list · ARGV deadline, id, life in ms, device, and where one of them says something: the id that it replaces or '', 1 if it
 * keeps that one's login or 0, how many sessions there may be or 0, 1 to add it at the limit as well or 0.
 * Reply: {1, now}, or with a limit {1, now, ids that are beyond it, oldest login first}; {0, now, all fields and values}: not added,
 * since the limit is reached; {-3, now}: too late.
 *
 * An entry and the one that it replaces count as one, and are beyond the limit together.
 */
export const ADD_ENTRY = scriptOf(
  `${UNLESS_LATE}
local id, old, limit, beyond = ARGV[2], ARGV[5] or '', tonumber(ARGV[7] or 0), nil
if limit > 0 then
  local all, replaced, held = redis.call('HGETALL', key), {}, {}
  beyond = {}
  replaced[id] = true
  if old ~= '' then replaced[old] = true end
  for i = 1, #all, 2 do
    local till, _, _, other = string.match(all[i + 1], ${PARTS})
    if ${isEntry('all[i]')} and till and tonumber(till) > now then replaced[other] = true end
  end
  for i = 1, #all, 2 do
    if ${isEntry('all[i]')} and not replaced[all[i]] then
      local till, added, login, other = string.match(all[i + 1], ${PARTS})
      if not till then till, added, login, other = math.huge, '0', '0', '-' end
      if tonumber(till) > now then held[#held + 1] = {login .. ' ' .. added .. ' ' .. all[i], all[i], other} end
    end
  end
  if #held >= limit then
    if ARGV[8] == '0' then return {0, now, all} end
    table.sort(held, function(a, b) return a[1] < b[1] end)
    for i = 1, #held - limit + 1 do
      beyond[#beyond + 1] = held[i][2]
      if held[i][3] ~= '-' then beyond[#beyond + 1] = held[i][3] end
    end
  end
end
local added, login, replaces, device = this, this, '-', ARGV[4]
if old ~= '' then
  replaces = old
  local _, _, before, _, there = string.match(redis.call('HMGET', key, old)[1] or '', ${PARTS})
  if before and ARGV[6] == '1' then login, device = before, there end
end
${putEntry('id', 'ARGV[3]')}
return {1, now, beyond}
`,
  { hasDeadline: true },
);

/**
 * Adds the entry of a session that exists, or keeps the one that is there for longer.
 * KEYS list, note · ARGV deadline, id, life in ms, when it logged in.
 * Reply: {1, now}; {0, now}: it is not there, and whoever logged in at its time is to be logged out; {-3, now}: too late.
 */
export const ENTER_ENTRY = scriptOf(
  `${UNLESS_LATE}
local _, added, login, replaces, device = string.match(redis.call('HMGET', key, ARGV[2])[1] or '', ${PARTS})
if not added then
  local ended = redis.call('HMGET', KEYS[2], '@ended')[1]
  if tonumber(ARGV[4]) <= ${storedNumber('ended')} then return {0, now} end
  added, login, replaces, device = this, ARGV[4], '-', ''
end
${putEntry('ARGV[2]', 'ARGV[3]')}
return {1, now}
`,
  { hasDeadline: true },
);

/**
 * Notes that whoever logged in until now is to be logged out, and reads the list. A full Redis notes nothing. What holds something
 * else is found out before anything is written to it, an expiry included.
 * KEYS list, note · ARGV deadline, for how long that is kept, in ms.
 * Reply: {1, now, all fields and values}; {-3, now}: too late.
 */
export const END_ENTRIES = scriptOf(
  `${UNLESS_LATE}
local all = redis.call('HGETALL', key)
redis.call('HMGET', KEYS[2], '@ended')
redis.pcall('HSET', KEYS[2], '@ended', this)
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return {1, now, all}
`,
  { hasDeadline: true },
);

/**
 * Removes entries that were added so long ago. Works on a full Redis. It touches the list for the last time where that may be gone
 * afterwards: while a cluster moves the slot, it refuses to look at a key that is missing.
 * KEYS list · ARGV deadline, least age in ms, ids.
 * Reply: {1, now}; {-3, now}: too late.
 */
export const REMOVE_ENTRIES = scriptOf(
  `${UNLESS_LATE}
local old, seen = {}, {}
for i = 3, #ARGV do
  local id = ARGV[i]
  local value = not seen[id] and redis.call('HMGET', key, id)[1]
  seen[id] = true
  if value and now - (string.match(value, ${ADDED}) or 0) >= tonumber(ARGV[2]) then old[#old + 1] = id end
end
local left = redis.call('HLEN', key) - #old
if left == 1 and redis.call('HMGET', key, '@prune')[1] then
  redis.call('DEL', key)
else
  for i = 1, #old, 1000 do redis.call('HDEL', key, unpack(old, i, math.min(i + 999, #old))) end
end
return {1, now}
`,
  { hasDeadline: true },
);

/**
 * Whether a session is listed, and was added after the last end of all.
 * KEYS list, note · ARGV id.
 * Reply: 1 or 0.
 */
export const STANDS = scriptOf(`${NOW}
local till, added = string.match(redis.call('HMGET', KEYS[1], ARGV[1])[1] or '', ${PARTS})
local ended = redis.call('HMGET', KEYS[2], '@ended')[1]
return till and tonumber(till) > now and tonumber(added) > ${storedNumber('ended')} and 1 or 0
`);

/**
 * Moves what is under the key of a list or of its note out of the way, if it is no hash: see QUARANTINE, which does so with records.
 * KEYS list or note, where to · ARGV life there in ms.
 * Reply: 1 if it was moved.
 */
export const SET_ASIDE = scriptOf(`
local held = redis.pcall('HMGET', KEYS[1], '@ended')
if not (held.err and string.find(held.err, 'WRONGTYPE', 1, true)) then return 0 end
redis.call('RENAME', KEYS[1], KEYS[2])
redis.call('PEXPIRE', KEYS[2], ARGV[1])
return 1
`);
