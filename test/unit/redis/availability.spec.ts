import { describe, expect, it } from '@jest/globals';
import { Availability } from '../../../lib/redis/availability.js';
import { cause } from '../../../lib/redis/failure.js';

const REFUSED = cause('ECONNREFUSED');
const REMEDY = 'Check REDIS_SESSION_CLUSTER_NODES, and that the server is up.';

function start(): { lines: string[]; whole: Availability; node: Availability; minute: () => void } {
  const lines: string[] = [];
  let due: (() => void)[] = [];
  const note = (line: string): void => void lines.push(line);
  const whole = new Availability(
    { address: 'a:1, b:1', via: 'cluster' },
    { log: note, warn: note, debug: () => undefined },
    (_milliseconds, call) => {
      due.push(call);
      return () => undefined;
    },
  );
  return {
    lines,
    whole,
    node: whole.ofNode('a:1'),
    minute: () => {
      const calls = due;
      due = [];
      for (const call of calls) call();
    },
  };
}

describe('requests that fail before it is known that Redis is away', () => {
  it('are told at once, each reason of its own, and then once a minute', () => {
    const { lines, node, minute } = start();
    for (let n = 0; n < 3; n += 1) node.failed(REFUSED);
    node.failed(cause('WRONGPASS'));
    expect(lines.splice(0)).toEqual([
      `A request with a session got 503: Redis at a:1: ECONNREFUSED. ${REMEDY}`,
      expect.stringMatching(/^A request with a session got 503: Redis at a:1: WRONGPASS/),
    ]);
    minute();
    expect(lines.splice(0)).toEqual([
      `2 requests with a session more got 503: Redis at a:1: ECONNREFUSED. ${REMEDY}`,
    ]);
    minute();
    expect(lines).toEqual([]);
  });

  it('are not told where that is known, of the node or of all of the cluster', () => {
    const { lines, whole, node, minute } = start();
    for (let n = 0; n < 2; n += 1) node.failed(REFUSED);
    node.gone(REFUSED);
    node.failed(REFUSED);
    minute();
    expect(lines.splice(0)).toEqual([
      expect.stringMatching(/^A request with a session got 503/),
      expect.stringMatching(/^Redis at a:1: ECONNREFUSED\. Requests whose/),
    ]);
    node.back();
    lines.length = 0;
    whole.gone(cause('CLUSTER_DOWN'));
    node.failed(REFUSED);
    node.gone(REFUSED);
    expect(lines.splice(0)).toEqual([expect.stringMatching(/^Redis at a:1, b:1: no node of the cluster/)]);
    // It is asked again and again, and still away when others are back.
    whole.back();
    lines.length = 0;
    node.gone(REFUSED);
    expect(lines).toEqual([expect.stringMatching(/^Redis at a:1: ECONNREFUSED\. Requests whose/)]);
  });
});
