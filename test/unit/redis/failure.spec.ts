import { expect, it } from '@jest/globals';
import { causeOf, causeOfReply, isOutage, isTryAgain, storeUnavailable } from '../../../lib/redis/failure.js';

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
