import { NEVER_MS } from '../../core/times.js';
import { FORMAT_VERSION, NAME_LENGTH } from './record.js';
import { UNNOTED_SHARE } from './record-head.js';
import { jointEntry } from './index-scripts.js';
import { SIZE_PAIR, withinLimits } from './script-limits.js';
import { NOW, scriptOf, type Script } from '../../redis/script.js';

/**
 * The Lua scripts of records, each with its contract above it; what begins one is in create-scripts.ts.
 *
 * A record is a hash. Fields that begin with `@` are ours, an attribute's name that begins with `@` is stored with a
 * second one. They are few, for each is sent and parsed with each load, and short: a hash with a value of over 64
 * bytes takes Redis twice the memory.
 * - `@v` "1 name idle until copy authenticated local": the version; the end of the session's id, so that a record
 *   names its own session; idle seconds; absolute deadline or 0; seconds of life of the copy of an anonymous
 *   session, or 0; 1 or 0; 1 if nodes may hold copies of their own in memory, which stays so, or 0.
 * - `@used` when it was used last.
 * - `@info` "created login codec principal": when it was created, when somebody logged in or 0, who.
 * - `@cookie` "seconds sent": how long browsers keep the cookie, or - where the settings say so, and when it was sent
 *   last, or 0 where the next use is to send it. Only where there is something to say; written like an attribute.
 * - `@kept` 1 for a guest's session that is stored like one that counts as authenticated, which `@v` says of it; 0 or missing: what
 *   `@v` says is so. Without meaning once somebody has logged in. Written like an attribute.
 * - `@index` when the index of users' sessions was told of it last: see index-scripts.ts. Written like an attribute.
 * - `@size` attributes × 2^30 + bytes of their names and values: at least what there is. Missing until the first save that
 *   sets something; 0.1 leaves it as it is.
 * A tombstone stands for a session that has ended: `@ended` when (0.1 wrote 1), `@next` the id that it was
 * renewed to, and `@follow` if that was no login: until when the old id is served as the new one, 0 for not at all.
 *
 * Common ground:
 * - Each script but CREATE_LISTED and RENEW_LISTED touches one key, or keys of one slot (the tag in braces), so that Redis Cluster can run it.
 * - No script has a `#!lua` line: with one, Redis refuses even reads when it is full.
 * - Times are those of Redis, in epoch milliseconds. ARGV[1] of each write is its deadline: a write
 *   that was reported as failed meanwhile must not be applied later.
 * - The first change of each write is an HSET, which a full Redis refuses: then nothing is changed.
 * - The reply of a write is {1, now, absolute deadline or 0}, or {0}: no such record, or {-1}: the session
 *   has ended, or {-1, id, 1 or 0}: it goes on under that id, and whether the old one is still served, or
 *   {-1, ''}: by a login, or {-3, now}: too late, or {-4}: the record is of another format, or {-5, bytes,
 *   attributes}: it would hold that much, which is over a limit, or {-6}: the new id has been ended beforehand.
 * - Each key that a script touches is one of its KEYS: some servers refuse others.
 * - Those that begin or end a session tell the other nodes, if they are given a channel: see session-messages.ts. A server
 *   that refuses to publish changes nothing of what they do.
 * - What scripts share is text, not functions, which Redis would make anew in each run.
 */
export const IN_TIME = `${NOW}
if now > tonumber(ARGV[1]) then return {-3, now} end`;

/** ARGV[2], which is the touch interval in ms, is taken out: each script counts what is its own from there on. */
const INTERVAL = `
local interval = tonumber(table.remove(ARGV, 2))`;
const UNLESS_LATE = `${IN_TIME}${INTERVAL}`;

/** The same, with two arguments more behind the interval: the channel of messages or '', and who writes. */
const REST_OF_TELLING = `${INTERVAL}
local channel, node = table.remove(ARGV, 2), table.remove(ARGV, 2)`;
const TELLING = `${IN_TIME}${REST_OF_TELLING}`;
/** Publishes words, Lua expressions, as one message. */
export const tell = (...words: string[]): string =>
  `if channel ~= '' then redis.pcall('PUBLISH', channel, node .. ' ' .. ${words.join(" .. ' ' .. ")}) end`;

/** How `@v` begins in a record that is the key's own. */
export const beginning = (key: string): string =>
  `'${FORMAT_VERSION} ' .. string.sub(${key}, -${NAME_LENGTH}) .. ' '`;
