import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Socket } from 'node:net';
import { clearTimeout, setTimeout } from 'node:timers';
import { onCleanup, runIfThisProcessDies } from './cleanup.js';

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A child process that cannot outlive the tests. */
export interface ManagedChild {
  readonly pid: number;
  readonly exited: Promise<Exit>;
  readonly isRunning: () => boolean;
  /** Everything it has written so far, both streams in order of arrival. */
  readonly output: () => string;
  /** Calls back on each piece of output; returns what stops that. */
  readonly onOutput: (listener: () => void) => () => void;
  /** Sends a signal to this process and no other; does nothing once it has ended. */
  readonly signal: (signal: NodeJS.Signals) => void;
  /** Sends a signal, wakes the process if it was stopped, and waits for its end: by SIGKILL when it takes over 5 s. */
  readonly end: (signal?: NodeJS.Signals) => Promise<Exit>;
}

const KILL_AFTER_MS = 5_000;

/** Starts a program. Rejects when it cannot be started at all (ENOENT). */
export async function startChild(
  command: string,
  args: readonly string[],
  options: { env?: NodeJS.ProcessEnv | undefined; cwd?: string | undefined } = {},
): Promise<ManagedChild> {
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(options.env && { env: options.env }),
    ...(options.cwd && { cwd: options.cwd }),
  });
  await once(child, 'spawn');
  const pid = child.pid;
  if (pid === undefined) throw new Error(`Test helper: ${command} was started and has no process id.`);

  let output = '';
  let running = true;
  const listeners = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      for (const listener of listeners) listener();
    });
    if (stream instanceof Socket) stream.unref();
  }
  child.unref();

  const release = runIfThisProcessDies('kill', '-9', String(pid));
  // 'close' and not 'exit': all output has been read by then.
  const exited = once(child, 'close').then(([code, signal]): Exit => {
    running = false;
    release();
    forget();
    return { code: code as number | null, signal: signal as NodeJS.Signals | null };
  });
  const send = (signal: NodeJS.Signals): void => {
    if (running) child.kill(signal);
  };
  const end = async (signal: NodeJS.Signals = 'SIGTERM'): Promise<Exit> => {
    child.ref();
    send(signal);
    send('SIGCONT');
    const timer = setTimeout(() => send('SIGKILL'), KILL_AFTER_MS);
    return exited.finally(() => clearTimeout(timer));
  };
  const forget = onCleanup(() => end('SIGKILL'));

  return {
    pid,
    exited,
    isRunning: () => running,
    output: () => output,
    onOutput: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    signal: send,
    end,
  };
}
