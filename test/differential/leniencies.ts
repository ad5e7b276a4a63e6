import type { Observation, StepRecord } from './observation.js';
import type { Program } from './program.js';

/**
 * What a session may do to a response beside adding its headers: where each rule holds, and the case that shows that it
 * has to. Nothing else may differ.
 */

/**
 * While a response waits for a save, its bytes stay here. `write('x'); await a turn; writableLength` is 0 in plain Node,
 * where the bytes have left, and more than 0 with a save under way. The same of `writableFinished` and `writableNeedDrain`.
 * `write('x'); writableCorked` is 1 in plain Node, which corks the socket for the rest of the tick.
 */
export function pendingMayDiffer(record: StepRecord): boolean {
  return record.held;
}

/**
 * `end('x'); await a turn; res.socket` is null in plain Node, where the response is over by then and has left its connection
 * (of version 1.0: has closed it). With a save under way it is still to come.
 */
export function mayBeOnItsConnection(plain: StepRecord, session: StepRecord): boolean {
  return session.held && plain.ended;
}

/**
 * Once cut off, a response that was held has another place than one that had left: see {@link bytesMayBeMissing}.
 * `end('x'); the client leaves; await a turn; res.socket` is null in plain Node, where the response had finished.
 */
export function linkMayDiffer(plain: Observation, session: Observation): boolean {
  return bytesMayBeMissing(plain, session);
}

/**
 * A 1xx after the end is nowhere to be seen where the response has left its connection. `end('x'); await a turn;
 * writeContinue()`: with a save under way it is sent, as in plain Node without the turn.
 */
export function lateInterims(plain: Observation, session: Observation): string[] {
  return stepsAfterTheEnd(plain, session, INTERIM_STEP);
}

/**
 * Likewise where the response has become a 503, whose writer ends it by what plain Node refuses: see {@link failsNoMore}.
 * `write(''); end('€', 'nonsense'); await some turns; writeContinue()`.
 */
export function interimsBehindA503(plain: Observation, session: Observation, callback: string): boolean {
  const isLate = ({ step, endedBefore }: StepRecord): boolean =>
    endedBefore && INTERIM_STEP.test(step) && callback.startsWith(`${step} callback`);
  return failsNoMore(plain, session) && session.steps.some(isLate);
}

const INTERIM_STEP = / (continue|processing|earlyHints)$/;

type Steps = Pick<Observation, 'steps'>;

function stepsAfterTheEnd(plain: Steps, session: Steps, name: RegExp, hasWaited = false): string[] {
  return session.steps
    .filter(
      ({ step, held }, at) => (held || hasWaited) && plain.steps[at]?.endedBefore === true && name.test(step),
    )
    .map(({ step }) => `${step} callback`);
}

/**
 * A producer is told to wait as soon as what is kept exceeds the highWaterMark. `write(40 kB); await a turn;
 * write(40 kB)`: plain Node returns true both times where its socket took the first; a held response has 80 kB by then.
 */
export function writeMayReturnFalse(plain: StepRecord, session: StepRecord): boolean {
  return session.held && plain.outcome === 'returned true' && session.outcome === 'returned false';
}

/**
 * So many drains as there were times to wait: see {@link writeMayReturnFalse}. That a drain comes when one is waited for
 * is seen by `produce`, `pipe` and `pipeline`.
 */
export function withoutDrains(events: readonly string[]): string[] {
  return events.filter((event) => event !== 'drain');
}

/**
 * What was kept when the connection was cut has not been sent. `write('x'); await a turn; destroy()`: plain Node has sent
 * the x by then. Its callback is not called either, or with an error. A pipeline whose source fails does the same. That
 * a response which has been ended leaves all the same is what test/e2e/deferred-response.spec.ts is for.
 */
export function bytesMayBeMissing(plain: Observation, session: Observation): boolean {
  return session.cutWhileHeld || (plain.connectionCut && session.connectionCut);
}

