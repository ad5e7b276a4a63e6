import type { Program, SessionDeed, Step } from './program.js';

const NO_HEADERS = { form: 'none' } as const;
const OPEN: readonly Step[] = [{ do: 'open' }, { do: 'touch' }];
const STREAM = { bytes: 40_000, pace: 'a turn each', fails: false, awaited: false } as const;

/** What a handler does once it has changed its session, on a plain GET. */
function after(...steps: Step[]): Program {
  return handler(...OPEN, ...steps);
}

function handler(...steps: Step[]): Program {
  return {
    request: { method: 'GET', version: '1.1', connection: 'default', body: 0, expectsContinue: false },
    way: 0,
    behind: false,
    careless: false,
    steps,
  };
}

function careless(program: Program): Program {
  return { ...program, careless: true };
}

/** On a connection that is not kept. */
function onceOnly(program: Program): Program {
  return { ...program, request: { ...program.request, connection: 'close' } };
}

const deed = (which: SessionDeed, awaited: boolean): Step => ({ do: 'session', deed: which, awaited });
const emptyPipe = { do: 'pipe', chunks: 0, bytes: 1, pace: 'at once', fails: false, awaited: false } as const;
const text = (one: string): { readonly text: string } => ({ text: one });
const end = (one: string): Step => ({ do: 'end', chunk: text(one), callback: true });
const write = (one: string): Step => ({ do: 'write', chunk: text(one), callback: true });

/** Answers otherwise with a session. */
export function betrayed(by: 'header' | 'body' | 'event'): Program {
  return after({ do: 'betray', by }, end('x'));
}

