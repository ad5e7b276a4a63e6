import { describe, expect, it } from '@jest/globals';
import { createServer } from 'node:http';
import { beforeUpgrades } from '../../../lib/http/upgrades.js';

const noop = (): void => undefined;

describe('before upgrades', () => {
  it('comes first, whether others were there before or come later, and is called once', () => {
    for (const isBefore of [true, false]) {
      const server = createServer();
      const calls: string[] = [];
      const other = (): void => void calls.push('other');
      if (isBefore) server.on('upgrade', other);
      beforeUpgrades(server, () => calls.push('ours'));
      if (!isBefore) server.on('upgrade', other);
      server.on('upgrade', () => calls.push('another'));
      server.emit('upgrade');
      expect(calls).toEqual(['ours', 'other', 'another']);
    }
  });

  it('is not there alone: an Upgrade header changes nothing on a server without sockets', () => {
    const server = createServer();
    beforeUpgrades(server, noop);
    server.on('request', noop);
    expect(server.listenerCount('upgrade')).toBe(0);
    for (const _ of [1, 2]) {
      server.on('upgrade', noop).on('upgrade', noop);
      expect(server.listenerCount('upgrade')).toBe(3);
      server.off('upgrade', noop);
      expect(server.listenerCount('upgrade')).toBe(2);
      server.off('upgrade', noop);
      expect(server.listenerCount('upgrade')).toBe(0);
    }
  });
});
