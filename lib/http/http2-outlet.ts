import type { Http2ServerResponse, ServerHttp2Stream } from 'node:http2';
import {
  EMPTY_PAYLOAD,
  methodsOf,
  NO_ERROR,
  restTimer,
  withHeaders,
  type HeaderList,
  type StreamHandle,
  type StreamMethods,
} from '../compat/http2-stream.js';
import type { Deferral, ErrorAnswer, OwnHeader, Outlet } from './deferral.js';
import { breakOffLater, forgiveLateWrites, isLateWrite, outlive } from './late-writers.js';
import { isReplaced } from './replaced-headers.js';

type PatchedStream = ServerHttp2Stream & StreamMethods & { readonly headRequest?: boolean };
interface Pending {
  readonly run: () => void;
  readonly done: () => void;
}
type End = (...args: unknown[]) => Http2ServerResponse;

/**
 * Keeps the output of a response of HTTP/2 back: Node checks and does everything, and what it hands to nghttp2 in the end (the
 * headers, the chunk that a Writable has under way) waits here.
 */
export class Http2Outlet implements Outlet {
  readonly #response: Http2ServerResponse;
  readonly #stream: PatchedStream;
  readonly #deferral: Deferral;
  readonly #handle: StreamHandle | undefined;
  readonly #respond: StreamHandle['respond'];
  #head: { readonly list: HeaderList; readonly options: number; readonly isAll: boolean } | undefined;
  /** The one call that the stream waits for; `done` tells it that it may go on. */
  #pending: Pending | undefined;
  /** Closes the stream, as whoever has written to it before was to. */
  #close: (() => void) | undefined;
  /** Somebody has destroyed the stream since it was ended. */
  #doom: { readonly error: Error | undefined } | undefined;
  #destroyNow: ((error?: Error) => unknown) | undefined;
  #holdsOpen = false;
  #wakeTimer: (() => void) | undefined;
  #waits = false;
  #isReplaced = false;
  #ending = false;
  #statusCode: number | undefined;
  #begun = false;
  readonly begun: boolean;

