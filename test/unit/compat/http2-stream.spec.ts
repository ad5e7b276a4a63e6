import { afterEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { connect, createServer, type Http2Server, type Http2ServerResponse } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import {
  handleOf,
  isHttp2Response,
  methodsOf,
  NO_ERROR,
  restTimer,
  withHeaders,
  type HeaderList,
} from '../../../lib/compat/http2-stream.js';
import { eventually } from '../../support/eventually.js';

/** A canary for each Node: what breaks here would corrupt responses of HTTP/2. */
describe("the private parts of Node's HTTP/2 streams", () => {
  let server: Http2Server;
  afterEach(() => void server.close());

  const ask = async (answer: (response: Http2ServerResponse) => unknown) => {
    server = createServer((_request, response) => answer(response));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    const stream = session.request({ ':path': '/' });
    const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
    const body = await text(stream);
    session.close();
    return { headers, body };
  };

  it('headers reach nghttp2 as a list of text, last, and what is added to it is sent', async () => {
    let list: HeaderList | undefined;
    const { headers, body } = await ask((response) => {
      expect(isHttp2Response(response)).toBe(true);
      const handle = handleOf(response.stream);
      const respond = handle?.respond.bind(handle);
      if (handle === undefined || respond === undefined) throw new Error('no handle');
      handle.respond = (given, options) => {
        list = given;
        return respond(withHeaders(given, [['X-Own', 'added']]), options);
      };
      response.setHeader('x-one', '1');
      response.end('body');
    });
    const [status, code, , ...others] = list?.[0].split('\0') ?? [];
    expect([status, code]).toEqual([':status', '200']);
    expect(others.slice(0, 2)).toEqual(['x-one', '1']);
    expect(list?.[1]).toBe(3);
    expect(headers).toMatchObject({ ':status': 200, 'x-one': '1', 'x-own': 'added' });
    expect(body).toBe('body');
  });

  it('chunks and the end come one at a time, through methods that a stream can have of its own', async () => {
    const calls: string[] = [];
    const { body } = await ask((response) => {
      const stream = response.stream as typeof response.stream & ReturnType<typeof methodsOf>;
      const node = methodsOf(stream);
      stream._write = (chunk, encoding, callback) => {
        calls.push(`write ${String(chunk)}`);
        node._write.call(stream, chunk, encoding, callback);
      };
      stream._final = (callback) => {
        calls.push('final');
        node._final.call(stream, callback);
      };
      response.end('body');
    });
    expect(calls).toEqual(['write body', 'final']);
    expect(body).toBe('body');
  });

  it('what takes nothing but headers is ended before they are handed over; a close comes last, by its code', async () => {
    const calls: string[] = [];
    const { headers } = await ask((response) => {
      const stream = response.stream as typeof response.stream & ReturnType<typeof methodsOf>;
      const handle = handleOf(stream);
      if (handle === undefined) throw new Error('no handle');
      const respond = handle.respond.bind(handle);
      const rstStream = handle.rstStream.bind(handle);
      stream._final = (callback) => {
        calls.push(`final, headers sent: ${stream.headersSent}`);
        methodsOf(stream)._final.call(stream, callback);
      };
      handle.respond = (list, options) => {
        calls.push('respond');
        return respond(list, options);
      };
      handle.rstStream = (code) => {
        calls.push(`close ${code}`);
        rstStream(code);
      };
      // Not from within nghttp2, where requests come from.
      setImmediate(() => {
        stream.respond({ ':status': 204 });
        stream.close();
      });
    });
    expect(headers[':status']).toBe(204);
    expect(calls).toEqual(['final, headers sent: true', 'respond', `close ${NO_ERROR}`]);
  });

  it('an idle timer is an event, which a stream that was ended can do without, and runs again as it was set', async () => {
    const heard: string[] = [];
    const told = (): Promise<true> =>
      eventually('the timer has run out', () => heard.length > 0 || undefined);
    await ask(async (response) => {
      const stream = response.stream as typeof response.stream & ReturnType<typeof methodsOf>;
      let hasRunOut = false;
      let goOn = (): void => undefined;
      stream._final = (callback) => (goOn = () => methodsOf(stream)._final.call(stream, callback));
      const wake = restTimer(stream);
      const emit = stream.emit.bind(stream) as (...args: unknown[]) => boolean;
      stream.emit = (name: unknown, ...args: unknown[]) => {
        hasRunOut ||= name === 'timeout';
        return emit(name, ...args);
      };
      response.write('');
      response.setTimeout(1, () => heard.push('open'));
      await told();
      response.setTimeout(1, () => heard.push('ended'));
      response.end();
      hasRunOut = false;
      await eventually('the timer has run out', () => hasRunOut || undefined);
      expect(heard.splice(0)).toEqual(['open']);
      wake();
      await told();
      goOn();
    });
    expect(heard).toEqual(['ended']);
  });
});
