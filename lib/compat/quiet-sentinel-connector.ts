import { SentinelConnector, type SentinelConnectionOptions } from 'ioredis';
import type { EventEmitter } from 'node:events';

/** The part of ioredis's connector that makes a client of one sentinel. */
type ConnectToSentinel = (this: unknown, ...args: unknown[]) => EventEmitter;

/**
 * ioredis's own connector, but that it prints nothing: its failover detector gives nobody a chance to hear of the errors of
 * its connections to sentinels, and each would be written to the console with a stack. What matters of them, that no
 * sentinel names the master, is told by the client.
 */
export class QuietSentinelConnector extends SentinelConnector {
  constructor(options: unknown) {
    super(options as SentinelConnectionOptions);
    const connect = Reflect.get(this, 'connectToSentinel') as ConnectToSentinel;
    Reflect.set(this, 'connectToSentinel', (...rest: unknown[]) => {
      const client = connect.apply(this, rest);
      client.on('error', () => undefined);
      return client;
    });
  }
}