/**
 * An `end` after the end is told what has become of the first. `end(); await a turn; end(callback)`: plain Node has sent
 * everything and calls it with ERR_STREAM_ALREADY_FINISHED at once, a held response when it finishes. A pipeline into an
 * ended response likewise: plain Node calls it with ERR_STREAM_PREMATURE_CLOSE where the response is over by then. A stream of
 * HTTP/2 that has waited is over a little later than one that has not: `produce; end(); await two turns; pipeline`.
 */
export function lateEnds(plain: Observation, session: Observation): string[] {
  return stepsAfterTheEnd(plain, session, / (end|pipeline)$/, session.multiplexed);
}

/**
 * Whose client has left is told so. `write('x', callback)` behind another response, and the connection ends: plain Node never
 * calls back.
 */
export function withoutGone(events: readonly string[]): string[] {
  return events.filter((event) => !event.endsWith(' callback ERR_STREAM_DESTROYED'));
}

/**
 * Over HTTP/2 a pipeline into what is nothing but headers is told that those have left, where plain Node never calls back:
 * `writeHead(204); await a turn; pipeline`.
 */
export function withoutClosed(plain: Observation, events: readonly string[]): string[] {
  const isNews = (event: string): boolean => {
    const [, name] = /^(\d+ pipeline callback) ERR_STREAM_PREMATURE_CLOSE$/.exec(event) ?? [];
    return name !== undefined && !plain.events.some((other) => other.startsWith(name));
  };
  return plain.multiplexed ? events.filter((event) => !isNews(event)) : [...events];
}

/**
 * Over HTTP/2 a write is refused either way, by a stream that has closed or by one that has only ended, as while it waits for a save.
 * `writeHead(204); written; write('', callback)`: ERR_HTTP2_INVALID_STREAM, or ERR_STREAM_WRITE_AFTER_END.
 */
export function refusedEitherWay(events: readonly string[], session: Observation): string[] {
  const mayBe = session.multiplexed && session.steps.some(({ held }) => held);
  const refused = / write callback (ERR_HTTP2_INVALID_STREAM|ERR_STREAM_WRITE_AFTER_END)$/;
  return events.map((event) => (mayBe ? event.replace(refused, ' write callback, refused') : event));
}

/** What happens when bytes have left, beside what happens because of a call. */
const OF_BYTES = /^(finish|close|\d+ \w+ callback)$/;

/**
 * What follows from bytes that leave comes later, among itself in the same order. `end(callback); write('x')`: plain Node
 * calls back and then emits ERR_STREAM_WRITE_AFTER_END; with a save under way the error is first. A pipe is taken apart when the
 * response has left, or by an error: `pipe; write('x', callback)` of an empty source.
 */
export function inOrders(events: readonly string[], session: Observation): string[][] {
  if (!session.steps.some(({ held }) => held)) return [[...events]];
  const isUnpipe = (event: string): boolean => event === 'unpipe';
  const others = events.filter((event) => !OF_BYTES.test(event) && !isUnpipe(event));
  return [events.filter((event) => OF_BYTES.test(event)), others, events.filter(isUnpipe)];
}

/**
 * A held response that has been ended is no idle connection. `end('x'); server.closeIdleConnections()`: plain Node has
 * sent the x and closes; with a save under way, closing would lose it. So the connection goes on.
 */
export function connectionMayGoOn(session: Observation): boolean {
  return session.idleClosedWhileHeld;
}

/**
 * A pipe into an ended response is taken apart when that has left, and is never put together where it has. `end(); await a
 * turn; pipe`: with a save under way `unpipe` is emitted, and on Node 22 and 24 the source is read on, and fails where it would.
 */
export function lateUnpipes(plain: Observation, session: Observation): string[] {
  const late = pipesAfterTheEnd(plain, session, / (pipe|pipeline|echo)$/);
  return late.length > 0
    ? ['unpipe', ...late.map((callback) => callback.replace(/callback$/, 'source'))]
    : [];
}

/**
 * A source whose pipe is taken apart waits, see {@link lateUnpipes}, as it does in plain Node where the end is of the same turn.
 * `end(); await a turn; pipe`. Over HTTP/2 a head can be all there is: `writeHead(204); await a turn; pipe` of a source that takes a turn.
 */
