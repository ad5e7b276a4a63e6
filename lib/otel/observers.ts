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

/** Makes a span of each message of a tracing channel, a child of the one that is active when it starts. */
abstract class Observer<M extends Message> implements TracingChannelSubscribers<M> {
  readonly #tracer: () => Tracer;

  constructor(tracer: () => Tracer) {
    this.#tracer = tracer;
  }

  readonly start = (message: M): void => {
    const span = this.#tracer().startSpan(this.nameOf(message), {
      // Calls of Redis beneath are spans of kind CLIENT, for those who instrument ioredis.
      kind: SpanKind.INTERNAL,
      attributes: this.attributesOf(message),
    });
    message[NOTED] = { span, startedAt: performance.now() };
  };

  readonly end = (): void => {
    // That the call has returned its promise is of no interest.
  };

  readonly asyncStart = (): void => {
    // What follows is told by asyncEnd.
  };

  readonly error = (): void => {
    // Told by asyncEnd as well, in the message's `error`.
  };

  readonly asyncEnd = (message: M): void => {
    const noted = message[NOTED];
    // It was under way when somebody began to listen.
    if (noted === undefined) return;
    const { span, startedAt } = noted;
    const seconds = (performance.now() - startedAt) / 1000;
    const { error } = message;
    const failure: Attributes = error === undefined ? {} : { 'error.type': typeOf(error) };
    if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
    span.setAttributes(failure);
    this.ended(message, span, seconds, failure);
    span.end();
  };

  protected abstract nameOf(message: M): string;
  protected abstract attributesOf(message: M): Attributes;
  protected abstract ended(message: M, span: Span, seconds: number, failure: Attributes): void;
}

/** Of operations of the store. */
export class OperationObserver extends Observer<SessionOperationMessage> {
  readonly #metrics: () => SessionMetrics;
  readonly #recordsId: () => boolean;

  constructor(tracer: () => Tracer, metrics: () => SessionMetrics, recordsId: () => boolean) {
    super(tracer);
    this.#metrics = metrics;
    this.#recordsId = recordsId;
  }

  protected override nameOf({ operation }: SessionOperationMessage): string {
    return `session ${operation}`;
  }

  protected override attributesOf(message: SessionOperationMessage): Attributes {
    return this.#recordsId()
      ? { ...operationAttributes(message), 'session.id': message.id }
      : operationAttributes(message);
  }

  protected override ended(
    message: SessionOperationMessage,
    span: Span,
    seconds: number,
    failure: Attributes,
  ): void {
    const { outcome } = message;
    const known: Attributes = outcome === undefined ? {} : { 'nestjs_redis_session.outcome': outcome };
    span.setAttributes(known);
    this.#metrics().operated(seconds, { ...operationAttributes(message), ...failure }, known);
  }
}

/** Of waits of responses. */
export class WaitObserver extends Observer<ResponseWaitMessage> {
  readonly #metrics: () => SessionMetrics;

  constructor(tracer: () => Tracer, metrics: () => SessionMetrics) {
    super(tracer);
    this.#metrics = metrics;
  }

  protected override nameOf(): string {
    return 'session wait';
  }

  protected override attributesOf(message: ResponseWaitMessage): Attributes {
    return { 'nestjs_redis_session.phase': message.phase };
  }

  protected override ended(
    message: ResponseWaitMessage,
    _span: Span,
    seconds: number,
    failure: Attributes,
  ): void {
    this.#metrics().waited(seconds, { ...this.attributesOf(message), ...failure });
  }
}

function operationAttributes({ operation, store }: SessionOperationMessage): Attributes {
  return { 'nestjs_redis_session.operation': operation, 'nestjs_redis_session.store': store };
}

/** One of few words: of an unavailable store the reason, else the code; of errors that are not ours the class. */
function typeOf(error: Error): string {
  if (error instanceof SessionStoreUnavailableError) return error.reason;
  return error instanceof SessionError ? error.code : error.name;
}
