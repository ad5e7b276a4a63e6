import { channel, tracingChannel, type TracingChannel } from 'node:diagnostics_channel';
import { SessionError } from './errors.js';
import type { RejectionReason } from './events.js';
import type { SessionId } from './token.js';

/**
 * What is told of an operation of the store on `nestjs-redis-session:load`, `:touch`, `:save`, `:renew` and `:destroy`,
 * which are tracing channels of `node:diagnostics_channel`: one object for each operation, on `start`, `end`, `asyncStart`,
 * `asyncEnd` and, where it fails, `error`. Holds no token, principal or attribute. Subscribers may add symbols of their own.
 */
export interface SessionOperationMessage {
  /** The store's method. `create` and `compareAndSet` are told on `:save`. */
  readonly operation: 'load' | 'touch' | 'create' | 'save' | 'compareAndSet' | 'renew' | 'destroy';
  /** Where sessions live. */
  readonly store: SessionStoreKind;
  /** The public id that is asked for; of a renewal the one before. */
  readonly id: string;
  /**
   * What became of it, once it is known: `found`, `absent`, `ended` and `unreadable` of a load; `written`, `absent`, `ended`
   * and `conflict` of a write; `removed`, `absent` and `ended` of a destroy; `done` of a touch. Undefined where it failed.
   */
  outcome?: string | undefined;
  /** Why it failed. One of this package's errors; of any other only the name of its class. */
  error?: Error | undefined;
}

/** What is told of a wait on the tracing channel `nestjs-redis-session:wait`: for how long a session keeps a response back. */
export interface ResponseWaitMessage {
  /**
   * What waits: the handler's value, before it becomes the response; a response's headers; the end of one whose headers have
   * left.
   */
  readonly phase: 'handler' | 'headers' | 'end';
  /** Why the response becomes an error. As in {@link SessionOperationMessage}. */
  error?: Error | undefined;
}

/** What is told on the channel `nestjs-redis-session:breaker`, of an open one again at each probe that fails. */
export interface BreakerMessage {
  /** `host:port`, as messages of the log name it. */
  readonly address: string;
  /** True: this server counts as down, and nothing is sent to it but a probe every 250 ms. */
  readonly open: boolean;
}

/** What is told on the channel `nestjs-redis-session:rejected`: the session that a request brought is not used. */
export interface SessionRejectedMessage {
  readonly reason: RejectionReason;
  /** Public; undefined where no session can be named. */
  readonly id: string | undefined;
}

/** Where sessions are: `custom` is a store of the application's own, the option `store`. */
export type SessionStoreKind = 'redis' | 'memory' | 'custom';

/** Of each name: what is told, and where. */
export const operationChannels = {
  load: tracingChannel<unknown, SessionOperationMessage>('nestjs-redis-session:load'),
  touch: tracingChannel<unknown, SessionOperationMessage>('nestjs-redis-session:touch'),
  save: tracingChannel<unknown, SessionOperationMessage>('nestjs-redis-session:save'),
  renew: tracingChannel<unknown, SessionOperationMessage>('nestjs-redis-session:renew'),
  destroy: tracingChannel<unknown, SessionOperationMessage>('nestjs-redis-session:destroy'),
};
export const waitChannel = tracingChannel<unknown, ResponseWaitMessage>('nestjs-redis-session:wait');
export const breakerChannel = channel('nestjs-redis-session:breaker');
export const rejectedChannel = channel('nestjs-redis-session:rejected');

type OperationChannel = TracingChannel<unknown, SessionOperationMessage>;

/**
 * Runs an operation and tells of it, as `TracingChannel.tracePromise` does but for two things: what it resolves to stays out of
 * the message, and nobody waits for a promise more. Only where somebody listens: making the message and `run` costs.
 */
export function traced<T>(
  on: OperationChannel,
  operation: SessionOperationMessage['operation'],
  store: SessionStoreKind,
  id: SessionId,
  run: () => Promise<T>,
): Promise<T> {
  const message: SessionOperationMessage = { operation, store, id, outcome: undefined, error: undefined };
  const result = on.start.runStores(message, run);
  on.end.publish(message);
  tellEnd(on, message, result, (value) => (message.outcome = outcomeOf(value)));
  return result;
}

/** Tells of a response that waits. Costs nothing where nobody listens. @param pending What it waits for; seen to, not changed. */
export function traceWait(phase: ResponseWaitMessage['phase'], pending: Promise<unknown>): void {
  if (!waitChannel.hasSubscribers) return;
  const message: ResponseWaitMessage = { phase, error: undefined };
  waitChannel.start.publish(message);
  waitChannel.end.publish(message);
  tellEnd(waitChannel, message, pending, () => undefined);
}

function tellEnd<T, Message extends { error?: Error | undefined }>(
  on: TracingChannel<unknown, Message>,
  message: Message,
  result: Promise<T>,
  resolved: (value: T) => unknown,
): void {
  const settled = (): void => {
    on.asyncStart.publish(message);
    on.asyncEnd.publish(message);
  };
  result.then(
    (value) => {
      resolved(value);
      settled();
    },
    (error: unknown) => {
      message.error = withoutContent(error);
      on.error.publish(message);
      settled();
    },
  );
}

function outcomeOf(value: unknown): string {
  return typeof value === 'object' && value !== null && 'status' in value ? String(value.status) : 'done';
}

/** Of our own errors it is known that they hold nothing of a session. Others (a codec's, another store's) may quote it. */
function withoutContent(error: unknown): Error {
  if (error instanceof SessionError) return error;
  const name = error instanceof Error ? error.constructor.name : typeof error;
  return Object.assign(new Error(`${name}, which is no error of nestjs-redis-session`), { name });
}
