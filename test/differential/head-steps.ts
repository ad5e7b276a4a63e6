import type { Deeds } from './deeds.js';
import { givenHeadersOf, headerValueOf, mayBeOurs, ownHeaders, ownValue } from './values.js';

/** Steps that concern status and headers. */
export const HEAD_STEPS: Deeds<
  | 'setHeader'
  | 'appendHeader'
  | 'removeHeader'
  | 'getHeader'
  | 'hasHeader'
  | 'getHeaders'
  | 'getHeaderNames'
  | 'statusCode'
  | 'statusMessage'
  | 'writeHead'
  | 'flushHeaders'
  | 'cork'
  | 'uncork'
  | 'strictContentLength'
  | 'addTrailers'
  | 'earlyHints'
  | 'continue'
  | 'processing'
> = {
  setHeader: ({ call }, { name, value }) => call('setHeader', name, headerValueOf(value)),
  appendHeader: ({ call }, { name, value }) => call('appendHeader', name, headerValueOf(value)),
  removeHeader: ({ call }, { name }) => call('removeHeader', name),
  getHeader: ({ call }, { name }) => ownValue(name, call('getHeader', name)),
  hasHeader: ({ call }, { name }) => call('hasHeader', name),
  getHeaders: ({ call }) => ownHeaders(call('getHeaders') as Record<string, unknown>),
  getHeaderNames: ({ call }) => (call('getHeaderNames') as string[]).filter((name) => !mayBeOurs(name)),
  statusCode: ({ set }, { code }) => set('statusCode', code),
  statusMessage: ({ set }, { text }) => set('statusMessage', text),
  writeHead: ({ call }, { code, message, headers }) =>
    call('writeHead', code, ...(message === undefined ? [] : [message]), ...givenHeadersOf(headers)),
  flushHeaders: ({ call }) => call('flushHeaders'),
  cork: ({ call }) => call('cork'),
  uncork: ({ call }) => call('uncork'),
  strictContentLength: ({ set }) => set('strictContentLength', true),
  addTrailers: ({ call }, { pairs }) => call('addTrailers', Object.fromEntries(pairs)),
  earlyHints: ({ call, scene, name }, { link, callback }) =>
    call('writeEarlyHints', { link }, ...(callback ? [scene.callback(`${name} callback`)] : [])),
  continue: ({ call, scene, name }) => call('writeContinue', scene.callback(`${name} callback`)),
  processing: ({ call, scene, name }) => call('writeProcessing', scene.callback(`${name} callback`)),
};
