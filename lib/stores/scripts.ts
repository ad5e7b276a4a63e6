import { createHash } from 'node:crypto';
import { NEVER_MS } from '../core/session-times.js';
import { FORMAT_VERSION } from './redis-record.js';

/**
 * Every Lua script of the package, each with its contract above it.
 *
 * Common ground:
 * - A record is a hash. Fields that begin with `@` are ours, an attribute's name that begins with `@` is stored
 *   with a second one. `@id` names the record's own session and tells a record from a marker.
 * - A marker stands for a session that ended a short while ago: `@ended`, and `@next` if it was renewed.
 * - Each script touches one key, or keys of one slot (the tag in braces), so that Redis Cluster can run it.
 * - No script has a `#!lua` line: with one, Redis refuses even reads when it is full.
 * - Times are those of Redis, in epoch milliseconds. ARGV[1] of each write is its deadline, 0 for none: a write
 *   that was reported as failed meanwhile must not be applied later.
 * - The reply of a write is {1, now, absolute deadline or 0}, or {0}: no such record, or {-1}: the session
 *   ended a short while ago, or {-3, now}: too late, or {-4}: the record is of another format.
 */
const PRELUDE = `
local function now_ms()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end
local function late(now)
  local deadline = tonumber(ARGV[1])
  return deadline > 0 and now > deadline
end
-- The id that a key is for: a key ends in {tag}rest, an id is the same without braces.
local function id_of(key)
  return string.sub(key, -48, -45) .. string.sub(key, -43)
end
-- 1 if the key holds the record of its own session, else what a write replies instead.
local function standing_of(key)
  local f = redis.call('HMGET', key, '@id', '@ended', '@v')
  if f[1] == id_of(key) then return f[3] == '${FORMAT_VERSION}' and 1 or -4 end
  if f[2] then return -1 end
  return 0
end
-- Starts the idle life anew: the least of idle time, what is left to the absolute deadline, and for the copy of
-- an anonymous session its short life. Returns the absolute deadline or 0, or false if that has passed.
local function extend(key, now)
  local f = redis.call('HMGET', key, '@idle', '@until', '@copy')
  local ttl = ${NEVER_MS}
  local idle = tonumber(f[1])
  if idle > 0 then ttl = math.min(ttl, idle * 1000) end
  if f[2] then ttl = math.min(ttl, tonumber(f[2]) - now) end
  if f[3] then ttl = math.min(ttl, tonumber(f[3]) * 1000) end
  if ttl <= 0 then
    redis.call('DEL', key)
    return false
  end
  redis.call('PEXPIRE', key, ttl)
  return tonumber(f[2] or 0)
end
local function set_fields(key, from, count)
  local to = from + count * 2 - 1
  for i = from, to, 1000 do
    redis.call('HSET', key, unpack(ARGV, i, math.min(i + 999, to)))
  end
  return to + 1
end
local function remove_fields(key, from)
  for i = from, #ARGV, 1000 do
    redis.call('HDEL', key, unpack(ARGV, i, math.min(i + 999, #ARGV)))
  end
end
-- An anonymous session's record is a short-lived copy; '@local' stays, for nodes may hold copies of their own.
local function set_copy(key, copy)
  if copy == '' then redis.call('HDEL', key, '@copy') else redis.call('HSET', key, '@copy', copy, '@local', 1) end
end
local function mark_ended(key, life, successor)
  redis.call('HSET', key, '@ended', 1)
  if successor then redis.call('HSET', key, '@next', successor) end
  redis.call('PEXPIRE', key, life)
end
local function written(key, now)
  local deadline = extend(key, now)
  if deadline == false then return {0} end
  return {1, now, deadline}
end
`;

/** A script and its SHA-1, by which Redis knows it once it has run. */
export interface Script {
  readonly lua: string;
  readonly sha1: string;
}

/**
 * Marks a session as used. Best effort: extending the expiry works on a full Redis, noting the time may not.
 * KEYS record · ARGV interval in ms: a use that is closer to the one before is not noted, but for a short-lived copy.
 * Reply: now, also when there is nothing to mark.
 */
export const TOUCH = script(`
local now = now_ms()
local f = redis.call('HMGET', KEYS[1], '@id', '@used', '@copy', '@v')
local ours = f[1] == id_of(KEYS[1]) and f[4] == '${FORMAT_VERSION}'
local due = f[3] or now - tonumber(f[2] or 0) >= tonumber(ARGV[1])
if ours and due and extend(KEYS[1], now) then
  redis.pcall('HSET', KEYS[1], '@used', now)
end
return now
`);

/**
 * Writes a record where there is none.
 * KEYS record · ARGV deadline, codec, idle seconds, absolute timeout in seconds ('' = none), principal or '',
 * authenticated 1 or '', copy seconds or '', created or '' = now, absolute deadline or '' (for a session that
 * exists already), login time or '' = now, count of fields, then name and bytes of each.
 * Reply: that of a write; {0} if there is a record already.
 */
export const CREATE = script(`
local key, now = KEYS[1], now_ms()
if late(now) then return {-3, now} end
local there = redis.call('HMGET', key, '@id', '@ended')
if there[2] then return {-1} end
if there[1] then return {0} end
local created = ARGV[8] == '' and now or ARGV[8]
redis.call('HSET', key, '@v', ${FORMAT_VERSION}, '@id', id_of(key), '@codec', ARGV[2], '@idle', ARGV[3], '@created', created, '@used', now)
if ARGV[9] ~= '' then redis.call('HSET', key, '@until', ARGV[9])
elseif ARGV[4] ~= '' then redis.call('HSET', key, '@until', now + tonumber(ARGV[4]) * 1000) end
if ARGV[5] ~= '' then redis.call('HSET', key, '@who', ARGV[5], '@login', ARGV[10] == '' and now or ARGV[10]) end
if ARGV[6] ~= '' then redis.call('HSET', key, '@auth', 1) end
if ARGV[7] ~= '' then set_copy(key, ARGV[7]) end
set_fields(key, 12, tonumber(ARGV[11]))
return written(key, now)
`);

