import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import {
  connect,
  constants,
  createServer,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type Http2Server,
  type Http2ServerResponse,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { DeferralHooks } from '../../../lib/http/deferral.js';
import { deferResponse } from '../../../lib/http/deferred-response.js';
import { eventually } from '../../support/eventually.js';

type Handler = (response: Http2ServerResponse) => unknown;

/** More than Node needs to close a stream by itself. */
const TURNS = 10;

async function turns(count = TURNS): Promise<void> {
  for (let n = 0; n < count; n += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** A save that the test ends. */
class Save {
  readonly done: Promise<void>;
  end!: () => void;
  fail!: () => void;

  constructor() {
    this.done = new Promise((resolve, reject) => {
      this.end = resolve;
      this.fail = () => reject(new Error('refused'));
    });
  }

  get hooks(): DeferralHooks {
    let owed: Promise<void> | undefined = this.done;
    return {
      owed: () => {
        const promise = owed;
        owed = undefined;
        return promise;
      },
      owedLate: () => undefined,
      headers: () => [],
      answerTo: () => ({ statusCode: 503, headers: [], body: 'sorry' }),
      brokeOff: () => undefined,
    };
  }
}

/** What a client has got. */
class Answer {
  status: number | undefined;
  body = '';
  readonly closed: Promise<number>;

  constructor(stream: ClientHttp2Stream) {
    stream
      .on('response', (headers) => (this.status = headers[':status']))
      .on('data', (bytes: Buffer) => (this.body += bytes.toString('latin1')))
      // Its code says the same.
      .on('error', () => undefined);
    this.closed = new Promise((resolve) => stream.on('close', () => resolve(stream.rstCode)));
  }
}

describe('a response over HTTP/2', () => {
  let server: Http2Server;
  let session: ClientHttp2Session;
  let handlers: Handler[];
  beforeEach(async () => {
    handlers = [];
    // From the event loop: what is sent from within nghttp2, where requests come from, leaves as Node pleases.
    server = createServer((_request, response) => void setImmediate(() => handlers.shift()?.(response)));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  });
  afterEach(() => {
    session.destroy();
    server.close();
  });

  /** Has a response answered. @returns Once its handler has, and Node had the time to do the rest. */
  const ask = async (
    handler: Handler,
    save?: Save,
    upload?: string,
  ): Promise<{
    response: Http2ServerResponse;
    stream: ClientHttp2Stream;
    answer: Answer;
    events: string[];
  }> => {
    const stream = session.request({ ':path': '/', ...(upload === undefined ? {} : { ':method': 'POST' }) });
    // Its end does not come: the client goes on.
    if (upload !== undefined) stream.write(upload);
    const answer = new Answer(stream);
    const events: string[] = [];
    const response = await new Promise<Http2ServerResponse>((resolve) =>
      handlers.push((asked) => {
        if (save !== undefined) deferResponse(asked as never, save.hooks);
        for (const name of ['finish', 'close', 'timeout']) asked.on(name, () => events.push(name));
        handler(asked);
        resolve(asked);
      }),
    );
    await turns();
    return { response, stream, answer, events };
  };

  const ENDED: Record<string, Handler> = {
    'a 204 of the stream itself': ({ stream }) => stream.respond({ ':status': 204 }),
    'headers of the stream itself that end it': ({ stream }) =>
      stream.respond({ ':status': 201 }, { endStream: true }),
    'a 204 that waits for trailers': ({ stream }) =>
      stream.respond({ ':status': 204 }, { waitForTrailers: true }),
    'a 204, and the stream is closed': ({ stream }) => {
      stream.respond({ ':status': 204 });
      stream.close();
    },
    'a body without headers, of the stream itself': ({ stream }) => stream.end('body'),
    'a corked one': ({ stream }) => {
      stream.cork();
      stream.write('body');
      stream.end('end');
    },
    'a write, and the stream is closed': (response) => {
      response.write('body');
      response.stream.close();
    },
    'headers, and the stream is closed': (response) => {
      response.writeHead(200);
      response.stream.close();
    },
    'an end, and the stream is closed with an error': (response) => {
      response.end('body');
      response.stream.close(constants.NGHTTP2_CANCEL);
    },
  };

  describe.each(Object.entries(ENDED))('%s', (_name, handler) => {
    it('leaves after the save as without one', async () => {
      const plain = await ask(handler);
      const save = new Save();
      const { answer, events } = await ask(handler, save);
      expect([answer.status, events]).toEqual([undefined, []]);
      save.end();
      expect(await answer.closed).toBe(await plain.answer.closed);
      expect(answer.status).toBeDefined();
      expect([answer.status, answer.body]).toEqual([plain.answer.status, plain.answer.body]);
      await turns();
      expect(events).toEqual(['finish', 'close']);
      expect(plain.events).toEqual(events);
    });

    it('is a 503 where the save fails', async () => {
      const save = new Save();
      const { answer, response } = await ask(handler, save);
      const isAll = response.stream.sentHeaders[':status'] !== 200;
      save.fail();
      await answer.closed;
      expect([answer.status, answer.body]).toEqual([503, isAll ? '' : 'sorry']);
    });
  });

  describe.each<[string, Handler]>([
    ['a body', (response) => response.end('body')],
    [
      'a body with trailers',
      (response) => {
        response.addTrailers({ sum: '1' });
        response.end('body');
      },
    ],
    ['a body of the stream itself', ({ stream }) => (stream.respond(), void stream.end('body'))],
    ['an end of the stream itself', ({ stream }) => (stream.respond(), void stream.end())],
  ])('to an upload that nobody reads: %s', (_what, handler) => {
    it.each(['without a session', 'as a 503'])('closes the stream behind the answer, %s', async (how) => {
      const save = how === 'as a 503' ? new Save() : undefined;
      const { answer, stream, events } = await ask(handler, save, 'some of it');
      let trailers: object | undefined;
      stream.on('trailers', (headers) => (trailers = headers as object));
      save?.fail();
      expect(await answer.closed).toBe(constants.NGHTTP2_NO_ERROR);
      expect(answer.status).toBe(save === undefined ? 200 : 503);
      if (save !== undefined) expect([answer.body, trailers]).toEqual(['sorry', undefined]);
      await turns();
      expect(events).toEqual(['finish', 'close']);
    });
  });

  it('a 503 to an upload that nobody reads closes the stream once its handler ends what he had begun', async () => {
    const save = new Save();
    const { answer, response, stream } = await ask((asked) => asked.write('one'), save, 'some of it');
    save.fail();
    await once(stream, 'end');
    expect([answer.status, answer.body]).toEqual([503, 'sorry']);
    response.end('two');
    expect(await answer.closed).toBe(constants.NGHTTP2_NO_ERROR);
  });

  it('whoever destroys a stream that he has closed while it waits breaks it off, and its client is told', async () => {
    const { answer, response } = await ask((asked) => {
      asked.write('body');
      asked.stream.close();
    }, new Save());
    response.stream.destroy();
    expect(await answer.closed).toBe(constants.NGHTTP2_NO_ERROR);
    expect(answer.status).toBeUndefined();
  });

  const DESTROYED: Record<string, Handler> = {
    'the response': (response) => response.destroy(),
    'the response, with an error': (response) => response.destroy(new Error('late')),
    'the stream': ({ stream }) => stream.destroy(),
  };

  describe.each(Object.entries(DESTROYED))('whoever destroys %s behind an answer', (_what, destroy) => {
    it.each([
      ['at once', 'an answer'],
      ['a turn later', 'an answer'],
      ['at once', 'a 503'],
      ['a turn later', 'a 503'],
    ])('%s destroys it when %s has left', async (when, what) => {
      const save = new Save();
      const { answer, response, events } = await ask((asked) => {
        asked.end('body');
        if (when === 'at once') destroy(asked);
      }, save);
      if (when !== 'at once') destroy(response);
      await turns();
      expect([answer.status, events]).toEqual([undefined, []]);
      if (what === 'an answer') save.end();
      else save.fail();
      await answer.closed;
      expect([answer.status, answer.body]).toEqual(what === 'an answer' ? [200, 'body'] : [503, 'sorry']);
      expect(events).toEqual(['finish', 'close']);
      expect(response.stream.destroyed).toBe(true);
    });

    it('in the middle of it destroys it at once', async () => {
      const { answer, response } = await ask((asked) => asked.write('body'), new Save());
      response.on('error', () => undefined);
      response.stream.on('error', () => undefined);
      destroy(response);
      await answer.closed;
      expect(answer.status).toBeUndefined();
    });
  });

  it('a client that leaves while its answer waits is told of at once', async () => {
    const save = new Save();
    const { answer, response, stream } = await ask((asked) => asked.end('body'), save);
    stream.close(constants.NGHTTP2_CANCEL);
    await once(response, 'close');
    save.end();
    await answer.closed;
    expect(answer.status).toBeUndefined();
  });

  it('a 503 listens for the close once: more than ten, of which a pipeline has most, are warned of', async () => {
    const save = new Save();
    const { response, stream } = await ask((asked) => asked.write('one'), save);
    let added = 0;
    response.on('newListener', (name) => (added += name === 'close' ? 1 : 0));
    save.fail();
    await once(stream, 'end');
    expect(added).toBe(1);
    response.end();
  });

  it('one that is closed with an error in the middle is broken off at once', async () => {
    const { answer } = await ask((asked) => {
      asked.write('body');
      asked.stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    }, new Save());
    expect(await answer.closed).toBe(constants.NGHTTP2_INTERNAL_ERROR);
    expect(answer.status).toBeUndefined();
  });

  it('one that became a 503 is finished once, whenever it is ended; whoever listens after that is told, too', async () => {
    const save = new Save();
    const { answer, events, response } = await ask((asked) => asked.write('one'), save);
    save.fail();
    await answer.closed;
    await turns();
    expect(events).toEqual(['finish', 'close']);
    await pipeline(Readable.from(['two']), response);
    await turns();
    expect(events).toEqual(['finish', 'close']);
  });

  describe('with a timeout', () => {
    const LARGE = 'x'.repeat(200_000);
    const heard = ({ events }: { events: readonly string[] }): Promise<true> =>
      eventually('the timeout is heard', () => events.includes('timeout') || undefined);

    it('rests while it waits though it has been ended, and is heard as ever where it has not', async () => {
      const save = new Save();
      const ways: Handler[] = [
        (response) => response.end('body'),
        (response) => response.writeHead(204),
        ({ stream }) => {
          stream.respond();
          stream.end('body');
        },
      ];
      const ended = [];
      for (const way of ways) {
        ended.push(
          await ask((response) => {
            response.setTimeout(1);
            way(response);
          }, save),
        );
        // By whom the response is told, or who tells it that his work goes on.
        ended.at(-1)?.response.setTimeout(1);
      }
      const open = await ask((response) => {
        response.setTimeout(2, () => open.events.push('callback'));
        response.write('body');
      }, save);
      await heard(open);
      expect(open.events).toEqual(['timeout', 'callback']);
      expect(ended.map(({ events }) => events)).toEqual(ways.map(() => []));
      save.end();
      await Promise.all(ended.map(({ answer }) => answer.closed));
      expect(ended.map(({ answer }) => answer.status)).toEqual([200, 204, 200]);
    });

    it.each(['a body', 'an end'])('hears of a client that does not read %s after the save', async (kept) => {
      const save = new Save();
      const { hooks } = save;
      const waiting = await ask((asked) => {
        if (kept === 'a body') {
          deferResponse(asked as never, hooks);
        } else {
          deferResponse(asked as never, { ...hooks, owed: () => undefined, owedLate: () => save.done });
          asked.write(LARGE);
        }
        asked.setTimeout(1);
        asked.end(LARGE);
      });
      waiting.stream.pause();
      const other = await ask((asked) => {
        asked.setTimeout(2);
        asked.write('');
      }, new Save());
      await heard(other);
      expect(waiting.events).toEqual([]);
      save.end();
      await heard(waiting);
    });
  });
});
