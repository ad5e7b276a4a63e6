import { EventEmitter } from 'node:events';
import type { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { StallDetector } from '../../../lib/redis/stall-detector.js';

const TIMEOUT_MS = 500;
const GRACE_MS = 250;

/** What the watch looks at of a client; a real one that is half open: test/faults/outage.spec.ts. */
class Line extends EventEmitter {
  status = 'connect';
  stream = { bytesRead: 0, destroy: jest.fn() };
  readonly watch = new StallDetector(this as unknown as Redis, TIMEOUT_MS);

  get isEnded(): boolean {
    return this.stream.destroy.mock.calls.length > 0;
  }

  hear(): void {
    this.stream.bytesRead += 1;
  }

  /** A line that is in use. */
  static ready(): Line {
    const line = new Line();
    line.hear();
    line.status = 'ready';
    return line;
  }
}

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

describe('a connection that is watched for silence', () => {
  it('ends a grace period after a command was late, if no byte came', () => {
    const line = Line.ready();
    line.watch.suspect();
    jest.advanceTimersByTime(GRACE_MS - 1);
    line.watch.suspect();
    expect(line.isEnded).toBe(false);
    jest.advanceTimersByTime(2);
    expect(line.stream.destroy).toHaveBeenCalledWith(
      new Error('no byte for 250 ms though an answer was due'),
    );
  });

  it('stays when it is only slow, and is looked at again when the next command is late', () => {
    const line = Line.ready();
    line.watch.suspect();
    line.hear();
    jest.advanceTimersByTime(10 * GRACE_MS);
    expect(line.isEnded).toBe(false);
    line.watch.suspect();
    jest.advanceTimersByTime(GRACE_MS + 1);
    expect(line.isEnded).toBe(true);
  });

  it('stays when the process itself was stuck and the answer had been there all the time', () => {
    const line = Line.ready();
    line.watch.suspect();
    // Timers first; reading comes between them and what setImmediate() was given.
    setTimeout(() => line.hear(), GRACE_MS);
    jest.advanceTimersByTime(GRACE_MS + 1);
    expect(line.isEnded).toBe(false);
  });

  it('is not to blame for a command that is late after it was lost', () => {
    const line = Line.ready();
    line.status = 'reconnecting';
    line.watch.suspect();
    jest.advanceTimersByTime(10 * GRACE_MS);
    expect(line.isEnded).toBe(false);
  });

  it('ends when nobody answers the handshake', () => {
    const line = new Line();
    line.emit('connect');
    jest.advanceTimersByTime(TIMEOUT_MS + GRACE_MS - 1);
    expect(line.isEnded).toBe(false);
    jest.advanceTimersByTime(2);
    expect(line.isEnded).toBe(true);
  });

  it('stays while a server loads and says so, and ends when it falls silent', () => {
    const line = new Line();
    line.emit('connect');
    for (let polls = 0; polls < 50; polls += 1) {
      jest.advanceTimersByTime(200);
      line.hear();
    }
    expect(line.isEnded).toBe(false);
    jest.advanceTimersByTime(2 * (TIMEOUT_MS + GRACE_MS) + 2);
    expect(line.isEnded).toBe(true);
  });

  it('is left alone once it is ready: idle is not silent', () => {
    const line = new Line();
    line.emit('connect');
    line.hear();
    line.status = 'ready';
    jest.advanceTimersByTime(100 * (TIMEOUT_MS + GRACE_MS));
    expect(line.isEnded).toBe(false);
  });
});
