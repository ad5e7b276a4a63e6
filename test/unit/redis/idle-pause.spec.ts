import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { once } from 'node:events';
import { stat } from 'node:fs';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { IdlePause } from '../../../lib/redis/idle-pause.js';
import { onCleanup } from '../../support/cleanup.js';

describe('IdlePause', () => {
  let now = 0;
  beforeEach(() => {
    now = 0;
    jest.spyOn(performance, 'now').mockImplementation(() => now);
  });
  afterEach(() => {
    jest.restoreAllMocks();
  });

  it('is none where there was a command a moment ago', () => {
    const pause = new IdlePause();
    now = 999;
    expect(pause.take()).toBeUndefined();
    now = 1998;
    expect(pause.take()).toBeUndefined();
  });

  it('is one for all that ask in the same turn', async () => {
    const pause = new IdlePause();
    now = 1000;
    const first = pause.take();
    expect(first).toBeInstanceOf(Promise);
    expect(pause.take()).toBe(first);
    await first;
    expect(pause.take()).toBeUndefined();
  });

  it('lasts until an end is read that came after this turn had looked at its sockets', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    onCleanup(() => server.close());
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1').resume();
    const [[peer]] = await Promise.all([accepted, once(client, 'connect')]);
    const pause = new IdlePause();
    now = 1000;
    // A callback of the phase in which sockets are read.
    await new Promise<void>((resolve) => {
      stat('.', () => {
        peer.destroy();
        void pause.take()?.then(resolve);
      });
    });
    expect(client.writable).toBe(false);
  });
});
