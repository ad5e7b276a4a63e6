import { eventually } from './eventually.js';
import { redisClient } from './redis-client.js';
import { startRedis, type RedisProcess } from './redis-server.js';

/** A server of a cluster that has all of its slots, which can be reached as if it were alone, but for scripts across slots. */
export async function startLoneClusterNode(): Promise<RedisProcess> {
  const node = await startRedis({ args: ['--cluster-enabled', 'yes'] });
  const admin = redisClient(node.port);
  await admin.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
  await eventually('the cluster is up', async () =>
    String(await admin.call('CLUSTER', 'INFO')).includes('cluster_state:ok') ? true : undefined,
  );
  return node;
}
