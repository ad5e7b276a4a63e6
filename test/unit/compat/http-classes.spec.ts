import { describe, expect, it } from '@jest/globals';
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { httpClassesWith } from '../../../lib/compat/http-classes.js';

const request = Object.create(IncomingMessage.prototype, { app: { value: 'ours' } }) as object;
const response = Object.create(ServerResponse.prototype, { app: { value: 'ours' } }) as object;

/** A canary for each Node: what breaks here makes fastExpress() change nothing. */
describe("Node's classes of requests and responses", () => {
  it('make what they always make, with another prototype', () => {
    const classes = httpClassesWith(request, response, 20);
    if (classes === undefined) throw new Error('This Node does not let its classes be called any more.');
    const incoming = new classes.IncomingMessage(new Socket());
    const outgoing = new classes.ServerResponse(incoming);
    expect(Object.getPrototypeOf(incoming)).toBe(request);
    expect(Object.getPrototypeOf(outgoing)).toBe(response);
    expect(outgoing.req).toBe(incoming);
    // What the constructor has set up, none of it missing.
    const [plain, plainOut] = [new IncomingMessage(new Socket()), new ServerResponse(incoming)];
    expect(Reflect.ownKeys(incoming)).toEqual(Reflect.ownKeys(plain));
    expect(Reflect.ownKeys(outgoing)).toEqual(Reflect.ownKeys(plainOut));
  });

  it('are left alone from Node 24 on, where a change of prototype costs nothing', () => {
    expect(httpClassesWith(request, response, 22)).toBeDefined();
    expect(httpClassesWith(request, response, 24)).toBeUndefined();
  });

  it('are left alone for prototypes of something else', () => {
    expect(httpClassesWith({}, response, 20)).toBeUndefined();
    expect(httpClassesWith(request, request, 20)).toBeUndefined();
  });
});