const BEGINNING_LENGTH = `${FORMAT_VERSION} `.length + NAME_LENGTH + 1;
const isOwn = (v: string, key: string): string =>
  `string.sub(${v} or '', 1, ${BEGINNING_LENGTH}) == ${beginning(key)}`;
const versionOf = (v: string): string => `(tonumber(string.match((${v} or '') .. ' ', '^(%d+) ')) or 0)`;
/** The id that a key is for: a key ends in {tag}rest, an id is the same without braces. */
export const idOf = (key: string): string => `string.sub(${key}, -48, -45) .. string.sub(${key}, -43)`;

const PARTS = 'local idle, till, copy, authenticated, nodes';
/** Into PARTS, which are nil where it is not as it should be. */
const takeApart = (v: string): string => `
idle, till, copy, authenticated, nodes =
  string.match(${v}, '^(%-?%d+) (%d+) (%d+) ([01]) ([01])$', ${BEGINNING_LENGTH + 1})`;
const putTogether = (key: string): string =>
  `${beginning(key)} .. idle .. ' ' .. till .. ' ' .. copy .. ' ' .. authenticated .. ' ' .. nodes`;

/** Ends a write that has met a tombstone. */
export const hasEnded = (key: string): string => `
local m = redis.call('HMGET', ${key}, '@next', '@follow')
if not m[1] then return {-1} end
if not m[2] then return {-1, ''} end
return {-1, m[1], tonumber(m[2]) > now and 1 or 0}`;

/** Takes the record of a key apart, into PARTS, or ends with what a write of it replies. */
const takenApart = (key: string, v: string, ended: string): string => `
if ${ended} then${hasEnded(key)}
end
if not (${isOwn(v, key)}) then
  if ${versionOf(v)} > ${FORMAT_VERSION} then return {-4} end
  return {0}
end${takeApart(v)}
if not idle then return {0} end`;

const standing = (key: string, v: string, ended: string): string => `
${PARTS}${takenApart(key, v, ended)}`;

/**
 * Idle life, started anew, as `ttl`: the least of idle time, what is left to the absolute deadline, a copy's short life. Uses that
 * are closer together than `interval`, or a tenth of that life where that is less, are not noted: a record lives so much
 * longer, so that no session ends early; a copy does not, since it is not the session.
 */
const TTL = `
ttl = ${NEVER_MS}
if tonumber(idle) > 0 then ttl = math.min(ttl, idle * 1000) end
if copy ~= '0' then ttl = math.min(ttl, copy * 1000) end
interval = math.min(interval, math.floor(ttl / ${UNNOTED_SHARE}))
if copy == '0' then ttl = math.min(ttl + interval, ${NEVER_MS}) end
if till ~= '0' then ttl = math.min(ttl, till - now) end`;

/** Ends a write. */
const written = (key: string): string => `
local ttl${TTL}${expireIn(key)}`;

/** Starts the life of what was written, of `ttl` ms; one that is over ends it. */
export const expireIn = (key: string): string => `
if ttl <= 0 then
  redis.call('DEL', ${key})
  return {0}
end
redis.call('PEXPIRE', ${key}, string.format('%d', ttl))
return {1, now, tonumber(till)}`;

/** Sets fields of ours and `count` pairs from ARGV[first] on; what comes after those are names to remove. */
const change = (key: string, own: string, first: number, count: string, isSized = false): string => {
  const set = (fields: string): string =>
    `redis.call('HSET', ${key}, ${fields}, unpack(ARGV, ${first}, math.min(last, ${first + 999})))`;
  return `
local last = ${first - 1} + ${count} * 2
${isSized ? `if size then ${set(`${own}, '@size', size`)} else ${set(own)} end` : set(own)}
for i = ${first + 1000}, last, 1000 do redis.call('HSET', ${key}, unpack(ARGV, i, math.min(i + 999, last))) end
for i = last + 1, #ARGV, 1000 do redis.call('HDEL', ${key}, unpack(ARGV, i, math.min(i + 999, #ARGV))) end`;
};

/** What has once counted as authenticated, or is kept, is never a short-lived copy again, whatever a write says of itself. */
const limitCopy = (copy: string): string => `
if authenticated == '1' then ${copy} = '0' end`;

