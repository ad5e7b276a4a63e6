/**
 * The rules of a Redis ACL user that suffice for everything this package does, for any topology. Beside them the user
 * needs its password and the keys: `user shop on >… ~<prefix>* resetchannels <these>`, where the prefix is `session:` or
 * `<clusterId>:session:`. The commands that scripts run are checked as well.
 *
 * `info` serves ioredis's wait for a server that loads its data, and a warning at boot; `wait` only logouts that
 * replicas confirm; `cluster` only a cluster.
 */
export const LEAST_PRIVILEGES =
  '-@all +ping +role +info +quit +cluster|slots +cluster|info +readonly +asking +select ' +
  '+hgetall +evalsha +eval +time +hmget +hset +hdel +del +pexpire +exists +rename +wait';
