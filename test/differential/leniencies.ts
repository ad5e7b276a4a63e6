import type { Observation, StepRecord } from './observation.js';

/**
 * What a session may do to a response beside adding its headers: where each rule holds, and the case that shows that it
 * has to. Nothing else may differ.
 */

/**
 * While a response waits for a save, its bytes stay here. `write('x'); await a turn; writableLength` is 0 in plain Node,
 * where the bytes have left, and more than 0 with a save under way. The same of `writableFinished` and `writableNeedDrain`.
 */
export function pendingMayDiffer(record: StepRecord): boolean {
  return record.held;
}

/**
 * A producer is told to wait as soon as what is kept exceeds the highWaterMark. `write(40 kB); await a turn;
 * write(40 kB)`: plain Node returns true both times where its socket took the first; a held response has 80 kB by then.
 */
export function writeMayReturnFalse(plain: StepRecord, session: StepRecord): boolean {
  return session.held && plain.outcome === 'returned true' && session.outcome === 'returned false';
}

/**
 * So many drains as there were times to wait: see {@link writeMayReturnFalse}. That a drain comes when one is waited for
 * is seen by `produce`, `pipe` and `pipeline`.
 */
export function withoutDrains(events: readonly string[]): string[] {
  return events.filter((event) => event !== 'drain');
}

/**
 * What was kept when the connection was cut has not been sent. `write('x'); await a turn; destroy()`: plain Node has sent
 * the x by then. Its callback is not called either, or with an error.
 */
export function bytesMayBeMissing(session: Observation): boolean {
  return session.cutWhileHeld;
}

/**
 * A held response that has been ended is no idle connection. `end('x'); server.closeIdleConnections()`: plain Node has
 * sent the x and closes; with a save under way, closing would lose it. So the connection goes on.
 */
export function connectionMayGoOn(session: Observation): boolean {
  return session.idleClosedWhileHeld;
}

/**
 * `end(); await a turn; end('x')` or a pipe into an ended response ends a process of plain Node that has no listener for
 * `error`. A session may be kinder.
 */
export function faultsThatMayBeMissing(plain: Observation): string[] {
  return plain.faults.filter((fault) => fault === 'uncaught ERR_STREAM_WRITE_AFTER_END');
}
