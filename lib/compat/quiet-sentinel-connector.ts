import { SentinelConnector, type SentinelConnectionOptions } from 'ioredis';
import type { EventEmitter } from 'node:events';

/** The part of ioredis's connector that makes a client of one sentinel. */
type ConnectToSentinel = (this: unknown, address: unknown, options?: object) => EventEmitter;

/**
 * ioredis's own connector, but for two things about its connections to sentinels. It prints nothing: its failover detector
 * gives nobody a chance to hear of their errors, and each would be written to the console with a stack. What matters of them,
 * that no sentinel names the master, is told by the client. And they end as soon as that client does, where each that has
 * failed would keep the process alive for 2 s.
 */
export class QuietSentinelConnector extends SentinelConnector {
  constructor(options: unknown) {
    super(options as SentinelConnectionOptions);
    const { disconnectTimeout } = options as { readonly disconnectTimeout?: number };
    const connect = Reflect.get(this, 'connectToSentinel') as ConnectToSentinel;
    Reflect.set(this, 'connectToSentinel', (address: unknown, more?: object) => {
      const client = connect.call(this, address, {
        ...(disconnectTimeout !== undefined && { disconnectTimeout }),
        ...more,
      });
      client.on('error', () => undefined);
      return client;
    });
  }
}
