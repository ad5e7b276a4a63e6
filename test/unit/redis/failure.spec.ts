import { expect, it } from '@jest/globals';
import {
  cause,
  causeOf,
  causeOfReply,
  isOutage,
  isCutShort,
  isTryAgain,
  storeUnavailable,
  unavailable,
} from '../../../lib/redis/failure.js';

it.each([
  ['TRYAGAIN Multiple keys request during rehashing of slot', true],
  // As ioredis says it: which refusal it heard last is chance.
  ['Too many Cluster redirections. Last error: ReplyError: TRYAGAIN Multiple keys request', true],
  ['Too many Cluster redirections. Last error: ReplyError: MOVED 866 127.0.0.1:7001', true],
  ['Too many Cluster redirections. Last error: ReplyError: NOSCRIPT No matching script.', true],
  ['Too many Cluster redirections. Last error: Error: Connection is closed.', false],
  ['Too many Cluster redirections. Last error: ReplyError: CLUSTERDOWN The cluster is down', false],
  ['Connection is closed.', false],
  ['OOM command not allowed', false],
])('%s asks for patience: %p', (message, expected) => {
  expect(isTryAgain(new Error(message))).toBe(expected);
});

const refused = (message: string): Error => Object.assign(new Error(message), { name: 'ReplyError' });

it.each([
  'ERR Script attempted to access a non local key in a cluster node script: 1f, on @user_script:4.',
  'ERR Error running script (call to f_1f): @user_script:4: @user_script: 4: Lua script attempted to access a non local key in a cluster node',
])(
  'a script that was refused in the middle, "%s", is told from one that was not begun, and is no outage',
  (message) => {
    expect([isCutShort(refused(message)), isTryAgain(refused(message))]).toEqual([true, false]);
    const error = storeUnavailable(refused(message), { address: 'r:1', via: 'cluster' });
    expect(error).toMatchObject({ reason: 'TRYAGAIN', message: expect.not.stringContaining('1f') });
    expect(isOutage(error)).toBe(false);
  },
);

it.each(['TRYAGAIN Multiple keys request', 'MOVED 866 127.0.0.1:7001', 'NOSCRIPT No matching script.'])(
  'whichever refusal ioredis heard last, here %s: the slot is being moved',
  (last) => {
    const error = new Error(`Too many Cluster redirections. Last error: ReplyError: ${last}`);
    expect(causeOf(error).reason).toBe('TRYAGAIN');
  },
);

const coded = (code: string): Error => Object.assign(new Error('text of the system'), { code });

it.each([
  ['ECONNREFUSED', 'ECONNREFUSED'],
  ['ENOTFOUND', 'ENOTFOUND'],
  ['CERT_HAS_EXPIRED', 'CERT_HAS_EXPIRED'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'CERT_UNTRUSTED'],
  ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'CERT_REQUIRED'],
  ['ERR_SSL_WRONG_VERSION_NUMBER', 'TLS_MISMATCH'],
  ['E_SOMETHING_ELSE', 'CONNECTION_LOST'],
])('the code %s is the reason %s, shown by its own name, and an outage', (code, reason) => {
  expect(causeOf(coded(code))).toEqual({ reason, words: code });
  expect(isOutage(storeUnavailable(coded(code), { address: 'r:1', via: 'host' }))).toBe(true);
});

it.each([
  ['WRONGPASS invalid username-password pair', 'WRONGPASS', 'WRONGPASS', true],
  ['ERR max number of clients reached', 'MAXCLIENTS', 'max number of clients reached', true],
  ["NOPERM this user has no permissions to run the 'select' command", 'NOPERM', 'NOPERM for SELECT', false],
  ['NOPERM this user has no permissions to access one of the keys', 'NOPERM', 'NOPERM for its key', false],
  [
    "ERR The user executing the script can't run this command",
    'NOPERM',
    'NOPERM for a command of its scripts',
    false,
  ],
  [
    "ERR unknown command 'evalsha', with args beginning with: 'secret'",
    'UNKNOWN_COMMAND',
    'EVALSHA is unknown',
    false,
  ],
  ['OOM command not allowed', 'OOM', 'OOM', false],
  ['MOVED 866 10.0.0.1:7001', 'MOVED', 'MOVED', false],
  ['ERR secret', 'REFUSED', 'ERR', false],
  // Redis 7.0, and 6.2.
  ['WRONGTYPE Operation against secret script: 1f, on @user_script:4.', 'WRONGTYPE', 'WRONGTYPE', false],
  [
    'ERR Error running script (call to f_1f): @user_script:4: WRONGTYPE Operation against secret',
    'WRONGTYPE',
    'WRONGTYPE',
    false,
  ],
  [
    'ERR Error running script (call to f_1f): @user_script:4: @user_script: 4: -OOM command secret',
    'OOM',
    'OOM',
    false,
  ],
  [
    'DENIED Redis is running in protected mode because secret',
    'REFUSED',
    'DENIED: in protected mode it lets nobody in from other machines',
    false,
  ],
])('the reply "%s" is the reason %s, and nothing else of it is told', (reply, reason, words, outage) => {
  expect(causeOfReply(reply)).toEqual({ reason, words });
  const error = storeUnavailable(Object.assign(new Error(reply), { name: 'ReplyError' }), {
    address: 'r:1',
    via: 'host',
  });
  expect(error).toMatchObject({ reason, name: 'SessionStoreUnavailableError' });
  expect(error.message).not.toContain('secret');
  expect(isOutage(error)).toBe(outage);
});

it('where a client is injected no setting of ours is pointed at', () => {
  for (const failure of [coded('ECONNREFUSED'), coded('ENOTFOUND'), coded('ECONNRESET')]) {
    const { message } = storeUnavailable(failure, { address: 'r:1 (injected client)', via: 'client' });
    expect(message).toContain('redis.client');
    expect(message).not.toContain('REDIS_SESSION_HOST');
  }
});

it.each([
  'READONLY',
  'ECONNREFUSED',
  'TIMEOUT',
  'ENOTFOUND',
  'CONNECTION_LOST',
  'NOT_REDIS',
  'UNKNOWN',
] as const)(
  'what to do about %s names the settings by which the server was found, and no others',
  (reason) => {
    const text = (via: 'client' | 'sentinel' | 'cluster' | 'host'): string =>
      unavailable({ address: 'r:1', via }, cause(reason)).message;
    expect(text('client')).toContain('redis.client');
    expect(text('sentinel')).toContain('REDIS_SESSION_SENTINELS');
    expect(text('cluster')).toContain('REDIS_SESSION_CLUSTER_NODES');
    for (const via of ['client', 'sentinel', 'cluster'] as const)
      expect(text(via)).not.toMatch(/REDIS_SESSION_(HOST|PORT)/);
    expect(text('host')).toContain('REDIS_SESSION_HOST');
  },
);

it('silence over TLS may come of a server that does not speak it', () => {
  const text = (tls: boolean): string =>
    unavailable({ address: 'r:1', via: 'host', tls }, cause('TIMEOUT')).message;
  expect(text(true)).toContain('REDIS_SESSION_SSL_ENABLED');
  expect(text(false)).not.toContain('TLS');
});