  /** @param handle Undefined: the client has left, and nothing is sent any more. */
  constructor(response: Http2ServerResponse, handle: StreamHandle | undefined, deferral: Deferral) {
    this.#response = response;
    this.#stream = response.stream as PatchedStream;
    this.#deferral = deferral;
    this.#handle = handle;
    this.#respond = handle?.respond.bind(handle) ?? ((): number => 0);
    if (handle !== undefined) handle.respond = (list, options) => this.#begin(list, options);
    const end = response.end.bind(response) as End;
    response.end = (...args: unknown[]) => this.#end(end, args);
    outlive(response, (error) => this.#leavesAtOnce && (this.#head?.isAll === true || isLateWrite(error)));
    this.begun = response.headersSent;
    if (this.begun) this.#goesOn();
    else if (handle !== undefined) this.#comeFirst();
  }

  get ended(): boolean {
    return this.#response.writableEnded;
  }

  get statusCode(): number {
    return this.#statusCode ?? this.#response.statusCode;
  }

  release(): void {
    const head = this.#head;
    this.#head = undefined;
    this.#letPass();
    if (this.#stream.destroyed) return;
    // nghttp2 ends with its headers what it knows to be nothing else.
    if (head?.isAll === true) this.#takePending()?.run();
    if (head !== undefined) this.#sendHead(head.list, head.options);
    this.#uncorkEnded();
    this.#takePending()?.run();
    this.#closeAsTold();
  }

  replace(answer: ErrorAnswer): void {
    const stream = this.#stream;
    const { isAll = false, options = 0 } = this.#head ?? {};
    this.#head = undefined;
    this.#letClose();
    this.#swallow();
    if (stream.destroyed) return;
    if (isAll) this.#takePending()?.run();
    const sent = isAll && stream.headRequest !== true ? { ...answer, body: '' } : answer;
    // Node leaves a stream open for trailers until it has been asked for them.
    this.#sendAnswer(sent, isAll ? EMPTY_PAYLOAD : options);
    forgiveLateWrites(this.#response);
    this.#isReplaced = true;
    this.#uncorkEnded();
    this.#takePending()?.done();
    this.#closeAsTold();
  }

  breakOff(): void {
    this.#letPass();
    this.#stream.destroy();
  }

  /**
   * It has left by now in plain Node: it is not to be lost because somebody goes on writing while it waits, or destroys what is
   * nothing but headers, as who fails after his answer does.
   */
  get #leavesAtOnce(): boolean {
    return this.#waits && (this.ended || this.#head?.isAll === true);
  }

  #begin(list: HeaderList, options: number): number {
    this.#statusCode = this.#response.statusCode;
    const waits = this.#deferral.begin(this.#ending);
    this.#goesOn();
    if (!waits) {
      this.#takePending()?.run();
      return this.#respond(this.#withOwn(list), options);
    }
    // Without a body (`end()` alone, a HEAD request, a 204) Node has ended the stream, which takes nothing but headers now.
    this.#head = { list, options, isAll: this.#stream.writableEnded };
    this.#hold();
    return 0;
  }

  /** What Node hands over before the headers comes behind them, and so behind what is decided then. */
  #comeFirst(): void {
    const stream = this.#stream;
    const node = methodsOf(stream);
    // Who writes to the stream itself without headers has Node send them, from within.
    const methods = (): StreamMethods => {
      if (!stream.headersSent) stream.respond();
      return this.#waits ? stream : node;
    };
    stream._write = (...args) => methods()._write.apply(stream, args);
    stream._writev = (...args) => methods()._writev.apply(stream, args);
    stream._final = (callback) => {
      const run = (): void => node._final.call(stream, callback);
      // Of a stream that takes nothing but headers, which Node closes soon after; where a client leaves there are no headers.
      if (this.#begun || !stream.headersSent) run();
      else this.#pending = { run, done: callback };
    };
  }

  #goesOn(): void {
    this.#begun = true;
    if (!this.#ending) this.#response.once('close', () => this.#closed());
  }

  /** One listener for all: there may be many of a pipeline's, and Node warns of more than ten. */
  #closed(): void {
    if (!this.ended) this.#deferral.left(false);
    if (this.#isReplaced) leadNowhere(this.#response);
  }

  #end(end: End, args: unknown[]): Http2ServerResponse {
    // To a client that has left Node sends nothing, so that nothing would ask.
    if (this.#stream.destroyed) this.#deferral.left(true);
    else if (this.#begun && !this.ended && this.#deferral.end()) this.#hold();
    this.#ending = true;
    try {
      return end(...args);
    } finally {
      this.#ending = false;
    }
  }

  #hold(): void {
    this.#waits = true;
    const stream = this.#stream;
    const node = methodsOf(stream);
    const keep = (done: () => void, run: () => void): void => void (this.#pending = { run, done });
    stream._write = (chunk, encoding, callback) =>
      keep(callback, () => node._write.call(stream, chunk, encoding, callback));
    stream._writev = (chunks, callback) => keep(callback, () => node._writev.call(stream, chunks, callback));
    stream._final = (callback) => keep(callback, () => node._final.call(stream, callback));
    this.#wakeTimer = restTimer(stream);
    this.#holdOpen();
  }

  /** In plain Node what was written has left when `stream.close()` comes. One with an error gives up what has not been ended. */
  #holdOpen(): void {
    const stream = this.#stream;
    const handle = this.#handle;
    if (handle === undefined) return;
    this.#putDestroyBehind();
    const rstStream = handle.rstStream.bind(handle);
    handle.rstStream = (code) => {
      if (stream.destroyed || (code !== NO_ERROR && !this.#leavesAtOnce)) return rstStream(code);
      this.#close = () => rstStream(code);
    };
    stream._destroy = (error, callback) => {
      // Node takes it that the client knows of one that was closed.
      this.#close?.();
      methodsOf(stream)._destroy.call(stream, error, callback);
    };
  }

  /**
   * In plain Node what was ended has left when somebody destroys its stream. Nothing leaves any more of one that was closed, which is how Node
   * tells of a client that has left, nor over a connection that is destroyed.
   */
  #putDestroyBehind(): void {
    this.#holdsOpen = true;
    if (this.#destroyNow !== undefined) return;
    const stream = this.#stream;
    const destroy = (this.#destroyNow = stream.destroy.bind(stream));
    stream.destroy = (error) => {
      const leaves =
        this.#holdsOpen && this.#leavesAtOnce && !stream.closed && stream.session?.destroyed === false;
      if (!leaves) return destroy(error);
      this.#doom ??= { error };
      return stream;
    };
  }

  /** What was sent leaves before that. */
  #destroyAsTold(): void {
    const doom = this.#doom;
    this.#doom = undefined;
    const stream = this.#stream;
    if (doom === undefined || stream.destroyed) return;
    const destroy = (): void => void setImmediate(() => stream.destroyed || this.#destroyNow?.(doom.error));
    if (stream.writableFinished) destroy();
    else stream.once('finish', destroy);
  }

  #letClose(): void {
    this.#holdsOpen = false;
    this.#wakeTimer?.();
    if (this.#handle !== undefined) Reflect.deleteProperty(this.#handle, 'rstStream');
    Reflect.deleteProperty(this.#stream, '_destroy');
  }

  #closeAsTold(): void {
    const close = this.#close;
    this.#close = undefined;
    if (!this.#stream.destroyed) close?.();
    this.#destroyAsTold();
  }

  /** Whatever the application still writes leads nowhere, and tells it that all is well. */
  #swallow(): void {
    const stream = this.#stream;
    stream._write = (_chunk, _encoding, callback) => callback();
    stream._writev = (_chunks, callback) => callback();
    stream._final = (callback) => callback();
    stream.sendTrailers = () => methodsOf(stream).sendTrailers.call(stream, {});
  }

  /** As Node's `end` does, which came before whoever corked it since. */
  #uncorkEnded(): void {
    const stream = this.#stream;
    while (this.ended && stream.writableCorked > 0) stream.uncork();
  }

  #letPass(): void {
    this.#waits = false;
    this.#letClose();
    for (const name of ['_write', '_writev', '_final'] as const) Reflect.deleteProperty(this.#stream, name);
  }

  #takePending(): Pending | undefined {
    const pending = this.#pending;
    this.#pending = undefined;
    return pending;
  }

  #sendHead(list: HeaderList, options: number): void {
    if (this.#respond(this.#withOwn(list), options) < 0) this.#stream.destroy();
  }

  #withOwn(list: HeaderList): HeaderList {
    const response = this.#response;
    const { statusCode } = this;
    return withHeaders(
      list,
      this.#deferral.hooks.headers({ statusCode, has: (name) => response.hasHeader(name) }),
    );
  }

  #sendAnswer({ statusCode, headers, body }: ErrorAnswer, options: number): void {
    const stream = this.#stream;
    const node = methodsOf(stream);
    const all: OwnHeader[] = [[':status', String(statusCode)]];
    for (const [name, value] of Object.entries(this.#response.getHeaders())) {
      if (value === undefined || name.startsWith(':') || isReplaced(name)) continue;
      for (const one of Array.isArray(value) ? value : [value]) all.push([name, String(one)]);
    }
    all.push(
      ...headers,
      ['content-length', String(Buffer.byteLength(body))],
      ['date', new Date().toUTCString()],
    );
    const list = withHeaders(['', 0], all);
    if (!this.ended) breakOffLater(this.#response);
    if (this.#respond(list, options) < 0) return void stream.destroy();
    if (options === EMPTY_PAYLOAD) return;
    node._write.call(stream, body, 'utf8', () => {
      if (!stream.destroyed) node._final.call(stream, () => undefined);
    });
  }
}

/**
 * As before it was closed, so that a producer who comes late gets to his end: Node would have him wait, for ever, and a pipeline for
 * somebody to tell it of the end.
 */
function leadNowhere(response: Http2ServerResponse): void {
  if (response.writableEnded) return;
  // Whoever has listened by now was told by Node.
  const told = new Set(response.rawListeners('finish'));
  response.write = (_chunk: unknown, ...rest: unknown[]) => {
    const callback = rest.find((each) => typeof each === 'function');
    if (callback !== undefined) process.nextTick(callback);
    return true;
  };
  const end = response.end.bind(response) as End;
  response.end = (...args: unknown[]) => {
    process.nextTick(() => {
      for (const listener of response.rawListeners('finish'))
        if (!told.has(listener)) Reflect.apply(listener, response, []);
    });
    response.end = end;
    return end(...args);
  };
}
