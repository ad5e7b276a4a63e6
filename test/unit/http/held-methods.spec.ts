import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { holdingPlace, prepareResponse, type HeldMethods } from '../../../lib/http/held-methods.js';

const NAMES = ['writeHead', 'write', 'end', 'flushHeaders'] as const;

/** A response that writes to a list instead of a socket. */
function responseTo(sent: string[]): ServerResponse {
  const response = new ServerResponse(new IncomingMessage(new Socket()));
  response.useChunkedEncodingByDefault = false;
  const socket = new Socket();
  socket.write = (chunk: string | Uint8Array) => sent.push(String(chunk)) > 0;
  response.assignSocket(socket);
  return response;
}

/** The four with one signature each. */
function methodsOf(response: ServerResponse): HeldMethods {
  return response as HeldMethods;
}

/** Methods that only note that they were called. */
function notedIn(calls: string[], response: ServerResponse): HeldMethods {
  return {
    writeHead: (status) => (calls.push(`writeHead ${status}`), response),
    write: (chunk) => calls.push(`write ${String(chunk)}`) > 0,
    end: (chunk) => (calls.push(`end ${String(chunk)}`), response),
    flushHeaders: () => void calls.push('flushHeaders'),
  };
}

function callAll(response: ServerResponse): void {
  response.flushHeaders();
  response.writeHead(201);
  response.write('a');
  response.end('b');
}
const ALL = ['flushHeaders', 'writeHead 201', 'write a', 'end b'];

afterEach(() => void jest.restoreAllMocks());

it('methods of a prepared response work on another, and leave a hold on the first alone', () => {
  const sent: string[] = [];
  const calls: string[] = [];
  const [prepared, other] = [responseTo([]), responseTo(sent)];
  prepareResponse(prepared);
  holdingPlace(prepared).lead(notedIn(calls, prepared));
  for (const name of NAMES) Reflect.set(other, name, Reflect.get(prepared, name));
  const own: string[] = [];
  const place = holdingPlace(other);
  other.end('x');
  expect(sent.join('')).toContain('x');
  place.lead(notedIn(own, other));
  callAll(other);
  expect([own, calls]).toEqual([ALL, []]);
});

describe('a response that is prepared', () => {
  it('does as Node’s own does while nothing holds it', () => {
    const exchange = (prepare: boolean): string => {
      const sent: string[] = [];
      const response = responseTo(sent);
      response.sendDate = false;
      if (prepare) prepareResponse(response);
      expect(response.writeHead(201, 'Made', { 'x-a': 'b' })).toBe(response);
      response.flushHeaders();
      response.write('616263', 'hex');
      expect(response.end('!')).toBe(response);
      expect(response.writableEnded).toBe(true);
      return sent.join('');
    };
    expect(exchange(true)).toContain('201 Made');
    expect(exchange(true)).toBe(exchange(false));
  });

  it('asks for what is put into Node’s own when it is called, as tracing tools do', () => {
    const response = responseTo([]);
    prepareResponse(response);
    const traced = jest.spyOn(ServerResponse.prototype, 'writeHead');
    response.writeHead(204);
    expect(traced).toHaveBeenCalledWith(204);
    expect(traced.mock.contexts).toEqual([response]);
  });

  it('leads to who holds it without getting a new property, which is what is slow on Express', () => {
    const response = responseTo([]);
    prepareResponse(response);
    const before = Reflect.ownKeys(response);
    const calls: string[] = [];
    holdingPlace(response).lead(notedIn(calls, response));
    callAll(response);
    expect(calls).toEqual(ALL);
    expect(Reflect.ownKeys(response)).toEqual(before);
  });

  it.each(NAMES)('is left as it is where somebody has put a %s of their own there', (name) => {
    const response = responseTo([]);
    const theirs = (): never => undefined as never;
    methodsOf(response)[name] = theirs;
    prepareResponse(response);
    expect(NAMES.filter((each) => Object.hasOwn(response, each))).toEqual([name]);
    expect(Reflect.get(response, name)).toBe(theirs);
  });
});

describe.each([true, false])('the place of a hold on a response, prepared %s', (prepared) => {
  const begin = (sent: string[] = []): ServerResponse => {
    const response = responseTo(sent);
    if (prepared) prepareResponse(response);
    return response;
  };

  it('leads calls to the hold, and past it where it has no method', () => {
    const sent: string[] = [];
    const response = begin(sent);
    const calls: string[] = [];
    const place = holdingPlace(response);
    place.lead(notedIn(calls, response));
    callAll(response);
    expect([calls.splice(0), sent]).toEqual([ALL, []]);
    place.lead({ end: notedIn(calls, response).end });
    response.writeHead(201);
    response.write('a');
    response.end('b');
    expect(calls).toEqual(['end b']);
    expect(sent.join('')).toMatch(/^HTTP\/1.1 201 Created.*a$/s);
    place.lead({});
    response.end('over');
    expect(calls).toEqual(['end b']);
    expect(response.writableEnded).toBe(true);
  });

  it('knows what leads past it', () => {
    const sent: string[] = [];
    const response = begin(sent);
    const calls: string[] = [];
    const place = holdingPlace(response);
    place.lead(notedIn(calls, response));
    Reflect.apply(place.before.writeHead, response, [201]);
    Reflect.apply(place.before.end, response, ['out']);
    expect(calls).toEqual([]);
    expect(sent.join('')).toMatch(/^HTTP\/1.1 201 Created.*out/s);
  });

  it.each(NAMES)('is over a %s that somebody put there before it', (name) => {
    const response = begin();
    const calls: string[] = [];
    methodsOf(response)[name] = (): never => calls.push('theirs') as never;
    const place = holdingPlace(response);
    place.lead(notedIn(calls, response));
    callAll(response);
    expect(calls.splice(0)).toEqual(ALL);
    place.lead({});
    Reflect.apply(methodsOf(response)[name], response, []);
    expect(calls).toEqual(['theirs']);
  });

  it('is over that of another hold, which is asked when the first one lets a call pass', () => {
    const response = begin();
    const calls: string[] = [];
    holdingPlace(response).lead(notedIn(calls, response));
    const place = holdingPlace(response);
    const second: string[] = [];
    place.lead(notedIn(second, response));
    callAll(response);
    expect([calls.splice(0), second.splice(0)]).toEqual([[], ALL]);
    Reflect.apply(place.before.end, response, ['passed']);
    expect([calls, second]).toEqual([['end passed'], []]);
  });

  it('leaves alone what somebody put over it since', () => {
    const response = begin();
    const calls: string[] = [];
    const place = holdingPlace(response);
    place.lead(notedIn(calls, response));
    const theirs = (): boolean => true;
    response.write = theirs;
    place.lead({ end: notedIn(calls, response).end });
    expect(Reflect.get(response, 'write')).toBe(theirs);
    response.end('b');
    expect(calls).toEqual(['end b']);
  });
});
