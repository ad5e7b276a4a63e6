/**
 * The rules of a Redis ACL user that suffice for everything this package does, for any topology. Beside them the user
 * needs its password, the keys and the channel: `user shop on >… ~<prefix>* resetchannels &<prefix>events <these>`, where the
 * prefix is `session:` or `<clusterId>:session:`. The commands that scripts run are checked as well.
 *
 * `info` serves ioredis's wait for a server that loads its data, and a warning at boot; `wait` only logouts that
 * replicas confirm; `cluster` only a cluster; `publish`, `subscribe` and the channel only events of other nodes, and the ends
 * of guests' sessions that a node does not know.
 */
export const LEAST_PRIVILEGES =
  '-@all +ping +role +info +quit +cluster|slots +cluster|info +readonly +asking +select ' +
  '+hgetall +evalsha +eval +time +hmget +hset +hdel +hlen +del +pexpire +pttl +exists +rename +scan +wait ' +
  '+publish +subscribe';
