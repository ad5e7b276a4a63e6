import { readdirSync } from 'node:fs';
import type { Program, State, Step } from './program.js';
import { until } from './patience.js';
import { runProgram } from './run.js';
import { TARGETS } from './targets/index.js';
import { WAYS, type TargetName } from './targets/names.js';
import type { Site } from './targets/target.js';

/** What must not grow. */
export interface Holdings {
  readonly descriptors: number;
  readonly heapBytes: number;
  /** Of the server, the process and the sockets' server. */
  readonly listeners: number;
}

const FILE: Step = {
  do: 'pipe',
  chunks: 0,
  bytes: 0,
  pace: 'at once',
  fails: false,
  awaited: false,
  file: true,
};

/** Where the client leaves, `pipe` keeps its source open in plain Node too. */
const PIPELINE: Step = { ...FILE, do: 'pipeline' };

/** Responses that end early, or as somebody else's: a file is piped into each. */
const KINDS: readonly (readonly [State, Program])[] = [
  ['slow', streamed(FILE)],
  ['fails', streamed(FILE)],
  ['fails late', streamed(PIPELINE)],
  ['slow', streamed(PIPELINE, { do: 'turn', turns: 1 }, { do: 'clientLeaves', how: 'reset' })],
  ['fails', streamed(PIPELINE, { do: 'turn', turns: 1 }, { do: 'clientLeaves', how: 'destroy' })],
  ['slow', streamed(PIPELINE, { do: 'turn', turns: 1 }, { do: 'destroy', error: false })],
];
/** Looks in a row that find as many descriptors, after which no more are closed. */
const SAME_LOOKS = 8;
/** Runs after which caches are full and code is compiled. */
const WARM_UP = 300;

/** What the process holds before and after so many responses of an application. */
export async function holdingsAround(name: TargetName, responses: number): Promise<[Holdings, Holdings]> {
  const fresh = await TARGETS[name].start(true);
  // One session for all, or the store itself would grow.
  const cookie = await fresh.cookie();
  const site = { ...fresh, cookie: () => Promise.resolve(cookie) };
  await respond(site, name, WARM_UP);
  const before = await holdings(site);
  await respond(site, name, responses);
  const after = await holdings(site);
  await site.close();
  return [before, after];
}

async function respond(site: Site, name: TargetName, count: number): Promise<void> {
  const ways = WAYS[name];
  for (let at = 0; at < count; at += 1) {
    const [state, program] = KINDS[at % KINDS.length] as (typeof KINDS)[number];
    await runProgram(site, ways[at % ways.length] ?? ways[0], program, state);
  }
}

async function holdings({ server }: Site): Promise<Holdings> {
  // Files are closed by other threads, which a loaded machine lets wait for longer than one look takes.
  for (let last = -1, looks = 0; looks < SAME_LOOKS; looks += 1) {
    const now = openDescriptors();
    if (now !== last) looks = 0;
    last = now;
    await until(() => false, { turns: 50, ms: 100 });
    globalThis.gc?.();
  }
  const listeners = [server, process].flatMap((emitter) =>
    emitter.eventNames().map((event) => emitter.listenerCount(event as never)),
  );
  return {
    descriptors: openDescriptors(),
    heapBytes: process.memoryUsage().heapUsed,
    listeners: listeners.reduce((sum, count) => sum + count, 0),
  };
}

function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

function streamed(...steps: Step[]): Program {
  return {
    request: { method: 'GET', version: '1.1', connection: 'default', body: 0, expectsContinue: false },
    way: 0,
    behind: false,
    careless: false,
    steps: [{ do: 'open' }, { do: 'touch' }, ...steps],
  };
}
