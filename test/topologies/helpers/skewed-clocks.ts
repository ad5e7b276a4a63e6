import type { RedisClient } from '../../../lib/redis/client.js';
import * as general from '../../../lib/redis/script.js';
import * as ofBeginnings from '../../../lib/stores/redis/create-scripts.js';
import * as ofLists from '../../../lib/stores/redis/index-scripts.js';
import * as ofSessions from '../../../lib/stores/redis/scripts.js';

const SCRIPTS = Object.values({ ...general, ...ofSessions, ...ofBeginnings, ...ofLists }).filter(
  (value): value is general.Script => typeof value === 'object' && 'sha1' in value,
);

/**
 * Makes the scripts that a client runs believe that the clocks of the servers are wrong: they run on the real servers, and
 * read their time through what it is off by, in milliseconds, by the port of the server.
 */
export function skewClocks(client: RedisClient, offByMs: Readonly<Record<number, number>>): void {
  const table = Object.entries(offByMs).map(([port, ms]) => `['${port}']=${ms}`);
  const skewed = `(function()
    local t = redis.call('TIME')
    local port = string.match(redis.call('INFO', 'server'), 'tcp_port:(%d+)')
    local ms = t[1] * 1000 + math.floor(t[2] / 1000) + (({${table.join(',')}})[port] or 0)
    return {math.floor(ms / 1000), ms % 1000 * 1000}
  end)()`;
  const callBuffer = client.callBuffer.bind(client);
  client.callBuffer = ((name: string, script: string, ...rest: (string | number | Buffer)[]) => {
    if (name !== 'evalsha') return callBuffer(name, script, ...rest);
    const { lua } = SCRIPTS.find(({ sha1 }) => sha1 === script) as general.Script;
    return callBuffer('eval', lua.replace("redis.call('TIME')", skewed), ...rest);
  }) as RedisClient['callBuffer'];
}
