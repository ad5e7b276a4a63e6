import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Redis as Redis6 } from 'ioredis';
import { Redis as Redis5 } from 'ioredis-v5';
import { quietReadyCheck } from '../../../lib/compat/quiet-ready-check.js';

type Answer = (error: Error | null, info?: string) => void;

const LOADING = 'loading:1\r\nloading_eta_seconds:1\r\n';
const LOADED = 'loading:0\r\nrole:master\r\n';

afterEach(() => {
  jest.restoreAllMocks();
});

/** A canary for each ioredis: what breaks here has it print to the console again, or not wait for a server any more. */
describe.each([
  ['ioredis 6', Redis6],
  ['ioredis 5', Redis5 as unknown as typeof Redis6],
])('the ready check of %s', (_name, Redis) => {
  /** The outcome of the check of a client whose server answers INFO so, one after the other. */
  function check(
    ...answers: readonly (Error | string)[]
  ): Promise<{ error: unknown; info: unknown; asked: number; loading: number }> {
    const client = new Redis({ lazyConnect: true, maxLoadingRetryTime: 1 });
    let [asked, loading] = [0, 0];
    client.on('loading', () => (loading += 1));
    client.info = ((answer: Answer) => {
      const next = answers[asked++] ?? new Error('asked too often');
      if (typeof next === 'string') answer(null, next);
      else answer(next);
      return Promise.resolve('');
    }) as typeof client.info;
    quietReadyCheck(client);
    const ready = Reflect.get(client, '_readyCheck') as (
      answer: (error: unknown, info: unknown) => void,
    ) => void;
    return new Promise((resolve) =>
      ready.call(client, (error, info) => resolve({ error, info, asked, loading })),
    );
  }

  it('prints nothing where INFO is refused, and lets the client be used', async () => {
    const printed = jest.spyOn(console, 'warn').mockImplementation(() => undefined);
    const refused = new Error("NOPERM this user has no permissions to run the 'info' command");
    expect(await check(refused)).toEqual({ error: null, info: {}, asked: 1, loading: 0 });
    expect(printed).not.toHaveBeenCalled();
  });

  it('waits while the server loads its data, and says so', async () => {
    const { error, info, asked, loading } = await check(LOADING, LOADING, LOADED);
    expect([error, info, asked, loading]).toEqual([null, { loading: '0', role: 'master' }, 3, 2]);
  });

  it('tells of any other error', async () => {
    const error = new Error('NOAUTH Authentication required.');
    expect(await check(error)).toMatchObject({ error });
  });
});
