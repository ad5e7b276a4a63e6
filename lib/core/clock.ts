/** Calls back after some milliseconds, unless the function it returns is called before. Keeps no process alive. */
export type Timer = (milliseconds: number, call: () => void) => () => void;

/** Time as it passes. */
export const realTimer: Timer = (milliseconds, call) => {
  const timeout = setTimeout(call, milliseconds);
  timeout.unref();
  return () => clearTimeout(timeout);
};

/** Resolves after some milliseconds. */
export function realSleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, milliseconds));
}

/**
 * Epoch milliseconds that never go back: the time at which this is called, and what a monotonic clock has counted
 * since. Setting the wall clock of the node neither ends a session early nor lets one live longer.
 */
export function steadyClock(
  wall: () => number = Date.now,
  elapsed: () => number = () => performance.now(),
): () => number {
  const offset = wall() - elapsed();
  return () => Math.round(offset + elapsed());
}
