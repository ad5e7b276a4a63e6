import type { Server as HttpServer } from 'node:http';
import type { Server as NetServer } from 'node:net';
import type { Client } from '../client.js';
import type { Stage } from '../stage.js';
import type { StoreControl } from '../store-control.js';

/** Of HTTP/1.1 or HTTP/2, which can do less. */
export type ListeningServer = NetServer &
  Partial<Pick<HttpServer, 'closeIdleConnections' | 'closeAllConnections'>>;

/** An application that listens. */
export interface Site {
  readonly server: ListeningServer;
  readonly connect: () => Promise<Client>;
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
