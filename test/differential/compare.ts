import {
  bytesMayBeMissing,
  connectionMayGoOn,
  faultsThatMayBeMissing,
  pendingMayDiffer,
  withoutDrains,
  writeMayReturnFalse,
} from './leniencies.js';
import type { Observation, StepRecord } from './observation.js';
import { isFailing, type Program, type State } from './program.js';
import { answersOf, isInterim, printed, type Answer } from './wire.js';

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
  const expects503 = isFailing(state) && session.refused && session.touchedInTime && !session.cutWhileHeld;
  return [
    ...inSteps(plain, session),
    ...inEvents(plain, session),
    ...inEnding(plain, session),
    ...inFaults(plain, session),
    ...(expects503 ? inUnavailable(program, plain, session) : inBytes(plain, session)),
  ];
}

function inSteps(plain: Observation, session: Observation): Difference[] {
  const found: Difference[] = [];
  for (const [at, before] of plain.steps.entries()) {
    const now = session.steps[at];
    // What the application is told after a save was refused is the 503's.
    if (now?.refused === true) return found;
    if (now === undefined) return [...found, { kind: 'step', plain: before.step, session: 'not reached' }];
    if (before.outcome !== now.outcome && !writeMayReturnFalse(before, now))
      found.push(atStep('step', before, now, 'outcome'));
    if (before.state !== now.state) found.push(atStep('state', before, now, 'state'));
    if (before.pending !== now.pending && !pendingMayDiffer(now))
      found.push(atStep('state', before, now, 'pending'));
  }
  return found;
}

function atStep(
  kind: Difference['kind'],
  plain: StepRecord,
  session: StepRecord,
  of: 'outcome' | 'state' | 'pending',
): Difference {
  return { kind, plain: `${plain.step}: ${plain[of]}`, session: `${session.step}: ${session[of]}` };
}

function inEvents(plain: Observation, session: Observation): Difference[] {
  if (session.refused) return untold(plain, session);
  if (bytesMayBeMissing(session)) return [];
  const [before, now] = [withoutDrains(plain.events), withoutDrains(session.events)];
  if (before.join() === now.join()) return [];
  return [{ kind: 'events', plain: before.join(', '), session: now.join(', ') }];
}

/** After a save was refused, whoever waits for something is still told, if only of an error. */
function untold(plain: Observation, session: Observation): Difference[] {
  const told = (events: readonly string[], name: string): boolean =>
    events.some((event) => event === name || event.startsWith(`${name} `));
  const missing = [...plain.callbacks, 'close'].filter(
    (name) => told(plain.events, name) && !told(session.events, name),
  );
  return missing.map((name) => ({ kind: 'callbacks', plain: `${name}: called`, session: 'never' }));
}

function inEnding(plain: Observation, session: Observation): Difference[] {
  if (plain.ending === session.ending) return [];
  // Nobody has to answer where nobody would have; an answer to the failure of a save may be one.
  if (plain.ending !== 'closed' && (session.ending === 'open' || session.refused)) return [];
  return [{ kind: 'hang', plain: plain.ending, session: session.ending }];
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

function inBytes(plain: Observation, session: Observation): Difference[] {
  if (bytesMayBeMissing(session)) return [];
  const before = answersOf(plain.received);
  const now = answersOf(session.received);
  const found: Difference[] = [];
  if (before.stray !== now.stray) found.push({ kind: 'bytes', plain: before.stray, session: now.stray });
  const goesOn = connectionMayGoOn(session);
  const count = goesOn ? before.answers.length : Math.max(before.answers.length, now.answers.length);
  for (let at = 0; at < count; at += 1) {
    const [one, other] = [printedAt(before.answers, at), printedAt(now.answers, at)];
    if (one !== other) found.push({ kind: 'bytes', plain: one, session: other });
  }
  if (!goesOn && plain.kept !== session.kept) found.push(inConnection(plain, session));
  return found;
}

function printedAt(answers: readonly Answer[], at: number): string {
  const answer = answers[at];
  return answer === undefined ? 'no answer' : printed(answer);
}

function inConnection(plain: Observation, session: Observation): Difference {
  return { kind: 'connection', plain: `kept: ${plain.kept}`, session: `kept: ${session.kept}` };
}

/** The program's answer is a 503, and what else is on the connection is as it would have been. */
function inUnavailable({ behind }: Program, plain: Observation, session: Observation): Difference[] {
  const [before, now] = [finalAnswers(plain), finalAnswers(session)];
  const place = behind ? 1 : 0;
  // Where plain Node answers nothing, as after destroy(), there is nothing to replace.
  if (before[place] === undefined) return [];
  const answer = now[place];
  if (answer === undefined || !isUnavailable(answer))
    return [{ kind: 'unavailable', plain: 'owed a 503', session: printedAt(now, place) }];
  const rest = now.slice(place + 1).map(printed);
  const whole = ['/next', '/after'].map((path, at) => rest[at]?.includes(`"body":"${path}"`) ?? true);
  if (rest.length <= 2 && whole.every(Boolean) && (rest.length === 0 || rest.length === 2)) return [];
  return [{ kind: 'unavailable', plain: 'the next answers as they are', session: rest.join() }];
}

function finalAnswers({ received }: Observation): Answer[] {
  return answersOf(received).answers.filter((answer) => !isInterim(answer));
}

/** A whole one: its body, and nothing else, is as long as it says. */
function isUnavailable({ head, body }: Answer): boolean {
  const length = head.headers.find((line) => /^content-length:/i.test(line));
  return head.code === 503 && head.retryAfter && Number(length?.split(':')[1]) === body.length;
}