export function latePipes(plain: Steps, session: Steps): number {
  return pipesAfterTheEnd(plain, session, / pipe$/).length;
}

function pipesAfterTheEnd(plain: Steps, session: Steps, name: RegExp): string[] {
  const late = session.steps.filter(({ step, held }, at) => {
    // A pipe that is awaited has itself ended the response by the end of its step.
    const hasLeft = plain.steps[at - 1]?.pending.includes('"writableFinished":true') === true;
    return held && (plain.steps[at]?.endedBefore === true || hasLeft) && name.test(step);
  });
  return late.map(({ step }) => `${step} callback`);
}

/**
 * `end(); await a turn; end('x')` or a pipe into an ended response ends a process of plain Node that has no listener for
 * `error`. A session may be kinder.
 */
export function faultsThatMayBeMissing(plain: Observation): string[] {
  return plain.faults.filter((fault) => fault === 'uncaught ERR_STREAM_WRITE_AFTER_END');
}

/**
 * An answer that tells of a failure may stay one. A handler that fails, on a session whose save fails too: where both are
 * known before anything is sent, 500 is as true as 503.
 */
export function failureMayStay(plainCode: number, sessionCode: number): boolean {
  return plainCode >= 500 && sessionCode >= 500;
}

/**
 * What a wrapper puts behind each answer of a framework, it puts behind the 503 of its filter, too: on HTTP/2 that breaks the stream off,
 * since it is longer than was told, and on HTTP/1.1 the next answer stands behind it. `wrap.by('footer'); pipe` of a controller whose
 * save fails.
 */
export function withoutFooter({ steps }: Program, body: string): string {
  return steps.some((step) => step.do === 'wrap' && step.by === 'footer')
    ? body.replace(/(footer|\[closed with [12]\])$/, '')
    : body;
}

/**
 * A response that has become a 503 takes whatever is still written, and its writer does not fail. `answer('text'); written;
 * write('', 'nonsense')` of a hijacked response whose program catches nothing: plain Node refuses the write, and Fastify breaks the
 * response off; with a save that fails nobody ends it, until the library does.
 */
export function failsNoMore(plain: Observation, session: Observation): boolean {
  const failed = plain.steps.findIndex(({ outcome }) => outcome.startsWith('threw'));
  return session.refused && failed >= 0 && session.steps[failed]?.outcome.startsWith('returned') === true;
}

/**
 * A stream of HTTP/2 closes when its last bytes have left, and a closed one ignores calls that an open one refuses. `answer();
 * await a turn; writeHead(9999)` on a HEAD request: plain Node returns, and while the answer waits for a save it throws
 * ERR_HTTP2_HEADERS_SENT; so does `answer()` of Fastify then, and leaves the response open. `writeHead(204); await a turn; end()`
 * ends the response with a save under way, and does nothing in plain Node, of which the state tells from then on.
 * `writeHead(204); pipe` ends it with a save under way, and finds it closed in plain Node.
 */
export function streamMayBeOpenLonger(session: Observation, now: StepRecord): boolean {
  return session.multiplexed && now.held && now.state.includes('"headersSent":true');
}

/**
 * Over HTTP/2 plain Node breaks off a response that somebody writes to after its end, though a part of it may not have left yet.
 * `end('one'); write('two')`: with a save under way the response is whole, or the lost part would be all of it. So does a middleware
 * that goes on with `next()`, to an answer of 404, and answers as well, and who writes behind a pipe that has ended it. What is broken
 * off ignores calls from then on: `end(400 kB); write(); await some turns; writeHead()` throws where the response is whole.
 */
export function breaksItselfOff(plain: Observation, session: Observation): boolean {
  // Not by the response itself: who compresses what is written ends it a moment later.
  const end = session.steps.findIndex(({ step }) => ENDS.test(step));
  const late = end >= 0 && session.steps.slice(end + 1).some(({ step }) => LATE_WRITE.test(step));
  const broken = plain.connectionCut || plain.received.includes('[closed with 2]');
  return session.multiplexed && broken && !session.connectionCut && late;
}

