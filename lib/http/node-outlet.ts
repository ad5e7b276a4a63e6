import type { ServerResponse } from 'node:http';
import type { NodeResponse, SendArguments } from '../compat/outgoing-message.js';
import { assertWritable, holdConnection, type HeldConnection } from '../compat/held-connection.js';
import type { Deferral, ErrorAnswer, Outlet } from './deferral.js';
import { breakOffLater, forgiveLateWrites } from './late-writers.js';
import { addOwnHeaders, replaceHead, statusOf } from './rendered-headers.js';
import { patchResponse, type EndArguments, type PatchedMethods } from './response-patch.js';

/** Output that waits. */
interface Kept {
  readonly args: SendArguments;
  readonly raw: boolean;
  /** It belongs to the end of the response. */
  readonly last: boolean;
}

const EVENT_STREAM = /\r\ncontent-type: *text\/event-stream/i;

/**
 * Keeps the output of one of Node's own HTTP/1 responses back. Every call on the response runs for real, and at once:
 * arguments are checked, headers rendered and frozen, events and return values are Node's. Only the pieces of output that
 * come of it wait here, below all of that, instead of in the socket.
 */
export class NodeOutlet implements Outlet, PatchedMethods {
  readonly #response: NodeResponse;
  readonly #deferral: Deferral;
  readonly #node: PatchedMethods;
  #state: 'open' | 'begun' | 'replaced' = 'open';
  #kept: Kept[] | undefined;
  /** What the pieces kept have added to the response's count of output, and to that of its connection. */
  #keptBytes = 0;
  #countedBytes = 0;
  /** The headers are in front of what is kept. */
  #keepsHeaders = false;
  #ending = false;
  readonly begun: boolean;
  #connection: HeldConnection | undefined;

  constructor(response: NodeResponse, deferral: Deferral) {
    this.#response = response;
    this.#deferral = deferral;
    this.#node = patchResponse(response, this);
    // One that waits for another application's session has been ended, though its headers have not left.
    this.begun = response._headerSent || response.finished;
    if (this.begun) this.#begin();
  }

  get ended(): boolean {
    return this.#response.finished;
  }

