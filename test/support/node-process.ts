import { clearTimeout, setTimeout } from 'node:timers';
import { startChild, type Exit, type ManagedChild } from './child-process.js';

/** What {@link startNode} can be asked for. */
export interface NodeOptions {
  /** Arguments of the script. */
  args?: readonly string[] | undefined;
  /** Options of Node itself, before the script. */
  execArgv?: readonly string[] | undefined;
  /** The environment: PATH, HOME and TMPDIR of this process, and this. Nothing else leaks in. */
  env?: Readonly<Record<string, string>> | undefined;
  cwd?: string | undefined;
}

/** A program of its own: a node of a cluster, an application that is shut down. Ended when the test file ends. */
export interface NodeProcess {
  /** The id of the running process; after a restart, the new one's. */
  readonly pid: number;
  readonly exited: Promise<Exit>;
  /** What it has written (both streams) since its last start. */
  readonly output: () => string;
  /** The first match in what it has written since its last start, now or later. Rejects when it ends before, or late. */
  readonly waitFor: (pattern: RegExp, withinMs?: number) => Promise<RegExpMatchArray>;
  /** Sends a signal (default SIGTERM) and waits for the end; after 5 s, SIGKILL. */
  readonly kill: (signal?: NodeJS.Signals) => Promise<Exit>;
  /** Sends a signal and does not wait. */
  readonly signal: (signal: NodeJS.Signals) => void;
  /** Ends it in order if it runs, and starts the same script with the same environment. */
  readonly restart: () => Promise<void>;
}

/** Starts a script in Node. Resolves once the process runs: use `waitFor` to know when it is ready. */
export async function startNode(script: string, options: NodeOptions = {}): Promise<NodeProcess> {
  const { PATH = '', HOME = '', TMPDIR } = process.env;
  const launch = (): Promise<ManagedChild> =>
    startChild(process.execPath, [...(options.execArgv ?? []), script, ...(options.args ?? [])], {
      env: { PATH, HOME, ...(TMPDIR !== undefined && { TMPDIR }), ...options.env },
      cwd: options.cwd,
    });
  let child = await launch();
  return {
    get pid() {
      return child.pid;
    },
    get exited() {
      return child.exited;
    },
    output: () => child.output(),
    waitFor: (pattern, withinMs = 240_000) => waitForOutput(child, pattern, withinMs),
    kill: (signal) => child.end(signal),
    signal: (signal) => child.signal(signal),
    restart: async () => {
      await child.end('SIGTERM');
      child = await launch();
    },
  };
}

function waitForOutput(child: ManagedChild, pattern: RegExp, withinMs: number): Promise<RegExpMatchArray> {
  return new Promise((resolve, reject) => {
    const giveUp = (what: string): void => {
      stop();
      reject(
        new Error(
          `Test helper: the process ${what} before it wrote ${String(pattern)}. Output:\n${child.output()}`,
        ),
      );
    };
    const look = (): void => {
      const found = child.output().match(pattern);
      if (!found) return;
      stop();
      resolve(found);
    };
    const unlisten = child.onOutput(look);
    const timer = setTimeout(() => giveUp(`took over ${withinMs} ms`), withinMs);
    const stop = (): void => {
      clearTimeout(timer);
      unlisten();
    };
    look();
    void child.exited.then(() => giveUp('ended'));
  });
}