const ENDS = / (end|answer|next|pipe|pipeline|echo)$/;
const LATE_WRITE = / (write|written|produce|pipe|pipeline|echo|answer)$/;

/**
 * A stream of HTTP/2 has a timeout of its own, which ends with it. `write('x'); setTimeout()`: where the save fails, the response is
 * over with its 503, and no timeout comes.
 */
export function timeoutMayNotCome(session: Observation, callback: string): boolean {
  return session.multiplexed && callback.endsWith(' setTimeout callback');
}

/**
 * A head that was rendered, and of which no byte has left, can still become a 503. `write('')` on a HEAD request, a change, `end()`:
 * `headersSent` was true when the session changed.
 */
export function mayBe503InTime(session: Observation): boolean {
  return session.refused && !session.touchedInTime;
}

/**
 * Behind another response of its connection a chunk of an unknown encoding is refused only when its turn comes, where nobody can
 * catch that: plain Node ends the process. `end('€', 'nonsense')` behind another one: a session breaks that response off.
 */
export function endsTheProcess(plain: Observation): boolean {
  return plain.faults.includes('uncaught ERR_UNKNOWN_ENCODING');
}

/**
 * How much of a large body has left when its client gives the stream up is a matter of chance, and so is how long it takes until
 * a stream closes whose connection has gone.
 */
export function bodyMayBeCutElsewhere(program: Program, session: Observation): boolean {
  return session.multiplexed && program.steps.some((step) => step.do === 'clientLeaves');
}

/**
 * Over HTTP/2 a client gives up a stream that brings more than its `Content-Length`. Whether a source that is piped has come to its end
 * by then is a matter of chance, in plain Node as well, where one that has not stays open. `writeHead(200, { 'Content-Length': 3 }); pipe`
 * of two chunks of 40 kB: with a save under way the second is not asked for before the first has left.
 */
export function clientMayGiveUpSooner({ steps }: Program, session: Observation): boolean {
  const tells = steps.some(
    (step) =>
      (step.do === 'setHeader' && step.name === 'Content-Length') ||
      (step.do === 'writeHead' &&
        'pairs' in step.headers &&
        step.headers.pairs.some(([name]) => name === 'Content-Length')),
  );
  const exceeds = steps.some((step) => step.do === 'pipe' && step.chunks > 1 && step.bytes > 700);
  return session.multiplexed && tells && exceeds && session.steps.some(({ held }) => held);
}

/**
 * Plain Node puts an informational response behind the head of a response that waits for another one. A POST that expects to
 * be told to continue, pipelined; `writeContinue(); send('text')`, pipelined: after a wait for a save the two are in order. Likewise
 * behind the head that a chunk has left which was refused: `end('one', 'nonsense'); earlyHints; end()`.
 */
export function interimsMayBeInOrder({ behind, request, steps }: Program): boolean {
  const isRefused = steps.some(
    (step) => (step.do === 'end' || step.do === 'write') && step.encoding === 'nonsense',
  );
  return (
    (behind || isRefused) && (request.expectsContinue || steps.some(({ do: deed }) => INTERIMS.has(deed)))
  );
}

const INTERIMS: ReadonlySet<string> = new Set(['continue', 'processing', 'earlyHints']);

/**
 * Who corks a response after its end stops its connection in plain Node; an end that waits uncorks it again when it leaves.
 * `answer(); cork()`; `end(); cork()` behind another response, also where the connection is not kept.
 */
export function mayBeUncorked({ steps }: Program): boolean {
  return steps.some((step) => step.do === 'cork');
}

/**
 * Over HTTP/2 trailers are asked for when the body has left. `end('one'); await a turn; addTrailers()`: too late in plain Node, and
 * in time with a save under way.
 */
export function trailersMayComeInTime(plain: Observation, session: Observation): boolean {
  return session.multiplexed && stepsAfterTheEnd(plain, session, / addTrailers$/).length > 0;
}

/**
 * When a stream of HTTP/2 has handed over its last bytes is a matter of chance on Node 24. `pipe; await a turn; writableFinished`.
 */
export function streamMayFinishElsewhere(session: Observation, record: StepRecord): boolean {
  return session.multiplexed && record.ended;
}