/** What was seen to go wrong once, or is easy to get wrong. Each is a name, and what a handler does. */
export const CASES: Readonly<Record<string, Program>> = {
  // The process ended.
  'a status message that cannot be sent': after({ do: 'statusMessage', text: 'no €' }, end('x')),
  'a status message that cannot be sent, and nobody catches': careless(
    after({ do: 'statusMessage', text: 'no €' }, end('x')),
  ),
  'a number at the end of a stream': handler(
    { do: 'open' },
    write('one'),
    { do: 'touch' },
    { do: 'end', chunk: { bad: 'number' }, callback: false },
    end('two'),
  ),
  'an end after the end, a moment later': after(end('one'), { do: 'turn', turns: 2 }, end('two')),

  // The client hung.
  'an end that throws, and the framework answers': careless(
    after({ do: 'end', chunk: { bad: 'number' }, callback: false }),
  ),
  'an end that throws, and another': after(
    { do: 'end', chunk: { bad: 'object' }, callback: false },
    end('x'),
  ),
  'a status that cannot be sent': careless(after({ do: 'statusCode', code: 9999 }, end('x'))),
  'a writeHead that throws, and the framework answers': careless(
    after({ do: 'writeHead', code: 9999, headers: NO_HEADERS }, end('x')),
  ),
  'an answer of 403, and then next()': after({ do: 'answer', as: 'status' }, { do: 'next' }),

  // The answer, and the next one on the connection.
  'a redirect without return, and a second answer': after(
    { do: 'answer', as: 'redirect' },
    { do: 'answer', as: 'json' },
  ),
  'a redirect without return, and nobody catches': careless(
    after({ do: 'answer', as: 'redirect' }, { do: 'answer', as: 'json' }),
  ),
  'status and headers after the answer': after(
    end('one'),
    { do: 'statusCode', code: 500 },
    { do: 'setHeader', name: 'Content-Length', value: 700 },
    { do: 'removeHeader', name: 'X-A' },
  ),
  'writeHead twice': after(
    { do: 'writeHead', code: 200, headers: NO_HEADERS },
    { do: 'writeHead', code: 404, headers: NO_HEADERS },
    end('x'),
  ),
  'an error after the answer': after(end('one'), { do: 'throw' }),

  // Bodies.
  'response-time, then the session, then compression, and a stream': handler(
    { do: 'wrap', by: 'header' },
    ...OPEN,
    { do: 'wrap', by: 'transform' },
    { do: 'pipe', chunks: 3, ...STREAM },
  ),
  'compression before the session, and a stream': handler({ do: 'wrap', by: 'transform' }, ...OPEN, {
    do: 'pipe',
    chunks: 3,
    ...STREAM,
  }),
  'a footer that was put there before the session': handler(
    { do: 'wrap', by: 'footer' },
    ...OPEN,
    end('body'),
  ),
  'a footer that was put there after the session': after({ do: 'wrap', by: 'footer' }, end('body')),
  'a footer around an answer of the framework': handler({ do: 'wrap', by: 'footer' }, ...OPEN, {
    do: 'answer',
    as: 'text',
  }),
  'headers in a flat list, where one was set before': after(
    { do: 'setHeader', name: 'X-A', value: 'one' },
    { do: 'appendHeader', name: 'Set-Cookie', value: 'a=b' },
    {
      do: 'writeHead',
      code: 200,
      headers: {
        form: 'flat',
        pairs: [
          ['X-A', 'two'],
          ['Set-Cookie', 'c=d'],
          ['Vary', 'Origin'],
        ],
      },
    },
    end('x'),
  ),
  'headers in an object, beside a cookie that was set': after(
    { do: 'setHeader', name: 'Set-Cookie', value: ['a=b', 'c=d'] },
    { do: 'writeHead', code: 201, message: 'Fine', headers: { form: 'object', pairs: [['Vary', 'Accept']] } },
    end('x'),
  ),
  'a HEAD request': { ...after(end('body')), request: { ...handler().request, method: 'HEAD' } },
  'a HEAD request that is answered a second time': {
    ...after(
      write(''),
      { do: 'turn', turns: 1 },
      { do: 'answer', as: 'text' },
      { do: 'produce', chunks: 1, bytes: 700 },
    ),
    request: { ...handler().request, method: 'HEAD' },
  },
  'a write after the end': after(end('one'), write('two')),
  'a pipe after the end of an answer to HEAD': {
    ...after(end(''), { do: 'pipe', chunks: 1, bytes: 1, pace: 'at once', fails: false, awaited: true }),
    request: { ...handler().request, method: 'HEAD' },
  },
  'an echo after the answer': {
    ...after({ do: 'answer', as: 'text' }, { do: 'touch' }, { do: 'echo' }),
    request: { ...handler().request, method: 'POST', body: 40_000 },
  },
  'a login that fails, a late write, and an echo, while another response is before it': {
    ...handler(
      { do: 'open' },
      { do: 'touch' },
      deed('login', true),
      end(''),
      write(''),
      { do: 'touch' },
      { do: 'echo' },
    ),
    behind: true,
  },
  'a pipeline that nobody awaits, while another response is before it': {
    ...after(
      { do: 'settle' },
      { do: 'touch' },
      { do: 'pipeline', chunks: 1, bytes: 1, pace: 'at once', fails: false, awaited: false },
    ),
    behind: true,
  },
  'an empty pipeline into a response that has ended a moment ago': after(
    { do: 'produce', chunks: 2, bytes: 700 },
    { do: 'touch' },
    { do: 'end', callback: false },
    { do: 'turn', turns: 2 },
    { do: 'pipeline', chunks: 0, bytes: 1, pace: 'a turn each', fails: false, awaited: true },
  ),
  'a login that fails, the end, a pipeline and an echo': handler(
    { do: 'open' },
    { do: 'touch' },
    deed('login', true),
    end(''),
    { do: 'turn', turns: 1 },
    { do: 'pipeline', chunks: 1, bytes: 1, pace: 'a turn each', fails: false, awaited: true },
    { do: 'touch' },
    { do: 'echo' },
  ),
  'a middleware that goes on, writes and answers behind the answer of the framework': {
    ...handler(
      ...OPEN,
      { do: 'next' },
      { do: 'write', chunk: text(''), callback: false },
      { do: 'touch' },
      { do: 'answer', as: 'text' },
    ),
  },
  'an end, a pipeline that is awaited, and an answer': after(
    { do: 'end', callback: false },
    { do: 'pipeline', chunks: 2, bytes: 1, pace: 'at once', fails: false, awaited: true },
    { do: 'touch' },
    { do: 'answer', as: 'text' },
  ),
  'an answer, a late write and one of an encoding that nobody knows, and nobody catches': careless(
    after(
      { do: 'touch' },
      { do: 'answer', as: 'text' },
      { do: 'written' },
      { do: 'write', chunk: text(''), encoding: 'nonsense', callback: false },
    ),
  ),
  'a body that is read after the answer': {
    ...after({ do: 'answer', as: 'text' }, { do: 'written' }, { do: 'touch' }, end(''), { do: 'readBody' }),
    request: { ...handler().request, method: 'POST', body: 5 },
  },
  'an end whose chunk is refused, in a stream': after(
    { do: 'produce', chunks: 1, bytes: 700 },
    { do: 'turn', turns: 1 },
    { do: 'end', chunk: text('€'), encoding: 'nonsense', callback: false },
    { do: 'touch' },
    { do: 'answer', as: 'text' },
  ),
  'early hints behind an end whose chunk is refused': after(
    { do: 'end', chunk: text('one'), encoding: 'nonsense', callback: false },
    { do: 'earlyHints', link: '</a>; rel=preload', callback: false },
    { do: 'touch' },
    { do: 'end', callback: false },
  ),
  'a pipeline where an answer has left': after(
    write(''),
    { do: 'settle' },
    { do: 'touch' },
    { do: 'pipeline', chunks: 2, bytes: 1, pace: 'at once', fails: false, awaited: false },
  ),
  'a save and, behind the end, a logout that nobody awaits': after(
    deed('save', false),
    { do: 'end', callback: false },
    deed('logout', false),
    { do: 'end', callback: false },
  ),
  'a pipeline into a 204': after(
    { do: 'writeHead', code: 204, headers: NO_HEADERS },
    { do: 'turn', turns: 1 },
    { do: 'touch' },
    { do: 'pipeline', chunks: 1, bytes: 1, pace: 'a turn each', fails: false, awaited: false },
  ),
  'early hints behind a write whose chunk is refused': after(
    { do: 'write', chunk: text(''), encoding: 'nonsense', callback: false },
    { do: 'earlyHints', link: '</a>; rel=preload', callback: false },
    { do: 'touch' },
    { do: 'end', callback: false },
  ),
  'a pipe behind a large one': after(
    { do: 'pipe', chunks: 3, bytes: 40_000, pace: 'a turn each', fails: false, awaited: true },
    { do: 'touch' },
    { do: 'pipe', chunks: 1, bytes: 1, pace: 'at once', fails: false, awaited: false },
  ),
  'a cork after the end, and a second answer': after(
    write(''),
    { do: 'end', chunk: text(''), callback: true },
    { do: 'cork' },
    { do: 'turn', turns: 1 },
    { do: 'touch' },
    { do: 'answer', as: 'redirect' },
  ),
  'a 204 that announces trailers': after(
    { do: 'writeHead', code: 204, headers: { form: 'object', pairs: [['Trailer', 'one']] } },
    { do: 'touch' },
    { do: 'end', callback: false },
  ),
  'a head of a wrong status with a header that HTTP/2 has no place for, and an answer': after(
    { do: 'writeHead', code: 9999, headers: { form: 'object', pairs: [['Keep-Alive', 'one']] } },
    { do: 'touch' },
    { do: 'answer', as: 'text' },
  ),
  'a head that nothing can leave with, and an echo': after(
    deed('login', false),
    { do: 'turn', turns: 2 },
    { do: 'writeHead', code: 9999, headers: { form: 'object', pairs: [['Transfer-Encoding', 7]] } },
    { do: 'touch' },
    { do: 'echo' },
  ),
  'a late write and a head that throws, and nobody catches': careless({
    ...after(
      { do: 'end', callback: false },
      { do: 'write', chunk: text(''), callback: false },
      { do: 'writeHead', code: 9999, headers: { form: 'null' } },
      { do: 'touch' },
      { do: 'end', callback: true },
    ),
    request: { ...handler().request, method: 'HEAD' },
  }),
  'a 503 of version 1.0, through a wrapper': {
    ...handler(
      { do: 'wrap', by: 'transform' },
      { do: 'open' },
      { do: 'touch' },
      { do: 'setTimeout', fires: true, callback: false },
      { do: 'touch' },
      emptyPipe,
    ),
    request: { ...handler().request, version: '1.0' },
  },
  'a pipe whose source fails after much': after(
    { do: 'pipe', chunks: 3, bytes: 40_000, pace: 'a turn each', fails: true, awaited: true },
    { do: 'touch' },
    { do: 'end', callback: false },
  ),
  'a pipe whose source fails after much, and a large end': after(
    { do: 'pipe', chunks: 3, bytes: 40_000, pace: 'a turn each', fails: true, awaited: true },
    { do: 'touch' },
    { do: 'end', chunk: { bytes: 400_000, as: 'string' }, callback: false },
  ),
  'an end whose chunk is refused, and a large pipe': after(
    { do: 'end', chunk: text('grün'), encoding: 'nonsense', callback: false },
    { do: 'pipe', chunks: 2, bytes: 40_000, pace: 'at once', fails: false, awaited: true },
  ),
  'a footer, and a pipe': after(
    { do: 'wrap', by: 'footer' },
    { do: 'touch' },
    { ...emptyPipe, pace: 'a turn each' },
  ),
  'an empty pipe, and a write with a callback': handler(
    { do: 'listen', to: 'unpipe' },
    ...OPEN,
    { ...emptyPipe, awaited: true },
    { do: 'write', chunk: text(''), callback: true },
    { do: 'touch' },
    { do: 'end', chunk: { bytes: 0, as: 'string' }, callback: false },
  ),
  'a pipe, and a write of a number': after(
    { do: 'pipe', chunks: 1, bytes: 1, pace: 'at once', fails: false, awaited: true },
    { do: 'write', chunk: { bad: 'number' }, callback: false },
    { do: 'touch' },
    { do: 'end', chunk: text(''), callback: false },
  ),
  'an empty pipe, and another': after(
    { ...emptyPipe, awaited: true },
    { do: 'touch' },
    { ...emptyPipe, pace: 'a turn each' },
  ),
  'an end without a body': after({ do: 'end', callback: true }),
  'a 204': after({ do: 'statusCode', code: 204 }, end('')),
  'a 204 that is ended a turn later': after(
    { do: 'writeHead', code: 204, headers: NO_HEADERS },
    { do: 'turn', turns: 1 },
    end(''),
    { do: 'settle' },
  ),
  'a 304': after({ do: 'statusCode', code: 304 }, end('')),
  'a request that expects to be told to continue': {
    ...after({ do: 'readBody' }, end('x')),
    request: { ...handler().request, method: 'POST', body: 5, expectsContinue: true },
  },
  'a body that is echoed': {
    ...after({ do: 'echo' }),
    request: { ...handler().request, method: 'POST', body: 40_000 },
  },
  'early hints, and trailers': after(
    { do: 'earlyHints', link: '</a>; rel=preload', callback: true },
    { do: 'setHeader', name: 'Trailer', value: 'X-T' },
    write('one'),
    { do: 'addTrailers', pairs: [['X-T', 't']] },
    end('two'),
  ),
  'trailers after the end': after(end('one'), { do: 'settle' }, { do: 'addTrailers', pairs: [['X-T', 't']] }),
  'a chunk of an encoding that nobody knows': after(
    { do: 'write', chunk: text('one'), encoding: 'nonsense', callback: false },
    end('two'),
  ),

  // Producers.
  'a stream that is piped': after(
    { do: 'pipe', chunks: 4, ...STREAM, awaited: true },
    { do: 'turn', turns: 1 },
  ),
  'a pipeline': after({ do: 'pipeline', chunks: 4, ...STREAM, awaited: true }),
  'a pipeline whose source fails': after({
    do: 'pipeline',
    chunks: 2,
    ...STREAM,
    fails: true,
    awaited: true,
  }),
  'a producer that waits for drain': after({ do: 'produce', chunks: 4, bytes: 90_000 }, end('x')),
  'callbacks of writes': after(write('one'), { do: 'settle' }, write('two'), { do: 'written' }, end('three')),

  // The session itself.
  'a login that is awaited, and the end': handler({ do: 'open' }, deed('login', true), end('x')),
  'a login that nobody awaits, and the end': handler({ do: 'open' }, deed('login', false), end('x')),
  'a logout that nobody awaits, and the end': after(deed('logout', false), end('x')),
  'a logout, and what follows it': after(deed('logout', true), { do: 'touch' }, end('x')),
  'a renewal in a stream': after(write('one'), deed('renew with grace', true), end('two')),

  // The connection.
  'a response behind another one': {
    ...after(write('one'), { do: 'answerBefore' }, end('two')),
    behind: true,
  },
  'a response that fails while another one is before it, and is ended then': {
    ...after({ do: 'listen', to: 'error' }, { do: 'destroy', error: true }, { do: 'end', callback: false }),
    behind: true,
  },
  'an empty pipeline into a response that was ended twice': after(
    { do: 'end', callback: false },
    { do: 'end', chunk: { bytes: 0, as: 'buffer' }, callback: false },
    { do: 'pipeline', chunks: 0, bytes: 1, pace: 'at once', fails: false, awaited: true },
  ),
  'a response that is ended while another one is before it': {
    ...after(end('two'), { do: 'settle' }),
    behind: true,
  },
  'a 503 of a request that expects to be told to continue, while another response is before it': {
    ...after({ do: 'settle' }, { do: 'touch' }, emptyPipe),
    request: { ...handler().request, method: 'POST', expectsContinue: true },
    behind: true,
  },
  'a second answer while another response is before it, and nobody catches': careless({
    ...onceOnly(after({ do: 'end', chunk: text(''), callback: false }, { do: 'answer', as: 'text' })),
    behind: true,
  }),
  'a cork after the end': after(end('one'), { do: 'cork' }),
  'a pipeline behind another response, and a pipe': {
    ...after(
      { do: 'touch' },
      { do: 'pipeline', chunks: 2, bytes: 40_000, pace: 'a turn each', fails: false, awaited: true },
      { do: 'touch' },
      { do: 'pipe', chunks: 1, bytes: 1, pace: 'at once', fails: false, awaited: false },
    ),
    behind: true,
  },
  'a write behind a 204': after(
    { do: 'touch' },
    { do: 'writeHead', code: 204, headers: { form: 'none' } },
    { do: 'written' },
    { do: 'write', chunk: text(''), callback: true },
    { do: 'touch' },
    { do: 'answer', as: 'text' },
  ),
  'a failing source and a write behind a 204': after(
    { do: 'touch' },
    { do: 'writeHead', code: 204, headers: { form: 'none' } },
    { do: 'pipe', chunks: 0, bytes: 1, pace: 'at once', fails: true, awaited: true },
    { do: 'write', chunk: text(''), callback: true },
    { do: 'touch' },
    { do: 'pipe', chunks: 0, bytes: 1, pace: 'at once', fails: false, awaited: false },
  ),
  'an end that is refused, a pipe and another end': after(
    { do: 'touch' },
    { do: 'end', chunk: text('grün'), encoding: 'nonsense', callback: false },
    { do: 'pipe', chunks: 2, bytes: 40_000, pace: 'at once', fails: false, awaited: true },
    { do: 'touch' },
    { do: 'end', callback: false },
  ),
  'a slow source behind a 204': after(
    { do: 'touch' },
    { do: 'writeHead', code: 204, headers: { form: 'none' } },
    { do: 'turn', turns: 1 },
    { do: 'touch' },
    { do: 'pipe', chunks: 0, bytes: 1, pace: 'a turn each', fails: false, awaited: false },
  ),
  'an empty source behind a 204': after(
    { do: 'listen', to: 'unpipe' },
    { do: 'touch' },
    { do: 'writeHead', code: 204, headers: { form: 'none' } },
    { do: 'turn', turns: 1 },
    { do: 'touch' },
    { do: 'pipe', chunks: 0, bytes: 1, pace: 'at once', fails: false, awaited: false },
  ),
  'an end that is refused, and a 100': after(
    { do: 'touch' },
    { do: 'write', chunk: { bytes: 0, as: 'string' }, callback: false },
    { do: 'turn', turns: 1 },
    { do: 'touch' },
    { do: 'end', chunk: text('grün'), encoding: 'nonsense', callback: false },
    { do: 'settle' },
    { do: 'continue' },
  ),
  'two values of a header that HTTP/2 has one of': after(
    { do: 'touch' },
    { do: 'setHeader', name: 'ETag', value: ['one', 'two'] },
    { do: 'touch' },
    { do: 'end', chunk: text(''), callback: false },
  ),
  'a head behind a large body and a write after its end': after(
    { do: 'touch' },
    { do: 'end', chunk: { bytes: 400_000, as: 'string' }, callback: false },
    { do: 'produce', chunks: 1, bytes: 700 },
    { do: 'turn', turns: 3 },
    { do: 'writeHead', code: 200, headers: { form: 'object', pairs: [] } },
    { do: 'touch' },
    { do: 'pipe', chunks: 0, bytes: 1, pace: 'at once', fails: false, awaited: false },
  ),
  'a producer behind a cork': after(
    { do: 'touch' },
    { do: 'cork' },
    { do: 'produce', chunks: 3, bytes: 40_000 },
    { do: 'touch' },
    { do: 'echo' },
  ),
  'an answer to HEAD that throws': careless({
    ...after(
      deed('login', false),
      { do: 'settle' },
      { do: 'touch' },
      { do: 'end', chunk: { bad: 'number' }, callback: false },
    ),
    request: { ...handler().request, method: 'HEAD' },
  }),
  'two writes and an empty pipeline after the end': after(
    { do: 'listen', to: 'error' },
    { do: 'end', callback: false },
    { do: 'write', chunk: text(''), callback: false },
    { do: 'write', chunk: text(''), callback: false },
    { do: 'pipeline', chunks: 0, bytes: 1, pace: 'at once', fails: false, awaited: false },
  ),
  'a pipe of more than its length, and an end': after(
    { do: 'touch' },
    { do: 'writeHead', code: 200, headers: { form: 'object', pairs: [['Content-Length', 3]] } },
    { do: 'pipe', chunks: 2, bytes: 40_000, pace: 'a turn each', fails: false, awaited: true },
    { do: 'touch' },
    { do: 'end', chunk: text(''), callback: false },
  ),
  'an end that comes when all is over': after(
    { do: 'listen', to: 'finish' },
    write('one'),
    { do: 'settle' },
    end('two'),
  ),
  'a write and a cork after the end': after(write(''), end(''), write(''), { do: 'cork' }, end('')),
  'a cork after the end, while another response is before it': {
    ...after(end('one'), { do: 'cork' }),
    behind: true,
  },
  'the same on a connection that is not kept': { ...onceOnly(after(end(''), { do: 'cork' })), behind: true },
  'server.close() after the end': after(end('x'), { do: 'closeServer' }),
  'closeIdleConnections() after the end': after(end('x'), { do: 'closeIdleConnections' }),
  'an end of its connection after the end': after(end('x'), { do: 'connection', by: 'end' }),
  'the same while another response is before it': {
    ...after(end('x'), { do: 'connection', by: 'end' }),
    behind: true,
  },
  'a destroySoon of its connection after the end': after(end('x'), { do: 'connection', by: 'destroySoon' }),
  'a destroy in the middle': after(write('one'), { do: 'destroy', error: false }, end('two')),
  'a timeout that never fires': after({ do: 'setTimeout', fires: false, callback: true }, end('x')),
  'a timeout in a stream': after(write('one'), { do: 'setTimeout', fires: true, callback: true }, end('two')),
  'a client that leaves in the middle': after(
    { do: 'listen', to: 'close' },
    write('one'),
    { do: 'clientLeaves', how: 'reset' },
    write('two'),
    end('three'),
  ),
};
