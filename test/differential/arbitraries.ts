import fc from 'fast-check';
import {
  ANSWERS,
  EVENTS,
  SESSION_DEEDS,
  type Chunk,
  type GivenHeaders,
  type HeaderValue,
  type Program,
  type ProgramRequest,
  type Step,
} from './program.js';

/** Sizes on both sides of every highWaterMark (16 KiB, 64 KiB), but near none of them: our own headers count too. */
const SIZES = [0, 1, 700, 40_000, 90_000, 400_000];

const size = fc.constantFrom(...SIZES);

const chunk: fc.Arbitrary<Chunk> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ text: fc.constantFrom('', 'one', 'two', 'grün', '€') }) },
  {
    weight: 3,
    arbitrary: fc.record({ bytes: size, as: fc.constantFrom('string', 'buffer', 'uint8array') }),
  },
  { weight: 1, arbitrary: fc.record({ bad: fc.constantFrom('number', 'null', 'object', 'undefined') }) },
);

/** No hex: an odd number of digits ends Node itself, by an assertion, when it writes several chunks at once. */
const encoding = fc.option(fc.constantFrom('utf8', 'latin1', 'base64', 'ucs2', 'nonsense'), {
  nil: undefined,
  freq: 4,
});

const headerName = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('X-A', 'x-b', 'Content-Type', 'ETag', 'Link') },
  { weight: 3, arbitrary: fc.constantFrom('Set-Cookie', 'Vary', 'Cache-Control') },
  {
    weight: 2,
    arbitrary: fc.constantFrom('Connection', 'Transfer-Encoding', 'Trailer', 'Date', 'Keep-Alive'),
  },
  { weight: 1, arbitrary: fc.constantFrom('bad name', '') },
);

const headerValue: fc.Arbitrary<HeaderValue> = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('one', 'two', 'a=b', 'Origin', 'Accept, Origin', 'max-age=5') },
  { weight: 2, arbitrary: fc.constantFrom(7, ['one', 'two'], ['a=b', 'c=d; Path=/']) },
  {
    weight: 1,
    arbitrary: fc.constantFrom<HeaderValue>('a\nb', '€', null, [], 'close', 'keep-alive', 'chunked'),
  },
);

/** Content-Length comes with a number that may be right. */
const header = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(headerName, headerValue) },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.constant('Content-Length'), fc.constantFrom<HeaderValue>(3, '3', 0, 700, 'many')),
  },
);

const givenHeaders: fc.Arbitrary<GivenHeaders> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ form: fc.constant('none' as const) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      form: fc.constantFrom('object' as const, 'flat' as const, 'pairs' as const),
      pairs: fc.array(header, { maxLength: 3 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ form: fc.constantFrom('null' as const, 'number' as const) }) },
  { weight: 1, arbitrary: fc.record({ form: fc.constant('odd' as const) }) },
);

const statusCode = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(200, 201, 302, 404, 500) },
  { weight: 3, arbitrary: fc.constantFrom(204, 304) },
  { weight: 1, arbitrary: fc.constantFrom(9999, 99, 0, 101) },
);

const statusMessage = fc.constantFrom('Fine', '', 'no €', 'a\nb');

const stream = {
  chunks: fc.integer({ min: 0, max: 4 }),
  bytes: fc.constantFrom(1, 700, 40_000),
  pace: fc.constantFrom('at once' as const, 'a turn each' as const),
  fails: fc.boolean(),
};
/** What a handler does beside a stream that goes on by itself is not to be compared: a held one is told to wait earlier. */
const AWAITED = { ...stream, awaited: fc.constant(true) };
const LEFT_ALONE = { ...stream, awaited: fc.constant(false) };

function step<const D extends Step['do']>(
  name: D | readonly D[],
  fields: Readonly<Record<string, fc.Arbitrary<unknown>>> = {},
): fc.Arbitrary<Step> {
  const names = typeof name === 'string' ? [name] : name;
  return fc.record({ do: fc.constantFrom(...names), ...fields }) as fc.Arbitrary<Step>;
}

const setHeaderStep = fc
  .tuple(fc.constantFrom('setHeader' as const, 'setHeader' as const, 'appendHeader' as const), header)
  .map(([name, [headerOf, value]]): Step => ({ do: name, name: headerOf, value }));

