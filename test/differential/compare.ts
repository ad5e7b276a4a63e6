import {
  breaksItselfOff,
  bodyMayBeCutElsewhere,
  bodyMayStillBeThere,
  bytesMayBeMissing,
  clientMayGiveUpSooner,
  comesUnstuck,
  connectionMayGoOn,
  endsTheProcess,
  failingSourceMayHaveWaited,
  failsNoMore,
  failureMayStay,
  faultsThatMayBeMissing,
  goesOnThoughCorked,
  inOrders,
  interimsBehindA503,
  interimsMayBeInOrder,
  isBrokenOffElsewhere,
  isStuck,
  leavesThoughCorked,
  lateEnds,
  lateInterims,
  latePipes,
  lateUnpipes,
  linkMayDiffer,
  mayBe503InTime,
  mayBeUncorked,
  mayBeOnItsConnection,
  onceLateWrites,
  pendingMayDiffer,
  refusedEitherWay,
  streamMayBeOpenLonger,
  streamMayFinishElsewhere,
  timeoutMayNotCome,
  trailersMayComeInTime,
  withoutClosed,
  withoutDrains,
  withoutFooter,
  withoutGone,
  writeMayReturnFalse,
} from './leniencies.js';
import type { Observation, StepRecord } from './observation.js';
import { isFailing, type Program, type State } from './program.js';
import { answersOf, isInterim, printed, type Answer, type Answers } from './wire.js';

/** One thing that differs, by its kind, so that kinds can be counted. */
export interface Difference {
  readonly kind:
    'step' | 'state' | 'events' | 'callbacks' | 'bytes' | 'unavailable' | 'connection' | 'hang' | 'process';
  readonly plain: string;
  readonly session: string;
}

/** How a program with a session differs from the same without one. */
export function differences(
  program: Program,
  state: State,
  plain: Observation,
  session: Observation,
): Difference[] {
  if (endsTheProcess(plain)) return [];
  if (comesUnstuck(plain, session) || goesOnThoughCorked(plain, session)) return inFaults(plain, session);
  const mayBeLost = bytesMayBeMissing(plain, session) || bodyMayBeCutElsewhere(program, session);
  const expects503 = isFailing(state) && session.refused && session.touchedInTime && !mayBeLost;
  return [
    ...inSteps(program, plain, session),
    ...inEvents(program, plain, session),
    ...inEnding(program, plain, session),
    ...inFaults(plain, session),
    ...(expects503 ? inUnavailable(program, plain, session) : inAnswers(program, plain, session)),
  ];
}

function inAnswers(program: Program, plain: Observation, session: Observation): Difference[] {
  if (bodyMayBeCutElsewhere(program, session) || interimsMayBeInOrder(program)) return [];
  if (isStuck(plain, session) || isBrokenOffElsewhere(plain, session)) return [];
  const stopped = session.kept ? !plain.kept : plain.ending !== 'closed' && session.ending === 'closed';
  if (mayBeUncorked(program) && stopped) return [];
  const found = inBytes(plain, session, failingSourceMayHaveWaited(program, session));
  return mayBe503InTime(session) && inUnavailable(program, plain, session).length === 0 ? [] : found;
}

function inSteps(program: Program, plain: Observation, session: Observation): Difference[] {
  const found: Difference[] = [];
  const broken = breaksItselfOff(plain, session);
  const cut = linkMayDiffer(plain, session) || lateInterims(plain, session).length > 0 || broken;
  const uncorked = mayBeUncorked(program) && !plain.kept;
  const hasWaited = failingSourceMayHaveWaited(program, session);
  const pending = (step: StepRecord): string =>
    uncorked ? step.pending.replace(/"writableCorked":\d+/, '') : step.pending;
  let endedLater: string | undefined;
  for (const [at, before] of plain.steps.entries()) {
    const now = session.steps[at];
    // What the application is told after a save was refused is the 503's.
    if (now?.refused === true) return found;
    if (now === undefined) return [...found, { kind: 'step', plain: before.step, session: 'not reached' }];
    const open = streamMayBeOpenLonger(session, now) || (broken && now.endedBefore);
    if (mayStop(program, session, before, now)) return found;
    if (clientMayGiveUpSooner(program, session) && / pipe$/.test(before.step)) return found;
    if (leavesThoughCorked(program, session) && before.outcome !== now.outcome) return found;
    if (before.outcome !== now.outcome && !outcomeMayDiffer(before, now, session) && !open)
      found.push(atStep('step', before, now, 'outcome'));
    if (open && before.state !== now.state) endedLater = now.state;
    if (before.state !== now.state && !open && now.state !== endedLater)
      found.push(atStep('state', before, now, 'state'));
    if (before.link !== now.link && !cut && !mayBeOnItsConnection(before, now))
      found.push(atStep('state', before, now, 'link'));
    const elsewhere = hasWaited || pendingMayDiffer(now) || streamMayFinishElsewhere(session, now);
    if (pending(before) !== pending(now) && !program.behind && !cut && !elsewhere)
      found.push(atStep('state', before, now, 'pending'));
  }
  return found;
}