  get statusCode(): number {
    return statusOf(this.#response);
  }

  send(args: SendArguments): boolean {
    if (this.#kept !== undefined) return this.#keep(args, false);
    if (this.#state === 'replaced') return this.#node.send(['', 'latin1', args[2]]);
    if (this.#state !== 'open' || this.#response._header === null) return this.#node.send(args);
    if (this.#isGone) {
      this.#deferral.left(this.#ending);
      return this.#node.send(args);
    }
    const waits = this.#deferral.begin(this.#ending);
    this.#begin();
    if (waits) {
      this.#hold();
      return this.#keep(args, false);
    }
    addOwnHeaders(this.#response, this.#deferral);
    return this.#node.send(args);
  }

  writeRaw(args: SendArguments): boolean {
    return this.#kept === undefined ? this.#node.writeRaw(args) : this.#keep(args, true);
  }

  end(args: EndArguments): ServerResponse {
    const response = this.#response;
    // To a client that has left Node sends nothing, so that nothing would ask.
    if (this.#state === 'open' && response.destroyed && this.#isGone) this.#deferral.left(true);
    if (this.#state === 'begun' && !response.finished && this.#deferral.end()) this.#hold();
    this.#ending = true;
    try {
      return this.#node.end(args);
    } finally {
      this.#ending = false;
      if (this.#kept !== undefined && response.finished) this.#endWaits();
    }
  }

  release(): void {
    this.#connection?.letGo(this.#response);
    this.#sendKept();
    this.#connection?.goOn();
  }

  replace(answer: ErrorAnswer): void {
    this.#connection?.letGo(this.#response);
    this.#sendInstead(answer);
    this.#connection?.goOn();
  }

  breakOff(): void {
    tellGone(this.#takeKept());
    this.#connection?.letGo(this.#response);
    // One that has been ended says that it is destroyed already.
    (this.#response.socket ?? this.#response).destroy();
    this.#connection?.goOn();
  }

  #sendKept(): void {
    const kept = this.#takeKept();
    const headers = this.#keepsHeaders;
    this.#keepsHeaders = false;
    if (headers) addOwnHeaders(this.#response, this.#deferral);
    const { socket } = this.#response;
    if (this.#isGone) return tellGone(kept);
    let accepted = true;
    // As Node's `end` does, which came before whoever corked it since.
    if (this.#response.finished) uncork(this.#response);
    socket?.cork();
    // The piece that they were to leave with was refused by Node.
    if (headers && kept.length === 0) this.#node.send(['']);
    for (const { args, raw } of kept) accepted = raw ? this.#node.writeRaw(args) : this.#node.send(args);
    socket?.uncork();
    this.#wake(accepted);
  }

  #sendInstead(answer: ErrorAnswer): void {
    const response = this.#response;
    const kept = this.#takeKept();
    this.#keepsHeaders = false;
    this.#state = 'replaced';
    if (this.#isGone) return tellGone(kept);
    const endless = !response.finished && EVENT_STREAM.test(response._header ?? '');
    replaceHead(response, answer, endless);
    forgiveLateWrites(response);
    const told = (error?: Error | null): void => {
      for (const { args } of kept) args[2]?.(error);
      if (endless) response.socket?.destroySoon();
    };
    // An end that threw has left it corked for good, where nobody would get the answer.
    uncork(response);
    const body = response.req.method === 'HEAD' ? '' : answer.body;
    const accepted = this.#node.send([body, 'utf8', told]);
    // Whoever is not told by an end of the connection may go on, into the void, and end in his own time.
    if (!response.finished && !endless) breakOffLater(response);
    this.#wake(accepted);
  }

  #endWaits(): void {
    const response = this.#response;
    // Node answers a broken request behind one that has been ended.
    response._headerSent = false;
    // Behind another response it is open in plain Node too, until its turn comes.
    if (response.socket === null) response.once('socket', () => this.#closeAsEnded());
    else this.#closeAsEnded();
  }

  /**
   * In plain Node a response that was ended has left its connection a tick later, and is closed by the one after that. Whoever destroys it
   * then destroys no connection, as a pipeline does into one that has ended. And a closed one ignores whoever still writes to it, where
   * one that is open emits `error`, which ends the process or makes a pipe destroy the response.
   */
  #closeAsEnded(): void {
    this.#connection?.stopTimer();
    process.nextTick(detachAsEnded, this.#response);
  }

  /**
   * Whether nothing can be sent any more. That it is `destroyed` says nothing: see {@link #closeAsEnded}. One that was destroyed behind another is
   * Node's to judge: up to Node 22 it breaks the connection off when its turn comes, from 24 on what it has, or gets by its end, is sent.
   */
  get #isGone(): boolean {
    const { closed, destroyed, req, socket } = this.#response;
    if (socket !== null) return socket.destroyed;
    // A request that did not come over a connection, as where a function of a cloud calls the application, has none.
    const connection = req.socket as { readonly destroyed: boolean } | null;
    return connection === null ? closed || destroyed : connection.destroyed;
  }

  #begin(): void {
    this.#state = 'begun';
    if (this.#ending) return;
    this.#response.once('close', () => this.#response.finished || this.#deferral.left(false));
  }

  #hold(): void {
    const response = this.#response;
    this.#kept = [];
    this.#connection = holdConnection(response);
    if (response._headerSent) return;
    this.#keepsHeaders = true;
    // As if they had left: Node merges chunks that follow, and answers a broken request, by it.
    response._headerSent = true;
    // Counted at once: an end that finds nothing waiting would finish at once.
    this.#count(response._header?.length ?? 0);
  }

  #keep(args: SendArguments, raw: boolean): boolean {
    const response = this.#response;
    // As Node has it: whoever writes to a connection that is gone hears of it by its events.
    if (response.socket?.destroyed === true) return false;
    if (response.socket !== null) assertEncoding(args[1]);
    this.#kept?.push({ args, raw, last: this.#ending });
    this.#count(args[0].length);
    return response.outputSize < response.writableHighWaterMark;
  }

  #count(bytes: number): void {
    const response = this.#response;
    if (bytes === 0) return;
    this.#keptBytes += bytes;
    response.outputSize += bytes;
    // Behind other responses of its connection it counts for that, which reads no further when too much waits.
    if (response.socket !== null) return;
    this.#countedBytes += bytes;
    response._onPendingData(bytes);
  }

  #takeKept(): readonly Kept[] {
    const response = this.#response;
    const kept = this.#kept ?? [];
    this.#kept = undefined;
    response.outputSize -= this.#keptBytes;
    if (this.#countedBytes > 0) response._onPendingData(-this.#countedBytes);
    this.#keptBytes = this.#countedBytes = 0;
    response._headerSent = !this.#keepsHeaders;
    return kept;
  }

  /** Node emits `drain` for what has waited in the response as soon as it is asked about the connection. */
  #wake(accepted: boolean): void {
    const response = this.#response;
    if (accepted && response.socket !== null && response.writableNeedDrain) response._onPendingData(0);
  }
}

/** Throws what the socket's `write` throws. */
function assertEncoding(encoding: string | null | undefined): void {
  if (encoding && encoding !== 'latin1' && encoding !== 'utf8') assertWritable('', encoding);
}

function detachAsEnded(response: NodeResponse): void {
  response.destroy = destroyNothing;
  process.nextTick(destroyAsEnded, response);
}

function destroyAsEnded(response: NodeResponse): void {
  response.destroyed = true;
}

function uncork({ socket }: NodeResponse): void {
  while (socket !== null && socket.writableCorked > 0) socket.uncork();
}

function destroyNothing(this: NodeResponse): NodeResponse {
  this.destroyed = true;
  return this;
}

/** Whoever waits for his output to leave would wait for ever. What an end waits for is told by `close`, as Node does. */
function tellGone(kept: readonly Kept[]): void {
  const error = Object.assign(new Error('The client has left.'), { code: 'ERR_STREAM_DESTROYED' });
  for (const { args, last } of kept) if (!last && args[2]) process.nextTick(args[2], error);
}
