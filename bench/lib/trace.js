/** What a piece of work passes on its way: files of one directory that ran, and promises that wait for each other. */
import { Session } from 'node:inspector';
import { pathToFileURL } from 'node:url';
import { promiseHooks } from 'node:v8';

/** Tells the files of a directory (an URL) in text that names files, in its order, without directory and `.js`. */
export function filesOf(directory, text) {
  const names = [...text.matchAll(/(?:file:\/\/)?\/[^\s()]*?\.js/g)].map(([name]) => name);
  return names
    .map((name) => (name.startsWith('file:') ? name : pathToFileURL(name).href))
    .filter((name) => name.startsWith(directory.href))
    .map((name) => name.slice(directory.href.length, -'.js'.length));
}

/** Which files of a directory ran any code. */
export class Coverage {
  #session = new Session();
  #directory;

  constructor(directory) {
    this.#directory = directory;
    this.#session.connect();
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
  }

  /** Those that did since this was asked last. An inspector of the own thread answers at once. */
  take() {
    let files = [];
    this.#session.post('Profiler.takePreciseCoverage', (error, answer) => {
      if (error) throw error;
      const ran = answer.result.filter(({ functions }) =>
        functions.some(
          ({ functionName, ranges: [{ count, startOffset }] }) =>
            // The module's own code ran when it was loaded.
            count > 0 && (functionName !== '' || startOffset > 0),
        ),
      );
      files = ran.flatMap(({ url }) => filesOf(this.#directory, url));
    });
    return files;
  }
}

/** Who waits for whom among promises. */
export class PromiseTrace {
  #directory;
  #known = new WeakMap();
  /** The jobs that run, the innermost last. */
  #jobs = [];
  #stop;

  constructor(directory) {
    this.#directory = directory;
  }

  start() {
    this.#stop = promiseHooks.createHook({
      init: (promise, parent) =>
        this.#known.set(promise, { parent, madeBy: this.#maker(), job: undefined, order: 0 }),
      before: (promise) => void this.#jobs.push(promise),
      after: () => void this.#jobs.pop(),
      settled: (promise) => {
        const known = this.#known.get(promise);
        if (known !== undefined) known.job = this.#jobs.at(-1);
      },
    });
  }

  stop() {
    this.#stop?.();
  }

  /** The promises that code of the directory made, from this one on to the last that it waited for. */
  behind(promise) {
    const made = [];
    const seen = new Set();
    for (let at = promise; at !== undefined && !seen.has(at); at = this.#before(at)) {
      seen.add(at);
      const by = this.#known.get(at)?.madeBy;
      if (by !== undefined) made.push(by);
    }
    return made;
  }

  /** The promise that this one waited for: whose `then` or `await` made the job that settled it. */
  #before(promise) {
    const known = this.#known.get(promise);
    const job = known?.job;
    return job === undefined || job === promise ? known?.parent : this.#known.get(job)?.parent;
  }

  /** The function that makes a promise at this moment, if it is one of the directory. */
  #maker() {
    const frames = new Error().stack
      .split('\n')
      .slice(1)
      .filter((frame) => !frame.includes(import.meta.url));
    const frame = frames.find((line) => line.includes('.js') && !line.includes('node:'));
    const [file] = frame === undefined ? [] : filesOf(this.#directory, frame);
    return file && `${file} ${/at (?:async )?(?:new )?(\S+) \(/.exec(frame)?.[1] ?? ''}`.trim();
  }
}
