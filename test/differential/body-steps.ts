import { createReadStream } from 'node:fs';
import { Readable, pipeline } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Deed, Deeds } from './deeds.js';
import { LONG, SHORT, turns, until, type Patience } from './patience.js';
import type { Step } from './program.js';
import { chunkOf } from './values.js';

type BodyStep = Omit<Extract<Step, { encoding?: unknown }>, 'do'>;
type StreamStep = Extract<Step, { pace: unknown }>;

/** Steps that bring a body. */
export const BODY_STEPS: Deeds<
  'write' | 'end' | 'produce' | 'pipe' | 'pipeline' | 'echo' | 'written' | 'answer' | 'next'
> = {
  write: (deed, step) => deed.call('write', ...bodyArguments(deed, step)),
  end: (deed, step) => deed.call('end', ...bodyArguments(deed, step)),

  // A producer that does as it is told: it waits for `drain`.
  produce: async ({ scene, response }, { chunks, bytes }) => {
    for (let written = 0; written < chunks; written += 1) {
      if (response.write(carried({ scene }, 'p'.repeat(bytes)))) continue;
      let drained = false;
      response.once('drain', () => (drained = true));
      openGateSoon(scene);
      const over = (): boolean => drained || scene.closed || response.writableEnded;
      if (!(await until(over, patienceOf(scene)))) return 'and no drain came';
    }
    return 'and all was written';
  },

  written: async ({ scene, response }) => {
    let called = false;
    response.write(carried({ scene }, 'w'), () => (called = true));
    openGateSoon(scene);
    const over = (): boolean => called || scene.closed;
    return (await until(over, patienceOf(scene))) ? 'and it was told' : 'and it was never told';
  },

  pipe: (deed, step) => {
    const source = sourceOf(deed, step);
    source.on('error', (error) => deed.scene.event(`${deed.name} source`, error));
    source.pipe(deed.response);
    return step.awaited ? comesToAnEnd(deed, source) : undefined;
  },

  pipeline: (deed, step) => {
    const source = sourceOf(deed, step);
    pipeline(source, deed.response, deed.scene.callback(`${deed.name} callback`));
    return step.awaited ? comesToAnEnd(deed, source) : undefined;
  },

  echo: ({ scene, response }) => void scene.exchange.request.pipe(response),

  answer: (deed, { as }) => {
    const { answer } = deed.scene.exchange;
    if (answer !== undefined) return void answer(as);
    const body = as === 'json' ? '{"a":1}' : as;
    if (as === 'redirect') deed.call('writeHead', 302, { Location: '/elsewhere' });
    else deed.call('setHeader', 'Content-Length', body.length);
    return deed.call('end', body);
  },

  next: ({ scene }) => scene.exchange.next?.(),
};

/** A producer may have to wait for a save: a client reads on, so that in time everything leaves. */
function openGateSoon({ surroundings }: Deed['scene']): void {
  void turns(2).then(() => surroundings.store?.openGate());
}

/** What comes in plain Node, comes there soon; with a session it has to come. */
function patienceOf({ mustComeToItsEnd }: Deed['scene']): Patience {
  return mustComeToItsEnd ? LONG : SHORT;
}

function bodyArguments(deed: Deed, { chunk, encoding, callback }: BodyStep): unknown[] {
  const args: unknown[] = chunk === undefined ? [] : [carried(deed, chunkOf(chunk))];
  if (encoding !== undefined && chunk !== undefined) args.push(encoding);
  if (callback) args.push(deed.scene.callback(`${deed.name} callback`));
  return args;
}

/** Several strings that leave together over HTTP/2 carry bytes of other memory on Node 20 and 24, so these are bytes there. */
function carried({ scene }: Pick<Deed, 'scene'>, chunk: unknown): unknown {
  const overHttp2 = scene.exchange.request.httpVersionMajor === 2;
  return overHttp2 && typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
}

/** Any file will do. */
const FILE = fileURLToPath(import.meta.url);

function sourceOf({ scene }: Deed, step: StreamStep): Readable {
  scene.producing += 1;
  const source = step.file === true ? createReadStream(FILE, { highWaterMark: 1000 }) : made(step);
  source.once('close', () => (scene.producing -= 1));
  return source;
}

function made({ chunks, bytes, pace, fails }: StreamStep): Readable {
  let count = 0;
  const source: Readable = new Readable({
    read() {
      const give = (): void => {
        count += 1;
        if (count <= chunks) source.push('s'.repeat(bytes));
        else if (fails) source.destroy(new Error('The source fails.'));
        else source.push(null);
      };
      if (pace === 'at once') give();
      else setImmediate(give);
    },
  });
  return source;
}

async function comesToAnEnd({ scene }: Deed, source: Readable): Promise<string> {
  openGateSoon(scene);
  const over = (): boolean => source.destroyed || scene.closed;
  return (await until(over, patienceOf(scene))) ? 'and the source came to its end' : 'and the source waits';
}