const bodyStep = fc.oneof(
  { weight: 5, arbitrary: step('write', { chunk, encoding, callback: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: step('produce', {
      chunks: fc.integer({ min: 1, max: 4 }),
      bytes: fc.constantFrom(700, 40_000),
    }),
  },
  { weight: 1, arbitrary: step(['pipe', 'pipeline'], AWAITED) },
);

const endStep = fc.oneof(
  { weight: 1, arbitrary: step('end', { callback: fc.boolean() }) },
  { weight: 2, arbitrary: step('end', { chunk, encoding, callback: fc.boolean() }) },
);

const headStep = fc.oneof(
  { weight: 4, arbitrary: setHeaderStep },
  { weight: 1, arbitrary: step(['removeHeader', 'getHeader'], { name: headerName }) },
  { weight: 1, arbitrary: step('hasHeader', { name: fc.constantFrom('X-A', 'ETag', '') }) },
  { weight: 1, arbitrary: step(['getHeaders', 'getHeaderNames']) },
  { weight: 2, arbitrary: step('statusCode', { code: fc.oneof(statusCode, fc.constant('200')) }) },
  { weight: 1, arbitrary: step('statusMessage', { text: statusMessage }) },
  {
    weight: 3,
    arbitrary: step('writeHead', {
      code: statusCode,
      message: fc.option(statusMessage, { nil: undefined, freq: 1 }),
      headers: givenHeaders,
    }),
  },
  { weight: 1, arbitrary: step(['flushHeaders', 'cork', 'uncork', 'strictContentLength']) },
  {
    weight: 1,
    arbitrary: step('addTrailers', {
      pairs: fc.array(fc.tuple(fc.constantFrom('X-T', 'bad name'), fc.constantFrom('t', 'a\nb')), {
        maxLength: 2,
      }),
    }),
  },
  {
    weight: 1,
    arbitrary: step('earlyHints', {
      link: fc.constantFrom('</a>; rel=preload', 'nonsense'),
      callback: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: step(['continue', 'processing']) },
);

const flowStep = fc.oneof(
  { weight: 3, arbitrary: step('turn', { turns: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 2, arbitrary: step('settle') },
  { weight: 1, arbitrary: step(['written', 'readBody', 'answerBefore']) },
);

const eventStep = fc.oneof(
  { weight: 2, arbitrary: step('throw') },
  { weight: 1, arbitrary: step('destroy', { error: fc.boolean() }) },
  { weight: 1, arbitrary: step('setTimeout', { fires: fc.boolean(), callback: fc.boolean() }) },
  { weight: 1, arbitrary: step('clientLeaves', { how: fc.constantFrom('end', 'destroy', 'reset') }) },
  { weight: 1, arbitrary: step(['closeServer', 'closeIdleConnections']) },
  { weight: 1, arbitrary: step('next') },
);

const wrapStep = step('wrap', { by: fc.constantFrom('header', 'transform', 'footer') });
const listenStep = step('listen', { to: fc.constantFrom(...EVENTS) });
const answerStep = step('answer', { as: fc.constantFrom(...ANSWERS) });

const sessionStep = step('session', { deed: fc.constantFrom(...SESSION_DEEDS), awaited: fc.boolean() });

const anyStep = fc.oneof(
  { weight: 8, arbitrary: headStep },
  { weight: 6, arbitrary: bodyStep },
  { weight: 4, arbitrary: endStep },
  { weight: 5, arbitrary: flowStep },
  { weight: 1, arbitrary: eventStep },
  { weight: 1, arbitrary: wrapStep },
  { weight: 2, arbitrary: answerStep },
  { weight: 1, arbitrary: step(['open', 'touch']) },
  { weight: 2, arbitrary: sessionStep },
);

const ending: fc.Arbitrary<Step[]> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc
      .tuple(
        fc.oneof({ weight: 3, arbitrary: endStep }, { weight: 1, arbitrary: answerStep }),
        fc.array(anyStep, { maxLength: 3 }),
      )
      .map(([end, after]) => [end, ...after]),
  },
  {
    weight: 1,
    arbitrary: fc.oneof(step(['pipe', 'pipeline'], LEFT_ALONE), step('echo')).map((last) => [last]),
  },
);

const steps = fc
  .tuple(
    fc.array(fc.oneof({ weight: 4, arbitrary: listenStep }, { weight: 1, arbitrary: wrapStep }), {
      maxLength: 5,
    }),
    // Most handlers open their session first, and change it before they answer.
    fc.constantFrom<Step[]>(
      [{ do: 'open' }, { do: 'touch' }],
      [{ do: 'open' }, { do: 'touch' }],
      [{ do: 'open' }],
      [],
    ),
    fc.array(sessionStep, { maxLength: 1 }),
    fc.array(anyStep, { maxLength: 8 }),
    fc.constantFrom<Step[]>([{ do: 'touch' }], [], [], []),
    ending,
  )
  .map((parts): Step[] => parts.flat());

const request: fc.Arbitrary<ProgramRequest> = fc
  .record({
    method: fc.constantFrom('GET' as const, 'GET' as const, 'GET' as const, 'HEAD' as const, 'POST' as const),
    version: fc.constantFrom('1.1' as const, '1.1' as const, '1.1' as const, '1.1' as const, '1.0' as const),
    connection: fc.constantFrom(
      'default' as const,
      'default' as const,
      'close' as const,
      'keep-alive' as const,
    ),
    body: fc.constantFrom(0, 5, 40_000),
    expectsContinue: fc.constantFrom(false, false, true),
  })
  .map((one) => (one.method === 'POST' ? one : { ...one, body: 0, expectsContinue: false }));

/** Programs over everything that an application can do with a response. */
export const programs: fc.Arbitrary<Program> = fc.record({
  request,
  way: fc.nat({ max: 5 }),
  behind: fc.constantFrom(false, false, false, true),
  careless: fc.constantFrom(false, true),
  steps,
});
