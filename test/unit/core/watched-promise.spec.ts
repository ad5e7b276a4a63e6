import { expect, it } from '@jest/globals';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { SessionGoneError } from '../../../lib/core/errors.js';
import { WatchedPromise } from '../../../lib/core/watched-promise.js';
import { CoreFixture } from './helpers.js';

const trap = (): never => {
  throw new Error('looked at');
};
/** What an application may throw, and nobody can look at. */
const HOSTILE = [
  new Proxy(new Error('hidden'), { getPrototypeOf: trap, get: trap }),
  Object.defineProperty(new Error('hidden'), 'message', { get: trap }),
];

it.each(HOSTILE.map((error, at) => [at, error]))(
  'a failure that cannot be looked at is one, %#',
  async (_at, error) => {
    const left: WatchedPromise<unknown>[] = [];
    const look = (each: unknown): unknown =>
      each instanceof SessionGoneError ? each : (each as Error).message;
    const promise = WatchedPromise.of(Promise.reject(error as Error), look, (each) => void left.push(each));
    await nextTurn();
    expect(left).toHaveLength(1);
    expect(promise.unseenFailure?.message).toBe('unknown failure');
    // In a list: a promise asks what it resolves to for its `then`.
    const [thrown] = await promise.then(
      () => [],
      (each: unknown) => [each],
    );
    expect(thrown === error).toBe(true);
    expect(promise.unseenFailure).toBe(undefined);
  },
);

it('an update that fails so, and that nobody awaits, is told, and fails its response', async () => {
  const fixture = new CoreFixture();
  const browser = fixture.browser();
  await browser.visit((session) => (session['a'] = 1));
  for (const error of HOSTILE) {
    const request = await browser.request();
    void request.session.update('a', () => {
      throw error;
    });
    await expect(request.answer()).rejects.toThrow('unknown failure');
    await nextTurn();
    expect(fixture.lines.at(-1)).toMatch(/update\(\) failed, and nobody awaited it: unknown failure$/);
  }
});

it('what is awaited in time is told by nobody else', async () => {
  const fixture = new CoreFixture();
  const browser = fixture.browser();
  await browser.visit((session) => (session['a'] = 1));
  fixture.lines.length = 0;
  const request = await browser.request();
  await expect(request.session.update('a', () => () => 1)).rejects.toThrow('cannot be stored');
  expect(request.session.save()).toBeInstanceOf(Promise);
  await request.answer();
  await nextTurn();
  expect(fixture.lines.filter((line) => line.startsWith('warn'))).toEqual([]);
});
