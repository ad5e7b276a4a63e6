/** One way a response can leave. */
export interface WayOut {
  readonly name: string;
  readonly path: string;
  readonly status: number;
  readonly body?: string | RegExp;
  readonly method?: 'HEAD';
  /** The session changes when the headers have long left: it is the end of the response that waits. */
  readonly late?: true;
}

export const WAYS_OUT: readonly WayOut[] = [
  { name: 'a value', path: 'value', status: 200, body: '{"some":"value"}' },
  { name: 'HEAD', path: 'head', status: 200, method: 'HEAD', body: '' },
  { name: 'an empty 204', path: 'empty', status: 204, body: '' },
  { name: 'an observable', path: 'observable', status: 200, body: 'observed' },
  { name: '@Redirect', path: 'redirect', status: 302 },
  { name: 'a redirect by its value', path: 'dynamic-redirect', status: 307 },
  { name: 'an HttpException', path: 'exception', status: 404, body: /no such tea/ },
  { name: 'an error (500)', path: 'crash', status: 500 },
  { name: 'a guard that returns false', path: 'guard-rejects', status: 403 },
  { name: 'a guard that throws', path: 'guard-throws', status: 403, body: /thrown/ },
  { name: 'a pipe that rejects', path: 'pipe-rejects', status: 400 },
  { name: 'an exception filter that writes', path: 'filter', status: 400, body: 'filtered' },
  {
    name: 'an interceptor that writes after the handler',
    path: 'interceptor',
    status: 200,
    body: 'intercepted',
  },
  { name: '404 after middleware wrote', path: 'middleware-404', status: 404 },
  { name: 'middleware that ends the response', path: 'middleware-ends', status: 202, body: 'ended' },
  { name: '@Res() and send', path: 'res-send', status: 201, body: 'sent' },
  { name: '@Res() and JSON', path: 'res-json', status: 200, body: '{"a":1}' },
  { name: '@Res() and writeHead, write, end', path: 'res-raw', status: 203, body: 'one,two,three' },
  { name: '@Res() and end alone', path: 'res-end', status: 202, body: '' },
  { name: '@Res() and flushHeaders', path: 'res-flush', status: 200, body: 'flushed' },
  { name: '@Res() with passthrough', path: 'passthrough', status: 203, body: 'passed' },
  { name: 'a StreamableFile of bytes', path: 'file', status: 200, body: 'file' },
  { name: 'a StreamableFile of a stream', path: 'file-stream', status: 200, body: /^ab{100000}c$/ },
  { name: 'a stream piped to the response', path: 'pipe', status: 200, body: /^xy{100000}z$/ },
  { name: 'server-sent events', path: 'sse-before', status: 200, body: /data: event\n/ },
  {
    name: 'server-sent events that write',
    path: 'sse-during',
    status: 200,
    body: /early[^]*late/,
    late: true,
  },
];
