import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** How long a question may take: a daemon that hangs is one that is not there. */
const QUESTION_MS = 10_000;

/** What the search for a Redis may ask of this machine, and do to it. */
export interface Machine {
  /** Whether this process may do everything. */
  readonly isRoot: boolean;
  /** Where on the PATH a program is; undefined: nowhere. */
  find(program: string): Promise<string | undefined>;
  /** Whether a command succeeds. Nothing of it is shown. */
  succeeds(command: string, ...args: string[]): Promise<boolean>;
  /** Runs a command and shows what it prints. Rejects where it fails; with an AbortError where the whole run is called off. */
  run(command: string, ...args: string[]): Promise<void>;
  /** Time for whoever reads along to say no. Rejects with an AbortError where the whole run is called off. */
  grace(): Promise<void>;
  /** Tells whoever started this. */
  say(text: string): void;
}

/** This machine. @param stopped Calls off what is under way. @param graceMs How long somebody has to say no. */
export function thisMachine(
  path: string | undefined,
  stopped: AbortSignal,
  graceMs: number,
  say: (text: string) => void,
): Machine {
  return {
    isRoot: process.getuid?.() === 0,
    find: (program) => findOnPath(program, path ?? ''),
    succeeds: (command, ...args) =>
      new Promise((resolve) => {
        const child = spawn(command, args, {
          stdio: 'ignore',
          timeout: QUESTION_MS,
          killSignal: 'SIGKILL',
          signal: stopped,
        });
        child.once('error', () => resolve(false)).once('close', (code) => resolve(code === 0));
      }),
    run: (command, ...args) => run(command, args, stopped),
    grace: () => delay(graceMs, undefined, { signal: stopped }),
    say,
  };
}

async function findOnPath(program: string, path: string): Promise<string | undefined> {
  const file = process.platform === 'win32' ? `${program}.exe` : program;
  for (const folder of path.split(delimiter).filter((it) => it !== '')) {
    const candidate = join(folder, file);
    const isThere = await access(candidate, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return candidate;
  }
  return undefined;
}

/**
 * Called off, it waits for the end: apt-get and docker stop in order when they are interrupted, and leave nothing half
 * done.
 */
async function run(command: string, args: readonly string[], stopped: AbortSignal): Promise<void> {
  stopped.throwIfAborted();
  const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  const stop = (): void => interrupt(child.pid);
  stopped.addEventListener('abort', stop);
  try {
    const how = await new Promise<string | undefined>((resolve, reject) => {
      child.once('error', reject).once('close', (code, signal) => {
        if (code === 0) resolve(undefined);
        else resolve(signal === null ? `exited with code ${code}` : `was ended by ${signal}`);
      });
    });
    stopped.throwIfAborted();
    if (how !== undefined) throw new Error(`${command} ${how}`);
  } finally {
    stopped.removeEventListener('abort', stop);
  }
}

function interrupt(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(pid, 'SIGINT');
  } catch {
    // It has ended, or runs as root by sudo, which takes no signal from anybody else.
    spawn('sudo', ['-n', 'kill', '-INT', String(pid)], { stdio: 'ignore' }).on('error', () => undefined);
  }
}
