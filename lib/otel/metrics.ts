import {
  ValueType,
  type Attributes,
  type Counter,
  type Histogram,
  type Meter,
  type ObservableGauge,
  type ObservableResult,
} from '@opentelemetry/api';
import type { BreakerMessage, SessionRejectedMessage } from '../core/diagnostics.js';

/** Upper bounds of buckets, seconds: those that OpenTelemetry recommends for `db.client.operation.duration`. */
const SECONDS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10];

/** The instruments of one meter. */
export class SessionMetrics {
  readonly #operations: Counter;
  readonly #operationDuration: Histogram;
  readonly #waitDuration: Histogram;
  readonly #rejected: Counter;
  readonly #breaker: ObservableGauge;
  /** By the server: whether it counts as down. Of those only that have been down. */
  readonly #servers = new Map<string, boolean>();
  readonly #observe = (result: ObservableResult): void => {
    for (const [address, open] of this.#servers) result.observe(open ? 1 : 0, serverAttributes(address));
  };

  constructor(meter: Meter) {
    const seconds = { unit: 's', advice: { explicitBucketBoundaries: SECONDS } };
    this.#operationDuration = meter.createHistogram('nestjs_redis_session.operation.duration', {
      ...seconds,
      description: 'How long an operation of the session store takes.',
    });
    this.#operations = meter.createCounter('nestjs_redis_session.operations', {
      unit: '{operation}',
      description: 'Operations of the session store, by what became of them.',
      valueType: ValueType.INT,
    });
    this.#waitDuration = meter.createHistogram('nestjs_redis_session.response.wait.duration', {
      ...seconds,
      description: 'How long a response waits until its session is saved.',
    });
    this.#rejected = meter.createCounter('nestjs_redis_session.rejected', {
      unit: '{session}',
      description: 'Sessions that requests brought and that are not used, by reason.',
      valueType: ValueType.INT,
    });
    this.#breaker = meter.createObservableGauge('nestjs_redis_session.breaker.open', {
      unit: '{breaker}',
      description: '1 while a server of Redis counts as down and nothing is sent to it, 0 once it is back.',
      valueType: ValueType.INT,
    });
    this.#breaker.addCallback(this.#observe);
  }

  /** An operation has ended. @param outcome Undefined: it failed, and `attributes` have `error.type`. */
  operated(seconds: number, attributes: Attributes, outcome: Attributes): void {
    this.#operationDuration.record(seconds, attributes);
    this.#operations.add(1, { ...attributes, ...outcome });
  }

  /** A response has waited. */
  waited(seconds: number, attributes: Attributes): void {
    this.#waitDuration.record(seconds, attributes);
  }

  /** See {@link SessionRejectedMessage}. */
  rejected(message: unknown): void {
    const { reason } = message as SessionRejectedMessage;
    this.#rejected.add(1, { 'nestjs_redis_session.reason': reason });
  }

  /** See {@link BreakerMessage}. */
  breaker(message: unknown): void {
    const { address, open } = message as BreakerMessage;
    this.#servers.set(address, open);
  }

  /** Nobody watches any more: no alarm goes on for want of somebody who ends it. */
  forget(): void {
    for (const address of this.#servers.keys()) this.#servers.set(address, false);
  }
}

/** An address that has a port and no other beside it, apart; what else an address can be, as it is. */
function serverAttributes(address: string): Attributes {
  const [, host, port] = /^([^,\s]+):(\d+)$/.exec(address) ?? [];
  return host === undefined
    ? { 'server.address': address }
    : { 'server.address': host, 'server.port': Number(port) };
}
