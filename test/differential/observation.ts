/** What a step did, and how the response looked then. */
export interface StepRecord {
  /** The step's place and name. */
  readonly step: string;
  /** What it returned, or the code of what it threw. */
  readonly outcome: string;
  /** Whether the response had been ended, and before this step. */
  readonly ended: boolean;
  readonly endedBefore: boolean;
  /** What does not depend on when bytes leave. */
  readonly state: string;
  /** Its part in the connection, which it loses when all bytes have left. */
  readonly link: string;
  /** What depends on when bytes leave. */
  readonly pending: string;
  /** Whether the response waited for a save at that time, or had a moment before. */
  readonly held: boolean;
  /** Whether the store had refused a save by then. */
  readonly refused: boolean;
}

/** How an exchange ended for the server. `open`: nobody answered. `stuck`: the handler or a producer never came to its end. */
export type Ending = 'closed' | 'open' | 'stuck';

/** What could be seen of one program's run. */
export interface Observation {
  readonly steps: readonly StepRecord[];
  /** Events and callbacks in their order. */
  readonly events: readonly string[];
  /** Callbacks that were handed out. */
  readonly callbacks: readonly string[];
  readonly ending: Ending;
  /** Sources that were still open when the response had come to its end. */
  readonly sourcesLeft: number;
  /** All that the client received on the connection, as latin1. */
  readonly received: string;
  /** Whether the connection survived until the client closed it. */
  readonly kept: boolean;
  /** Codes of uncaught exceptions and unhandled rejections. */
  readonly faults: readonly string[];
  /** The program destroyed the response, or its client left, while it waited for a save. */
  readonly cutWhileHeld: boolean;
  /** The connection was destroyed, and not because the response had come to its end. */
  readonly connectionCut: boolean;
  readonly connectionCutWhileHeld: boolean;
  /** Idle connections were closed while it waited for a save. */
  readonly idleClosedWhileHeld: boolean;
  /** Whether the session was changed before the response began, so that a save was owed before its head. */
  readonly touchedInTime: boolean;
  /** Whether the store refused a save. */
  readonly refused: boolean;
  /** Whether the connection carries streams, as of HTTP/2. */
  readonly multiplexed: boolean;
}

/** A name for what was thrown: its code, or its class. */
export function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return (error as NodeJS.ErrnoException).code ?? `${error.name}: ${error.message}`;
}
