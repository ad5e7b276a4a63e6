import { expect, it } from '@jest/globals';
import { isTryAgain } from '../../../lib/redis/failure.js';

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
