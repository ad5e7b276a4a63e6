/**
 * Epoch milliseconds that never go back: the time at which this is called, and what a monotonic clock has counted since. Somebody
 * who sets the wall clock of the node ends no session early and lets none live longer.
 */
export function steadyClock(
  wall: () => number = Date.now,
  elapsed: () => number = () => performance.now(),
): () => number {
  const offset = wall() - elapsed();
  return () => Math.round(offset + elapsed());
}