/** Writes `@v` anew where a change (idle '' = as it was) makes it another. */
const changeLimits = (
  key: string,
  idle: string,
  authenticated: string,
  copy: string,
): string => `${limitCopy(copy)}
if ${idle} ~= '' and ${idle} ~= idle or ${authenticated} > authenticated or ${copy} ~= copy then
  if ${idle} ~= '' then idle = ${idle} end
  if ${authenticated} == '1' then authenticated = '1' end
  copy = ${copy}
  if copy ~= '0' then nodes = '1' end
  redis.call('HSET', ${key}, '@v', ${putTogether(key)})
end`;

/**
 * Marks a session as used. Best effort: extending the expiry works on a full Redis, noting the time may not.
 * KEYS record · ARGV touch interval in ms: a use that is closer to the one before is not noted.
 * Reply: now, also when there is nothing to mark.
 */
export const TOUCH = scriptOf(
  `${NOW}
local key, interval = KEYS[1], tonumber(ARGV[1])
local f = redis.call('HMGET', key, '@v', '@used')
if not (${isOwn('f[1]', 'key')}) then return now end
${PARTS}${takeApart('f[1]')}
if not idle then return now end
local ttl${TTL}
if now - (tonumber(f[2]) or 0) < interval then return now end
if ttl > 0 then
  redis.call('PEXPIRE', key, string.format('%d', ttl))
  redis.pcall('HSET', key, '@used', this)
else
  redis.call('DEL', key)
end
return now
`,
  { tellsTime: true },
);

/**
 * Applies a change to a record that exists. Who has loaded the record shows its `@v`, and says what that makes of the write: as long
 * as it is still the same, which is nearly always, nothing has to be read out of it, and it stays as it is.
 * KEYS record · ARGV deadline, `@v` as it was loaded or '', the life in ms that it stands for and its absolute deadline, for where it is
 * still so, "interval idle authenticated copy": touch interval in ms, idle seconds or nothing = as it was, 1 or 0, copy seconds
 * or 0; limit of the size or 0, bytes of each attribute that do not count, count of fields to set, then name and bytes of each,
 * then names to remove.
 * Reply: that of a write.
 */
export const SAVE = script(`${IN_TIME}
local key = KEYS[1]
local f = redis.call('HMGET', key, '@v', '@ended', '@size', ARGV[9] or '@size')
local isSame = f[1] == ARGV[2] and not f[2]
${PARTS}
if not isSame then${takenApart('key', 'f[1]', 'f[2]')}
end
${withinLimits('key', 'f[3]', 'f[4]', 6, 9, 'ARGV[8]')}
${change('key', "'@used', this", 9, 'ARGV[8]', true)}
if isSame and ARGV[4] == '0' then
  redis.call('PEXPIRE', key, ARGV[3])
  return {1, now, 0}
end
local ttl
if isSame then
  till = ARGV[4]
  ttl = math.min(ARGV[3], till - now)
else
  local interval, newIdle, newAuthenticated, newCopy = string.match(ARGV[5], '^(%S+) (%S*) (%S+) (%S+)$')${changeLimits('key', 'newIdle', 'newAuthenticated', 'newCopy')}${TTL}
end
${expireIn('key')}
`);

/**
 * Moves a record to a new id with a change, and leaves a tombstone under the old one.
 * KEYS old record, new record · ARGV deadline, idle seconds or '', authenticated 1 or 0, copy seconds or 0, limit of
 * the size or 0, bytes of each attribute that do not count, life of the tombstone in ms, the same where nodes may hold
 * copies in memory, grace in ms, principal or '' = no login,
 * absolute timeout in seconds from now (0 = none, only with a login), count of fields to set, then name and bytes of
 * each, then names to remove.
 * Reply: that of a write.
 */
export const RENEW = script(renewal());

/**
 * The same, and in one step the entry in the list of the user, in a slot of its own: see CREATE_LISTED.
 * KEYS old record, new record, list · ARGV deadline, life of the entry in ms, device, which entry it replaces (see jointEntry), then
 * those of RENEW from the touch interval on.
 * Reply: that of RENEW. Where it refuses, the list is as it was.
 */
export const RENEW_LISTED = script(
  renewal(
    'local entryLife, device, how = table.remove(ARGV, 2), table.remove(ARGV, 2), table.remove(ARGV, 2)',
    jointEntry('KEYS[3]', idOf('KEYS[2]'), 'entryLife', 'device', 'how', idOf('KEYS[1]')),
  ),
);

