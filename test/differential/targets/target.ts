import type { Server } from 'node:http';
import type { Stage } from '../stage.js';
import type { StoreControl } from '../store-control.js';

/** An application that listens. */
export interface Site {
  readonly server: Server;
  readonly stage: Stage;
  /** What decides about its sessions' saves; undefined where it has none. */
  readonly store: StoreControl | undefined;
  /** The Cookie header of a new session that has something. */
  readonly cookie: () => Promise<string>;
  readonly close: () => Promise<void>;
}

/** A kind of application. */
export interface Target {
  /** One of this kind, with the session module or without. */
  readonly start: (withSessions: boolean) => Promise<Site>;
}