/**
 * A pipeline into an ended response that waits ends with the first error of who writes to it, and so does the response; where the
 * response is over, plain Node does not listen. `end(); write(''); write(''); pipeline`: two errors in plain Node, or one.
 */
export function onceLateWrites(
  plain: Observation,
  session: Observation,
  events: readonly string[],
): string[] {
  const isPiped = stepsAfterTheEnd(plain, session, / pipeline$/).length > 0;
  const late = 'error ERR_STREAM_WRITE_AFTER_END';
  return events.filter((event, at) => !isPiped || event !== late || events.indexOf(late) === at);
}

/**
 * Node reads what is left of a request, for nobody, once its response is over. `answer(); readBody` of a POST: too late in plain Node,
 * and in time with a save under way.
 */
export function bodyMayStillBeThere(record: StepRecord, session: Observation): boolean {
  return record.endedBefore && record.step.endsWith(' readBody') && session.steps.some(({ held }) => held);
}

/**
 * An `end` whose chunk is refused leaves the connection corked, for good: in plain Node what comes then is stuck, and what was written
 * before has left. `write('x'); await a turn; end('€', 'nonsense')`: with a save under way the x is stuck as well.
 */
export function isStuck(plain: Observation, session: Observation): boolean {
  return plain.ending === 'open' && session.ending === 'open' && [plain, session].every(isLeftCorked);
}

/**
 * The same connection is uncorked where the response waits for a save. `end('€', 'nonsense'); pipe` of 80 kB: its source waits for ever in
 * plain Node, and comes to its end behind a save.
 */
export function comesUnstuck(plain: Observation, session: Observation): boolean {
  return plain.ending === 'open' && session.ending === 'closed' && [plain, session].every(isLeftCorked);
}

/**
 * Who waits for what is corked waits for ever, and a save that is done tells him to go on. `cork(); produce` of three chunks of 40 kB on
 * Node 22; `end('€', 'nonsense'); pipe; end()`, see {@link comesUnstuck}.
 */
export function goesOnThoughCorked(plain: Steps, session: Steps): boolean {
  return plain.steps.some(
    ({ outcome }, at) =>
      / (no drain came|the source waits)$/.test(outcome) &&
      / (all was written|the source came to its end)$/.test(session.steps[at]?.outcome ?? '') &&
      plain.steps.slice(0, at).some((before) => before.step.endsWith(' cork') || isRefusedEnd(before)),
  );
}

function isLeftCorked({ steps }: Observation): boolean {
  return steps.some(isRefusedEnd);
}

function isRefusedEnd({ step, outcome }: StepRecord): boolean {
  return step.endsWith(' end') && outcome.startsWith('threw');
}

/**
 * A source that fails takes with it what it has not handed over, which is more where it was told to wait: see
 * {@link writeMayReturnFalse}. `pipe` of three chunks of 40 kB and a failure: plain Node sends all three, and whatever is written after
 * them.
 */
export function failingSourceMayHaveWaited({ steps }: Program, session: Observation): boolean {
  const fails = steps.some((step) => (step.do === 'pipe' || step.do === 'pipeline') && step.fails);
  return fails && (session.touchedInTime || session.steps.some(({ held }) => held));
}

/**
 * How much of a body has left when its stream is broken off is a matter of what waited. Over HTTP/2 `pipe; pipe`, where the second
 * writes after the end.
 */
export function isBrokenOffElsewhere(plain: Observation, session: Observation): boolean {
  return [plain, session].every(
    ({ multiplexed, received }) => multiplexed && received.includes('[closed with 2]'),
  );
}

/**
 * Over HTTP/2 plain Node does not send what is corked after its end, and the response stays as it is; one that has waited leaves, see
 * {@link mayBeUncorked}. `write(''); end(''); cork(); await a turn; answer`.
 */
export function leavesThoughCorked({ steps }: Program, session: Observation): boolean {
  const end = steps.findIndex((step) => step.do === 'end' || step.do === 'answer');
  return session.multiplexed && end >= 0 && steps.slice(end + 1).some((step) => step.do === 'cork');
}