/** Who does not catch it does nothing more, and a framework whose answer was refused has not ended the response. */
function mayStop(program: Program, session: Observation, before: StepRecord, now: StepRecord): boolean {
  const isLeftOpen = program.careless || / answer$/.test(before.step);
  return isLeftOpen && before.outcome !== now.outcome && streamMayBeOpenLonger(session, now);
}

function outcomeMayDiffer(before: StepRecord, now: StepRecord, session: Observation): boolean {
  return writeMayReturnFalse(before, now) || bodyMayStillBeThere(before, session);
}

function atStep(
  kind: Difference['kind'],
  plain: StepRecord,
  session: StepRecord,
  of: 'outcome' | 'state' | 'link' | 'pending',
): Difference {
  return { kind, plain: `${plain.step}: ${plain[of]}`, session: `${session.step}: ${session[of]}` };
}

function inEvents(program: Program, plain: Observation, session: Observation): Difference[] {
  if (bytesMayBeMissing(plain, session) || breaksItselfOff(plain, session)) return [];
  const stops = plain.steps.some((before, at) => {
    const now = session.steps[at];
    return now !== undefined && mayStop(program, session, before, now);
  });
  if (stops || leavesThoughCorked(program, session)) return [];
  if (session.refused) {
    const called = plain.callbacks.filter(
      (name) => !timeoutMayNotCome(session, name) && !interimsBehindA503(plain, session, name),
    );
    return [...untold(plain, session, [...called, 'close']), ...repeated(plain, session)];
  }
  const ends = lateEnds(plain, session);
  const late = [...ends, ...lateInterims(plain, session), ...lateUnpipes(plain, session)];
  const ordered = ({ events }: Observation): string => {
    const seen = onceLateWrites(
      plain,
      session,
      withoutClosed(plain, withoutGone(withoutDrains(refusedEitherWay(events, session)))),
    ).filter((event) => !late.some((name) => isOf(event, name)));
    return inOrders(seen, session)
      .map((some) => some.join(', '))
      .join(' | ');
  };
  const [before, now] = [ordered(plain), ordered(session)];
  const differ: Difference[] = before === now ? [] : [{ kind: 'events', plain: before, session: now }];
  return [...differ, ...untold(plain, session, ends)];
}

/** What was told in plain Node, if only of an error, is told. */
function untold(plain: Observation, session: Observation, names: readonly string[]): Difference[] {
  const told = (events: readonly string[], name: string): boolean =>
    events.some((event) => isOf(event, name));
  const missing = names.filter((name) => told(plain.events, name) && !told(session.events, name));
  return missing.map((name) => ({ kind: 'callbacks', plain: `${name}: called`, session: 'never' }));
}

/** A response that became a 503 comes to its end once. */
function repeated(plain: Observation, session: Observation): Difference[] {
  const times = ({ events }: Observation, name: string): number =>
    events.filter((event) => event === name).length;
  return ['finish', 'close']
    .filter((name) => times(session, name) > Math.max(1, times(plain, name)))
    .map((name) => ({ kind: 'events', plain: name, session: `${name}, again` }));
}

function isOf(event: string, name: string): boolean {
  return event === name || event.startsWith(`${name} `);
}

function inEnding(program: Program, plain: Observation, session: Observation): Difference[] {
  if (mayBeUncorked(program) && session.ending === 'closed') return [];
  if (bodyMayBeCutElsewhere(program, session) && session.ending === 'open') return [];
  if (failsNoMore(plain, session) && session.ending === 'open') return [];
  if (plain.ending === session.ending && clientMayGiveUpSooner(program, session)) return [];
  if (plain.ending === session.ending) return inSources(plain, session);
  // Nobody has to answer where nobody would have; an answer to the failure of a save may be one.
  if (plain.ending !== 'closed' && (session.ending === 'open' || session.refused)) return [];
  return [{ kind: 'hang', plain: plain.ending, session: session.ending }];
}

/** Who brings a body to a response that is over does not wait for ever where he would not. */
function inSources(plain: Observation, session: Observation): Difference[] {
  const { ending, sourcesLeft } = plain;
  if (ending !== 'closed' || session.sourcesLeft <= sourcesLeft + latePipes(plain, session)) return [];
  return [
    {
      kind: 'hang',
      plain: `${sourcesLeft} sources left open`,
      session: `${session.sourcesLeft} left open`,
    },
  ];
}

function inFaults(plain: Observation, session: Observation): Difference[] {
  const missing = [...plain.faults];
  const extra = session.faults.filter((fault) => {
    const at = missing.indexOf(fault);
    if (at >= 0) missing.splice(at, 1);
    return at < 0;
  });
  const kinder = faultsThatMayBeMissing(plain);
  // A response that became a 503 need not be what the application wanted to break.
  const lost = session.refused ? [] : missing.filter((fault) => !kinder.includes(fault));
  if (extra.length === 0 && lost.length === 0) return [];
  return [{ kind: 'process', plain: plain.faults.join(), session: session.faults.join() }];
}

