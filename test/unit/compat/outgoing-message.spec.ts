import { afterEach, describe, expect, it } from '@jest/globals';
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import {
  isNodeResponse,
  missingFromNode,
  NODE,
  renderedContentType,
  withUnlockedHeaders,
  type NodeResponse,
} from '../../../lib/compat/outgoing-message.js';
import { assertDeferrable } from '../../../lib/http/deferred-response.js';

const response = (): NodeResponse => new ServerResponse(new IncomingMessage(new Socket())) as NodeResponse;

/** A canary for each Node: what breaks here would corrupt responses. */
describe("the private parts of Node's responses", () => {
  afterEach(() => {
    Reflect.deleteProperty(NODE, '_send');
  });

  it('are what the deferred response leans on', () => {
    expect(missingFromNode()).toBeUndefined();
    expect(assertDeferrable).not.toThrow();
  });

  it.each([
    ['is gone', undefined],
    ['is something else', 1],
  ])('_send that %s is noticed, and the application does not boot', (_name, value) => {
    Reflect.set(NODE, '_send', value);
    expect(missingFromNode()).toBe('OutgoingMessage._send');
    expect(assertDeferrable).toThrow(/Node v\d.*OutgoingMessage\._send.*newer release/s);
  });

  it.each([
    ['setHeader', (one: NodeResponse) => one.setHeader('Content-Type', 'text/event-stream').writeHead(200)],
    ['writeHead alone', (one: NodeResponse) => one.writeHead(200, { 'content-type': 'text/event-stream' })],
  ])('the headers that %s gave are rendered', (_how, begin) => {
    const one = response();
    expect(renderedContentType(one)).toBeUndefined();
    begin(one);
    expect(renderedContentType(one)).toBe('text/event-stream');
  });

  it('informational responses go past _send, through _writeRaw', () => {
    const raw: unknown[] = [];
    const one = response();
    one._writeRaw = (data) => raw.push(data) > 0;
    one._send = () => {
      throw new Error('through _send');
    };
    one.writeContinue();
    one.writeProcessing();
    one.writeEarlyHints({ link: '</a.css>; rel=preload' });
    expect(raw.map((data) => String(data).split('\r\n')[0])).toEqual([
      'HTTP/1.1 100 Continue',
      'HTTP/1.1 102 Processing',
      'HTTP/1.1 103 Early Hints',
    ]);
  });

  it.each([
    ['write', (one: NodeResponse) => one.write('x')],
    ['end', (one: NodeResponse) => one.end()],
    ['end of a chunk', (one: NodeResponse) => one.end('x')],
    ['flushHeaders', (one: NodeResponse) => one.flushHeaders()],
    ['writeHead and end', (one: NodeResponse) => one.writeHead(204).end()],
  ])('%s renders the headers first, and asks _send before they are sent', (_name, call) => {
    const one = response();
    const seen: unknown[] = [];
    one._send = () => seen.push([one._header?.split('\r\n')[0], one._headerSent]) > 0;
    call(one);
    expect(seen[0]).toEqual([expect.stringMatching(/^HTTP\/1\.1 20[04] /), false]);
  });

  it('a response with methods of its own is not one that Node sends', () => {
    class Injected extends ServerResponse {
      override end(): this {
        return this;
      }
    }
    expect(isNodeResponse(response())).toBe(true);
    // As Express does it.
    const reborn = response();
    Reflect.setPrototypeOf(reborn, Object.create(ServerResponse.prototype) as object);
    expect(isNodeResponse(reborn)).toBe(true);
    expect(isNodeResponse(new Injected(new IncomingMessage(new Socket())))).toBe(false);
    expect(isNodeResponse({})).toBe(false);
  });

  it('headers that were rendered can be changed for whoever asks for them, and leave as they were', () => {
    const one = response();
    one.writeHead(200, { 'x-one': '1' });
    const { _header: rendered } = one;
    withUnlockedHeaders(one, `${rendered ?? ''}`, () => one.setHeader('x-two', '2'));
    expect(one.getHeader('x-two')).toBe('2');
    expect(one._header).toBe(rendered);
    expect(() => one.setHeader('x-three', '3')).toThrow(/after they are sent/);
    expect(() =>
      withUnlockedHeaders(one, `${rendered ?? ''}`, () => {
        throw new Error('in between');
      }),
    ).toThrow('in between');
    expect(one._header).toBe(rendered);
  });
});
