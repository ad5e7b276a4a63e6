import { SpanKind, SpanStatusCode, type Attributes, type Span, type Tracer } from '@opentelemetry/api';
import type { TracingChannelSubscribers } from 'node:diagnostics_channel';
import type { ResponseWaitMessage, SessionOperationMessage } from '../core/diagnostics.js';
import { SessionError, SessionStoreUnavailableError } from '../core/errors.js';
import type { SessionMetrics } from './metrics.js';

/** What is noted with a message from its start to its end. On the message: a map would be one more thing to look after. */
const NOTED = Symbol('nestjs-redis-session/otel');

interface Noted {
  readonly span: Span;
  /** Milliseconds of the monotonic clock. */
  readonly startedAt: number;
}

interface Message {
  error?: Error | undefined;
  [NOTED]?: Noted;
}

/** Where spans and figures go. Asked each time, since an application may set up OpenTelemetry later. */
export interface Telemetry {
  readonly tracer: () => Tracer;
  readonly metrics: () => SessionMetrics;
  /** Whether spans have the session's public id. */
  readonly recordsId: () => boolean;
}

/** How the messages of a tracing channel are told of. */
interface Subject<M> {
  readonly nameOf: (message: M) => string;
  readonly attributesOf: (message: M) => Attributes;
  /** @param failure What the error is, as attributes; empty where there is none. */
  readonly ended: (message: M, span: Span, seconds: number, failure: Attributes) => void;
}

/** Of operations of the store. */
export function operationObserver(telemetry: Telemetry): TracingChannelSubscribers<SessionOperationMessage> {
  const attributesOf = ({ operation, store }: SessionOperationMessage): Attributes => ({
    'nestjs_redis_session.operation': operation,
    'nestjs_redis_session.store': store,
  });
  return observer(telemetry, {
    nameOf: ({ operation }) => `session ${operation}`,
    attributesOf: (message) => ({
      ...attributesOf(message),
      ...(telemetry.recordsId() && { 'session.id': message.id }),
    }),
    ended(message, span, seconds, failure) {
      const { outcome } = message;
      const known: Attributes = outcome === undefined ? {} : { 'nestjs_redis_session.outcome': outcome };
      span.setAttributes(known);
      telemetry.metrics().operated(seconds, { ...attributesOf(message), ...failure }, known);
    },
  });
}

/** Of waits of responses. */
export function waitObserver(telemetry: Telemetry): TracingChannelSubscribers<ResponseWaitMessage> {
  const attributesOf = ({ phase }: ResponseWaitMessage): Attributes => ({
    'nestjs_redis_session.phase': phase,
  });
  return observer(telemetry, {
    nameOf: () => 'session wait',
    attributesOf,
    ended: (message, _span, seconds, failure) =>
      telemetry.metrics().waited(seconds, { ...attributesOf(message), ...failure }),
  });
}

/** Makes a span of each message of a tracing channel, a child of the one that is active when it starts. */
function observer<M extends Message>(
  { tracer }: Telemetry,
  { nameOf, attributesOf, ended }: Subject<M>,
): TracingChannelSubscribers<M> {
  // The end of the call, which has only returned its promise, says nothing; an error is told by asyncEnd as well.
  const ignore = (): void => undefined;
  return {
    start(message) {
      const span = tracer().startSpan(nameOf(message), {
        // Calls of Redis beneath are spans of kind CLIENT, for those who instrument ioredis.
        kind: SpanKind.INTERNAL,
        attributes: attributesOf(message),
      });
      message[NOTED] = { span, startedAt: performance.now() };
    },
    asyncEnd(message) {
      const noted = message[NOTED];
      // It was under way when somebody began to listen.
      if (noted === undefined) return;
      const { span, startedAt } = noted;
      const seconds = (performance.now() - startedAt) / 1000;
      const { error } = message;
      const failure: Attributes = error === undefined ? {} : { 'error.type': typeOf(error) };
      if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
      span.setAttributes(failure);
      ended(message, span, seconds, failure);
      span.end();
    },
    end: ignore,
    asyncStart: ignore,
    error: ignore,
  };
}

/** One of few words: of an unavailable store the reason, else the code; of errors that are not ours the class. */
function typeOf(error: Error): string {
  if (error instanceof SessionStoreUnavailableError) return error.reason;
  return error instanceof SessionError ? error.code : error.name;
}