function inBytes(plain: Observation, session: Observation, mayBeShorter = false): Difference[] {
  if (bytesMayBeMissing(plain, session) || breaksItselfOff(plain, session)) return [];
  const lateInterim = lateInterims(plain, session).length > 0;
  const lateTrailers = trailersMayComeInTime(plain, session);
  const [before, now] = [answersOf(plain.received), answersOf(session.received)].map((each) => ({
    stray: each.stray,
    answers: (lateInterim ? each.answers.filter((answer) => !isInterim(answer)) : each.answers).map(
      (answer) => (lateTrailers ? { ...answer, body: answer.body.replace(/trailers \[.*\]$/s, '') } : answer),
    ),
  })) as unknown as [Answers, Answers];
  const found: Difference[] = [];
  if (before.stray !== now.stray) found.push({ kind: 'bytes', plain: before.stray, session: now.stray });
  const goesOn = connectionMayGoOn(session);
  const count = goesOn ? before.answers.length : Math.max(before.answers.length, now.answers.length);
  for (let at = 0; at < count; at += 1) {
    const [one, other] = [printedAt(before.answers, at), printedAt(now.answers, at)];
    const [was, is] = [before.answers[at], now.answers[at]];
    const shorter =
      mayBeShorter && was !== undefined && is !== undefined && isWithoutChunks(was.body, is.body);
    if (one !== other && !(shorter && one === printed({ ...is, body: was.body })))
      found.push({ kind: 'bytes', plain: one, session: other });
  }
  if (!goesOn && plain.kept !== session.kept) found.push(inConnection(plain, session));
  return found;
}

/** Whether a body is another without what a source of ours had not handed over, wherever that was to be. */
function isWithoutChunks(whole: string, body: string): boolean {
  let same = 0;
  while (same < body.length && whole.at(-1 - same) === body.at(-1 - same)) same += 1;
  const start = body.length - same;
  const missing = whole.slice(start, start + whole.length - body.length);
  return (
    whole.startsWith(body) || (whole.startsWith(body.slice(0, start)) && /^[s\r\n\da-f]*$/.test(missing))
  );
}

function printedAt(answers: readonly Answer[], at: number): string {
  const answer = answers[at];
  return answer === undefined ? 'no answer' : printed(answer);
}

function inConnection(plain: Observation, session: Observation): Difference {
  return { kind: 'connection', plain: `kept: ${plain.kept}`, session: `kept: ${session.kept}` };
}

/** The program's answer is a 503, and what else is on the connection is as it would have been. */
function inUnavailable(program: Program, plain: Observation, session: Observation): Difference[] {
  const { behind, request } = program;
  const [before, now] = [finalAnswers(plain), finalAnswers(session)];
  const place = behind ? 1 : 0;
  // Where plain Node answers nothing, as after destroy(), there is nothing to replace.
  const replaced = before[place];
  if (replaced === undefined || ['/next', '/after'].includes(replaced.body)) return [];
  const answer = now[place];
  // Where an informational response stands behind its head, its body is behind that.
  const isApart = (one: Answer): boolean => one.body === '' && interimsMayBeInOrder(program);
  const told = (one: Answer): boolean =>
    isUnavailable(
      { ...one, body: withoutFooter(program, one.body) },
      request.method === 'HEAD' || isApart(one),
    ) || failureMayStay(replaced.head.code, one.head.code);
  if (answer === undefined || !told(answer))
    return [{ kind: 'unavailable', plain: 'owed a 503', session: printedAt(now, place) }];
  if (withoutFooter(program, answer.body) !== answer.body) return [];
  const rest = now.slice(place + 1);
  const whole = rest.every((next, at) => isWhole(next, ['/next', '/after'][at]));
  // Where an answer of the application's own closed the connection, a 503 need not.
  if (whole && rest.length >= before.length - place - 1) return [];
  return [{ kind: 'unavailable', plain: 'the next answers as they are', session: rest.map(printed).join() }];
}

function isWhole({ head, body }: Answer, expected: string | undefined): boolean {
  return head.code === 200 && body === expected;
}

function finalAnswers({ received }: Observation): Answer[] {
  return answersOf(received).answers.filter((answer) => !isInterim(answer));
}

/** A whole one: its body, and nothing else, is as long as it says. */
function isUnavailable({ head, body }: Answer, withoutBody: boolean): boolean {
  const length = Number(head.headers.find((line) => /^content-length:/i.test(line))?.split(':')[1]);
  const chunked = head.headers.some((line) => /^transfer-encoding: *chunked/i.test(line));
  // Of version 1.0, after a wrapper that took the length away, the end of the connection is the end of the body.
  const isOpen = Number.isNaN(length) && head.headers.includes('Connection: close');
  const whole = chunked
    ? body.endsWith('\r\n0\r\n\r\n')
    : isOpen
      ? body.endsWith('}')
      : body.length === length;
  return head.code === 503 && head.retryAfter && (withoutBody ? body === '' : whole);
}
