import { expect, it } from '@jest/globals';
import { EventEmitter } from 'node:events';
import type { RedisClient } from '../../../lib/redis/client.js';
import { NodeCauses } from '../../../lib/redis/node-causes.js';

it('a node that is loading its data set is known for it until it is ready', () => {
  const cluster = Object.assign(new EventEmitter(), { isCluster: true, options: {} });
  const causes = new NodeCauses(cluster as unknown as RedisClient);
  const node = Object.assign(new EventEmitter(), { options: { host: 'a', port: 1 } });
  cluster.emit('+node', node);
  expect(causes.of('a:1')).toBeUndefined();
  node.emit('loading');
  expect(causes.of('a:1')?.reason).toBe('LOADING');
  expect(causes.of('b:1')).toBeUndefined();
  node.emit('ready');
  expect(causes.of('a:1')).toBeUndefined();
});