/**
 * Each command that it needs is run before the record moves, to no effect, so that one which a server has no room for, or no longer
 * lets this user run, leaves the session where it was.
 * @param first Takes arguments out that are in front of its own. @param also What is done once it is sure that it will be.
 */
function renewal(first = '', also = ''): string {
  return `${IN_TIME}
${first}${REST_OF_TELLING}
local old, new = KEYS[1], KEYS[2]
local f = redis.call('HMGET', old, '@v', '@ended', '@info', '@size', ARGV[13] or '@size')
${standing('old', 'f[1]', 'f[2]')}
if redis.call('EXISTS', new) == 1 then return {-6} end
${withinLimits('old', 'f[4]', 'f[5]', 5, 13, 'ARGV[12]')}
if ARGV[2] ~= '' then idle = ARGV[2] end
if ARGV[3] == '1' then authenticated = '1' end
copy = ARGV[4]${limitCopy('copy')}
local life = math.max(ARGV[7], ARGV[9])
if nodes == '1' then life = math.max(life, ARGV[8]) end
nodes = copy == '0' and '0' or '1'
local info = f[3] or ''
if ARGV[10] ~= '' then
  local created, codec = string.match(info, '^(%d+) %d+ (%S+) ')
  if not created then return {0} end
  info = string.format('%s %.0f %s ', created, now, codec) .. ARGV[10]
  till = ARGV[11] == '0' and '0' or string.format('%.0f', now + ARGV[11] * 1000)
end
local ttl${TTL}
redis.call('HSET', old, '@used', this)
if ttl <= 0 then
  redis.call('DEL', old)
  return {0}
end
redis.call('PEXPIRE', old, string.format('%d', ttl))
${also === '' ? '' : "redis.call('RENAME', old, old)"}
if ${also === '' ? '' : "how ~= '' or "}#ARGV > 12 + ARGV[12] * 2 then redis.call('HDEL', old, '@next') end
${also}
redis.call('RENAME', old, new)
${change('new', `'@v', ${putTogether('new')}, '@info', info, ${SIZE_PAIR}`, 13, 'ARGV[12]')}
redis.call('HSET', old, '@ended', this, '@next', ${idOf('new')})
if ARGV[10] == '' then redis.call('HSET', old, '@follow', ARGV[9] == '0' and 0 or now + ARGV[9]) end
redis.call('PEXPIRE', old, life)
${tell("(ARGV[10] == '' and 'regenerated' or 'authenticated')", idOf('new'), idOf('old'), 'ARGV[10]')}
return {1, now, tonumber(till)}
`;
}

/**
 * Writes or removes one attribute if its bytes are still those expected.
 * KEYS record · ARGV deadline, authenticated 1 or 0, copy seconds or 0, limit of the size or 0, bytes of each
 * attribute that do not count, 1 if bytes are expected or 0 if none, the expected bytes, 1 if bytes are to be written
 * or 0 to remove, field, the new bytes if any.
 * Reply: that of a write, or {-2, the bytes that are there or nil}.
 */
export const COMPARE_AND_SET = script(`${UNLESS_LATE}
local key = KEYS[1]
local f = redis.call('HMGET', key, '@v', '@ended', ARGV[9], '@size')
${standing('key', 'f[1]', 'f[2]')}
if f[3] ~= (ARGV[6] == '1' and ARGV[7]) then return {-2, f[3]} end
${withinLimits('key', 'f[4]', 'f[3]', 4, 9, 'ARGV[8]')}
if ARGV[8] == '1' then
  redis.call('HSET', key, '@used', this, ${SIZE_PAIR}, ARGV[9], ARGV[10])
else
  redis.call('HSET', key, '@used', this)
  redis.call('HDEL', key, ARGV[9])
end
${changeLimits('key', "''", 'ARGV[2]', 'ARGV[3]')}
${written('key')}
`);

