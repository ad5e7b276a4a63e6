import type { ServerResponse } from 'node:http';
import type { Wrapper } from './program.js';

/** Methods by name, with whatever arguments. */
type Methods = Record<'writeHead' | 'write' | 'end', (...args: unknown[]) => unknown>;

/** Puts something around a response's methods, as middleware does it. */
export function wrapResponse(response: ServerResponse, by: Wrapper): void {
  switch (by) {
    case 'header':
      return addHeaderAtLast(response);
    case 'transform':
      return transformBody(response);
    case 'footer':
      return addFooter(response);
  }
}

/** As on-headers does it, and with it response-time, morgan and express-session: once, as the head is written. */
function addHeaderAtLast(response: ServerResponse): void {
  const methods = response as unknown as Methods;
  const { writeHead } = methods;
  let fired = false;
  methods.writeHead = (...args) => {
    if (!fired) {
      fired = true;
      if (!response.hasHeader('x-wrapped')) response.setHeader('x-wrapped', 'yes');
    }
    return Reflect.apply(writeHead, response, args);
  };
}

/** As compression does it: every chunk becomes another, and the head is asked for before the first. */
function transformBody(response: ServerResponse): void {
  const methods = response as unknown as Methods;
  const { write, end } = methods;
  const louder = (chunk: unknown): unknown => (typeof chunk === 'string' ? chunk.toUpperCase() : chunk);
  const begin = (): void => {
    if (response.headersSent) return;
    response.removeHeader('Content-Length');
    response.setHeader('x-transformed', 'yes');
    response.writeHead(response.statusCode);
  };
  methods.write = (chunk, ...rest) => {
    begin();
    return Reflect.apply(write, response, [louder(chunk), ...rest]);
  };
  methods.end = (chunk, ...rest) => {
    begin();
    return Reflect.apply(end, response, [louder(chunk), ...rest]);
  };
}

/** As live-reload does it: something of its own before the end. */
function addFooter(response: ServerResponse): void {
  const methods = response as unknown as Methods;
  const { end } = methods;
  methods.end = (chunk, ...rest) => {
    if (response.writableEnded) return Reflect.apply(end, response, [chunk, ...rest]);
    if (typeof chunk === 'string' && chunk !== '') response.write(chunk);
    const last = typeof chunk === 'string' ? 'footer' : chunk;
    return Reflect.apply(end, response, [last, ...rest]);
  };
}
