import type { Program } from './program.js';

/** One connection to an application, of whatever version of HTTP. */
export interface Client {
  /** Sends a program's request at once with those around it. */
  begin(program: Program, path: string, cookie: string | undefined): void;
  /** Sends one more, when all has been answered. */
  askOnceMore(): void;
  leave(how: 'end' | 'destroy' | 'reset'): void;
  /** Ends the connection when nothing is left to come. */
  bye(): void;
  /** Whether the connection is over on this side. */
  readonly closed: boolean;
  /** Whether all has arrived that the server has sent. */
  readonly caughtUp: boolean;
  /** Whether the connection is over on both sides. */
  readonly gone: boolean;
  /** All that arrived, as HTTP/1.1 writes it. */
  readonly received: string;
}