/**
 * Removes a session, and where it was renewed meanwhile, what it became, under whichever id, and leaves a tombstone of each.
 * Works on a full Redis, since a removal comes first, if only of a field that a record does not have. A tombstone that is there already stays for as long as it would
 * have, so that nobody keeps one alive by logging out again, but leads nowhere any more. A late end would take with it the
 * login that followed the refused one, so it has a deadline like any write.
 *
 * All of it is one step, or nothing is done: where a tombstone leads to an id whose key is none of KEYS, the reply names it,
 * and the caller asks again with that key as well. A caller that dies in between has ended nothing, and the tombstone
 * still leads to the session, so that the next try finds it. The record becomes its tombstone without being deleted: a cluster that
 * moves the slot takes a key that is missing to be moved already, and refuses to touch it. Only what is no record is deleted, and
 * what a script was refused in the middle then does when it runs again, on the other node.
 * KEYS record, then where its tombstones lead to as far as the caller knows · ARGV deadline, what a key begins with before the
 * tag, life of a tombstone in ms, the same where nodes may hold copies in memory, which is where an unknown id gets one too
 * (0: no node does), life of the tombstone of any unknown id (0: none), 1 to follow logins or 0, what is told of it.
 * Reply: {1, now, what was found}: 1: removed, 2: removed under another id, -1: it had ended before, 0: there was none;
 * or {1, now, 0, id, n}: nothing is done yet, since the n-th of the keys leads to that id; or {-3, now}: too late.
 */
export const DESTROY = script(
  `${TELLING}
local found, reply = {}, 0
for i, key in ipairs(KEYS) do
  local f = redis.pcall('HMGET', key, '@v', '@ended', '@next', '@follow')
  if f.err then f = {} end
  local next = f[2] and f[3] and (f[4] or ARGV[6] == '1') and f[3]
  found[i] = {f[1], f[2], next}
  if not next then break end
  if KEYS[i + 1] ~= ARGV[2] .. '{' .. string.sub(next, 1, 4) .. '}' .. string.sub(next, 5) then
    return {1, now, 0, next, i}
  end
end
for i, f in ipairs(found) do
  local key = KEYS[i]
  if f[2] then
    if f[3] then redis.call('HDEL', key, '@next', '@follow') end
    if reply == 0 then reply = -1 end
  else
    local life = f[1] and tonumber(ARGV[3]) or tonumber(ARGV[5])
    if f[1] then reply = reply == -1 and 2 or 1 end
    if not f[1] or string.sub(f[1], -2) == ' 1' then life = math.max(life, ARGV[4]) end
    if f[1] then
      redis.call('HDEL', key, '@next')
      redis.call('HSET', key, '@ended', this)
      local all, names = redis.call('HGETALL', key), {}
      for j = 1, #all, 2 do
        if all[j] ~= '@ended' then names[#names + 1] = all[j] end
      end
      for j = 1, #names, 1000 do redis.call('HDEL', key, unpack(names, j, math.min(j + 999, #names))) end
    else
      redis.call('DEL', key)
      if life > 0 then redis.call('HSET', key, '@ended', this) end
    end
    if life > 0 then redis.call('PEXPIRE', key, life) end
    if f[1] then ${tell('ARGV[7]', idOf('key'))} end
  end
end
return {1, now, reply}
`,
  { isRepeatable: true },
);

/**
 * Tells the other nodes something that changes nothing here.
 * KEYS any · ARGV channel, message.
 */
export const TELL = scriptOf(`
redis.pcall('PUBLISH', ARGV[1], ARGV[2])
return 1
`);

/**
 * Moves what is under a session's key out of the way, if it is not a sound record of that session: a reply that was
 * read as such may have been meant for another request. Leaves tombstones, and records of a newer version, alone.
 * KEYS record, where to · ARGV life there in ms, 1 if the record names its own session and is damaged, or 0.
 * Reply: 1 if it was moved.
 */
export const QUARANTINE = script(`
local key, aside = KEYS[1], KEYS[2]
if redis.call('EXISTS', key) == 0 then return 0 end
local f = redis.pcall('HMGET', key, '@v', '@ended')
if not f.err then
  if f[2] or ${versionOf('f[1]')} > ${FORMAT_VERSION} then return 0 end
  if ARGV[2] == '0' and ${isOwn('f[1]', 'key')} then return 0 end
end
redis.call('RENAME', key, aside)
redis.call('PEXPIRE', aside, ARGV[1])
return 1
`);

export function script(lua: string, { isRepeatable = false } = {}): Script {
  return scriptOf(lua, { hasDeadline: lua.includes(IN_TIME), isRepeatable });
}
