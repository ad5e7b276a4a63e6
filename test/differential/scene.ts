import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { HttpSession } from '../../lib/index.js';
import { nameOf, type StepRecord } from './observation.js';
import type { Program, State } from './program.js';
import type { StoreControl } from './store-control.js';

/** Attributes of the programs' sessions. */
export interface Bag {
  start?: number[];
  value?: unknown;
}

/** A session, as far as programs use one. */
export type OpenedSession = HttpSession<Bag>;

/** What an application has of one request, on whatever framework. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** The request's session; undefined where there is no module. */
  readonly session?: (() => Promise<OpenedSession>) | undefined;
  /** Ends a session from elsewhere. */
  readonly endSession?: ((id: string) => Promise<void>) | undefined;
  /** What the framework has for an answer. */
  readonly answer?: ((as: 'text' | 'json' | 'redirect' | 'status') => unknown) | undefined;
  /** Leaves the request to whatever comes next. */
  readonly next?: (() => void) | undefined;
}

/** What programs can do to their surroundings. */
export interface Surroundings {
  readonly store: StoreControl | undefined;
  leave(how: 'end' | 'destroy' | 'reset'): void;
  answerBefore(): void;
  closeServer(): void;
  closeIdleConnections(): void;
}

/** A connection of HTTP/1.1 or a stream of HTTP/2. */
type Destroyable = Pick<Socket, 'destroyed' | 'destroy'>;

let runs = 0;

/** One run of a program: what its handler works with, and what has been seen of it. */
export class Scene {
  readonly program: Program;
  readonly state: State;
  readonly surroundings: Surroundings;
  /** Another number in each run, for values that have to differ. */
  readonly runNumber: number;
  /** Whether what waits for something has to get it: in plain Node it did. */
  readonly mustComeToItsEnd: boolean;
  readonly steps: StepRecord[] = [];
  readonly events: string[] = [];
  readonly callbacks: string[] = [];
  readonly faults: string[] = [];
  /** Streams that bring a body and have not come to their end. */
  producing = 0;
  /** Whether the handler has come to its end. */
  settled = false;
  /** The program cut the response off while it waited for a save. */
  cutWhileHeld = false;
  /** Its connection was destroyed, and not because the response had come to its end. */
  connectionCut = false;
  connectionCutWhileHeld = false;
  idleClosedWhileHeld = false;
  /** Whether the session was changed before the response began. */
  touchedInTime = false;
  opened: OpenedSession | undefined;
  #exchange: Exchange | undefined;
  #connection: Socket | undefined;
  #closed = false;
  #finished = false;

  constructor(program: Program, state: State, surroundings: Surroundings, mustComeToItsEnd: boolean) {
    this.program = program;
    this.state = state;
    this.surroundings = surroundings;
    this.runNumber = runs += 1;
    this.mustComeToItsEnd = mustComeToItsEnd;
  }

  begin(exchange: Exchange): void {
    this.#exchange = exchange;
    const { response } = exchange;
    response.once('close', () => (this.#closed = true));
    response.once('finish', () => (this.#finished = true));
    const { socket, stream } = exchange.request as IncomingMessage & { stream?: Destroyable };
    // Streams of HTTP/2 share a connection, and do not hand it out.
    if (stream === undefined) this.#connection = socket;
    this.#watchDestroy(stream ?? socket);
  }

  /** Sees who destroys the connection: Node itself does it after `finish`, where it is not to be kept. */
  #watchDestroy(connection: Destroyable): void {
    const destroy = connection.destroy.bind(connection);
    connection.destroy = (error) => {
      if (!connection.destroyed) {
        this.connectionCut = !this.#finished || this.response.shouldKeepAlive;
        this.connectionCutWhileHeld = this.held;
      }
      return destroy(error);
    };
  }

  get exchange(): Exchange {
    if (this.#exchange === undefined) throw new Error('The program has not begun.');
    return this.#exchange;
  }

  get response(): ServerResponse {
    return this.exchange.response;
  }

  /** Whether there is nothing more to come of the response. */
  get closed(): boolean {
    return this.#closed || this.#exchange?.response.destroyed === true;
  }

  /** Whether the client is gone, as far as this request is concerned. */
  get disconnected(): boolean {
    const request = this.#exchange?.request as { stream?: { destroyed: boolean } } | undefined;
    return this.#connection?.destroyed ?? request?.stream?.destroyed ?? false;
  }

  get begun(): boolean {
    return this.#exchange !== undefined;
  }

  /** Whether the response may wait for a save at this moment. */
  get held(): boolean {
    return this.surroundings.store?.busy ?? false;
  }

  /** Does something to the response that cuts it off. */
  cut(deed: () => unknown): unknown {
    this.cutWhileHeld ||= this.held;
    return deed();
  }

  /** A callback that is seen. */
  callback(name: string): (error?: unknown) => void {
    this.callbacks.push(name);
    return (error) => this.event(name, error);
  }

  event(name: string, error?: unknown): void {
    const reason = error === undefined || error === null ? '' : ` ${nameOf(error)}`;
    this.events.push(`${name}${reason}`);
  }

  note(step: string, outcome: string): void {
    const store = this.surroundings.store;
    this.steps.push({
      step,
      outcome,
      ended: this.response.writableEnded,
      endedBefore: this.steps.at(-1)?.ended ?? false,
      state: stateOf(this.response),
      link: linkOf(this.response, this.#connection),
      pending: pendingOf(this.response),
      held: this.held,
      refused: (store?.refused ?? 0) > 0,
    });
  }
}

function stateOf(response: ServerResponse): string {
  const { headersSent, writableEnded, finished, statusCode } = response;
  return JSON.stringify({ headersSent, writableEnded, finished, statusCode });
}

function linkOf({ socket, destroyed }: ServerResponse, connection: Socket | undefined): string {
  // When a stream of HTTP/2 ends, its client has a say in.
  if (connection === undefined) return 'a stream';
  const to = socket === connection ? 'its connection' : socket === null ? 'none' : 'another one';
  return JSON.stringify({ destroyed, socket: to });
}

function pendingOf(response: ServerResponse): string {
  const { writableFinished, writableLength, writableNeedDrain, writableCorked } = response;
  return JSON.stringify({ writableFinished, waits: writableLength > 0, writableNeedDrain, writableCorked });
}
