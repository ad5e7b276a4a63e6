import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

type Cleanup = () => unknown;

const pending: Cleanup[] = [];

/**
 * Calls `cleanup` once, when the test file has ended, however it ended: last registered, first called.
 * Returns what takes it back (for what was closed earlier). Outside jest, call {@link cleanUp} at the end.
 */
export function onCleanup(cleanup: Cleanup): () => void {
  pending.push(cleanup);
  return () => {
    const at = pending.indexOf(cleanup);
    if (at >= 0) pending.splice(at, 1);
  };
}

/** Closes all that is still open. A cleanup that fails does not keep the others from running; it is told at the end. */
export async function cleanUp(): Promise<void> {
  const failures: unknown[] = [];
  for (let next = pending.pop(); next; next = pending.pop()) {
    try {
      await next();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, 'Test helper: some resources did not close.');
}

/** Runs an action, then closes all that was opened in it and is still open. Not for two actions at the same time. */
export async function closingAll<T>(action: () => Promise<T>): Promise<T> {
  const earlier = pending.splice(0);
  try {
    return await action();
  } finally {
    try {
      await cleanUp();
    } finally {
      pending.unshift(...earlier);
    }
  }
}

/** A private directory in the system's temp directory, removed with all it holds at the end. */
export async function tempDir(prefix = 'redis-session-test-'): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), prefix));
  const release = runIfThisProcessDies('rm', '-rf', '--', dir);
  onCleanup(async () => {
    // A server that was killed a moment ago may still be writing its last file.
    await rm(dir, { recursive: true, force: true, maxRetries: 5 });
    release();
  });
  return dir;
}

/**
 * Runs a command once this process is gone, even by SIGKILL, when no exit handler runs: a shell waits for
 * the end of its standard input, which only this process holds. Returns what calls it off.
 */
export function runIfThisProcessDies(...command: string[]): () => void {
  const shell = spawn('sh', ['-c', 'read -r released || exec "$@"', 'sh', ...command], {
    stdio: ['pipe', 'ignore', 'ignore'],
    // Ctrl-C reaches the whole process group of the terminal, and must not end this shell before its work.
    detached: true,
  });
  const { stdin } = shell;
  stdin.on('error', () => undefined);
  shell.unref();
  if (stdin instanceof Socket) stdin.unref();
  return () => stdin.end('released\n');
}

// Hooks may only be added while a test file is read, so this is done at import, not on first use. A microtask
// later, so that the file's own afterAll (closing its clients) comes before the servers go.
const { afterAll } = globalThis as { afterAll?: (hook: () => Promise<void>) => void };
if (afterAll) queueMicrotask(() => afterAll(cleanUp));