/**
 * Applies a change to a record that exists.
 * KEYS record · ARGV deadline, idle seconds or '' = as it was, authenticated 1 or '', copy seconds or '',
 * count of fields to set, then name and bytes of each, then names to remove.
 * Reply: that of a write.
 */
export const SAVE = script(`
local key, now = KEYS[1], now_ms()
if late(now) then return {-3, now} end
local standing = standing_of(key)
if standing ~= 1 then return {standing} end
redis.call('HSET', key, '@used', now)
if ARGV[2] ~= '' then redis.call('HSET', key, '@idle', ARGV[2]) end
if ARGV[3] ~= '' then redis.call('HSET', key, '@auth', 1) end
set_copy(key, ARGV[4])
remove_fields(key, set_fields(key, 6, tonumber(ARGV[5])))
return written(key, now)
`);

/**
 * Moves a record to a new id with a change, and leaves a marker under the old one.
 * KEYS old record, new record · ARGV deadline, idle seconds or '', authenticated 1 or '', copy seconds or '',
 * life of the marker in ms, principal or '' = no login, absolute timeout in seconds from now ('' = none,
 * only with a login), count of fields to set, then name and bytes of each, then names to remove.
 * Reply: that of a write.
 */
export const RENEW = script(`
local old, new, now = KEYS[1], KEYS[2], now_ms()
if late(now) then return {-3, now} end
local standing = standing_of(old)
if standing ~= 1 then return {standing} end
redis.call('HSET', old, '@id', id_of(new), '@used', now)
redis.call('RENAME', old, new)
if ARGV[2] ~= '' then redis.call('HSET', new, '@idle', ARGV[2]) end
if ARGV[3] ~= '' then redis.call('HSET', new, '@auth', 1) end
redis.call('HDEL', new, '@local')
set_copy(new, ARGV[4])
if ARGV[6] ~= '' then
  redis.call('HSET', new, '@who', ARGV[6], '@login', now)
  if ARGV[7] == '' then redis.call('HDEL', new, '@until')
  else redis.call('HSET', new, '@until', now + tonumber(ARGV[7]) * 1000) end
end
remove_fields(new, set_fields(new, 9, tonumber(ARGV[8])))
mark_ended(old, ARGV[5], id_of(new))
return written(new, now)
`);

/**
 * Writes or removes one attribute if its bytes are still those expected.
 * KEYS record · ARGV deadline, authenticated 1 or '', copy seconds or '', field, 1 if bytes are expected or
 * '' if none, the expected bytes, 1 if bytes are to be written or '' to remove, the new bytes.
 * Reply: that of a write, or {-2, the bytes that are there or nil}.
 */
export const COMPARE_AND_SET = script(`
local key, now = KEYS[1], now_ms()
if late(now) then return {-3, now} end
local standing = standing_of(key)
if standing ~= 1 then return {standing} end
local actual = redis.call('HGET', key, ARGV[4])
local expected = ARGV[5] ~= '' and ARGV[6]
if actual ~= expected then return {-2, actual} end
redis.call('HSET', key, '@used', now)
if ARGV[7] ~= '' then redis.call('HSET', key, ARGV[4], ARGV[8]) else redis.call('HDEL', key, ARGV[4]) end
if ARGV[2] ~= '' then redis.call('HSET', key, '@auth', 1) end
set_copy(key, ARGV[3])
return written(key, now)
`);

/**
 * Removes a session, and where it was renewed meanwhile, what it became, under whichever id. Works on a full Redis.
 * KEYS record · ARGV what a key begins with before the tag, life in ms of the marker to leave where other nodes
 * may hold copies in memory (0: leave none).
 * Reply: how many records were removed.
 */
export const DESTROY = script(`
local key, life, removed = KEYS[1], tonumber(ARGV[2]), 0
while key do
  local f = redis.pcall('HMGET', key, '@id', '@next', '@local')
  if f.err then f = {} end
  redis.call('DEL', key)
  if f[1] then removed = removed + 1 end
  if life > 0 and (f[3] or not f[1]) then mark_ended(key, life) end
  key = f[2] and ARGV[1] .. '{' .. string.sub(f[2], 1, 4) .. '}' .. string.sub(f[2], 5)
end
return removed
`);

/**
 * Moves what is under a session's key out of the way, if it is not a sound record of that session: a reply that was
 * read as such may have been meant for another request. Leaves markers, and records of a newer version, alone.
 * KEYS record, where to · ARGV life there in ms, 1 if the record names its own session and is damaged, or ''.
 * Reply: 1 if it was moved.
 */
export const SET_ASIDE = script(`
local key, aside = KEYS[1], KEYS[2]
if redis.call('EXISTS', key) == 0 then return 0 end
local f = redis.pcall('HMGET', key, '@id', '@v', '@ended')
if not f.err then
  if f[3] then return 0 end
  if (tonumber(f[2]) or 0) > ${FORMAT_VERSION} then return 0 end
  if f[1] == id_of(key) and f[2] == '${FORMAT_VERSION}' and ARGV[2] == '' then return 0 end
end
redis.call('RENAME', key, aside)
redis.call('PEXPIRE', aside, ARGV[1])
return 1
`);

function script(body: string): Script {
  const lua = PRELUDE + body;
  return { lua, sha1: createHash('sha1').update(lua).digest('hex') };
}
