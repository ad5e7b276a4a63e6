import { type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';

const RESTART_DELAY_MS = 500;
const STOP_TIMEOUT_MS = 8000;

/** What to keep running, and whom to tell. */
export interface SupervisedOptions<Ready> {
  readonly name: string;
  /** Starts the process. */
  readonly launch: () => ChildProcess;
  /** Finds, in a message from the process or in a line it printed, that it is ready. */
  readonly readiness: (
    signal: { readonly message: unknown } | { readonly line: string },
  ) => Ready | undefined;
  readonly onUp: (ready: Ready) => void;
  readonly onDown: () => void;
  readonly log: (text: string) => void;
  /** Whether each line the process prints is shown. What it printed before it failed to start always is. */
  readonly showOutput: boolean;
}

/** One child process that is started again whenever it dies, until it is stopped. */
export class Supervised<Ready> {
  private child: ChildProcess | undefined;
  private stopping = false;

  constructor(private readonly options: SupervisedOptions<Ready>) {}

  /** The process id, while it runs. */
  get pid(): number | undefined {
    return this.child?.pid;
  }

  /** Starts it; resolves once it is ready. Rejects if the first start fails, having shown what the process said. */
  async start(): Promise<Ready> {
    const { name, log, readiness, showOutput } = this.options;
    const child = this.options.launch();
    this.child = child;
    const said: string[] = [];
    let up = false;

    return new Promise<Ready>((resolve, reject) => {
      const look = (ready: Ready | undefined): void => {
        if (up || ready === undefined || this.stopping) return;
        up = true;
        this.options.onUp(ready);
        resolve(ready);
      };
      const onLine = (line: string): void => {
        if (showOutput) log(`[${name}] ${line}`);
        else if (!up) said.push(line);
        look(readiness({ line }));
      };
      child.on('message', (message) => look(readiness({ message })));
      for (const stream of [child.stdout, child.stderr]) if (stream) eachLine(stream, onLine);
      child.on('error', (error) => {
        if (child.pid === undefined) this.child = undefined;
        reject(new Error(`${name} could not be started: ${error.message}`));
      });
      // 'close' and not 'exit': by then everything the process printed has been read.
      child.once('close', (code, signal) => {
        this.child = undefined;
        if (up) this.options.onDown();
        if (this.stopping) return reject(new Error(`${name} was stopped.`));
        const how = signal === null ? `exited with code ${code}` : `was killed by ${signal}`;
        if (up) {
          log(`${name} (pid ${child.pid}) ${how}. Starting it again.`);
          void this.restart();
        } else {
          reject(
            new Error(
              [
                `${name} ${how} before it was ready${showOutput ? ': see its output above' : ''}.`,
                ...said,
              ].join('\n  '),
            ),
          );
        }
      });
    });
  }

  /** Asks it to stop, and after some seconds makes it. Resolves once it is gone. */
  async stop(): Promise<void> {
    this.stopping = true;
    const { child } = this;
    if (child === undefined) return;
    const closed = once(child, 'close');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    child.kill('SIGTERM');
    await closed;
    clearTimeout(timer);
  }

  private async restart(): Promise<void> {
    while (!this.stopping) {
      await delay(RESTART_DELAY_MS, undefined, { ref: false });
      if (this.stopping) return;
      try {
        await this.start();
        this.options.log(`${this.options.name} is back (pid ${this.pid}).`);
        return;
      } catch (error) {
        if (!this.stopping) this.options.log(`${(error as Error).message} Trying again.`);
      }
    }
  }
}

function eachLine(stream: NodeJS.ReadableStream, onLine: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    lines.forEach(onLine);
  });
  stream.on('end', () => {
    if (rest !== '') onLine(rest);
  });
}
