import { InstrumentationBase, type InstrumentationConfig } from '@opentelemetry/instrumentation';
import { breakerChannel, operationChannels, rejectedChannel, waitChannel } from '../core/diagnostics.js';
import { SessionMetrics } from './metrics.js';
import { operationObserver, waitObserver, type Telemetry } from './observers.js';

/** What a span is made by, and this package's version, which manifest.spec compares with package.json. */
export const SCOPE = { name: 'nestjs-redis-session', version: '0.2.0' }; // x-release-please-version

/** How {@link SessionInstrumentation} works. */
export interface SessionInstrumentationConfig extends InstrumentationConfig {
  /**
   * Whether spans of operations have the session's public id as `session.id`. It opens nothing, and is what the log names a
   * session by, but it ties all of a user's requests together. Default false.
   */
  readonly recordSessionId?: boolean;
}

/**
 * Spans and metrics of sessions, for OpenTelemetry. Hand it to `NodeSDK` or `registerInstrumentations`; it can be created
 * before or after the application, and be enabled and disabled at any time. No token, principal or attribute is in any of them.
 *
 * @example
 * new NodeSDK({ instrumentations: [new SessionInstrumentation()] }).start();
 */
export class SessionInstrumentation extends InstrumentationBase<SessionInstrumentationConfig> {
  /** Set where InstrumentationBase's constructor asks for it, which a field with a value would undo. */
  declare private instruments: SessionMetrics;
  readonly #subscriptions: readonly Subscription[];
  #listening = false;

  /** @param config As of any instrumentation: with `enabled: false` it waits for `enable()`. */
  constructor(config: SessionInstrumentationConfig = {}) {
    // Enabled here, and not by the constructor of the base, which runs before this class's fields are there.
    super(SCOPE.name, SCOPE.version, { ...config, enabled: false });
    const telemetry: Telemetry = {
      tracer: () => this.tracer,
      metrics: () => this.instruments,
      recordsId: () => this.getConfig().recordSessionId === true,
    };
    const operations = operationObserver(telemetry);
    this.#subscriptions = [
      ...Object.values(operationChannels).map((on) => subscription(on, operations)),
      subscription(waitChannel, waitObserver(telemetry)),
      subscription(breakerChannel, (message) => this.instruments.breaker(message)),
      subscription(rejectedChannel, (message) => this.instruments.rejected(message)),
    ];
    this.setConfig(config);
    if (this.getConfig().enabled) this.enable();
  }

  /** Begins to listen. Idempotent. */
  override enable(): void {
    super.enable();
    if (this.#listening) return;
    this.#listening = true;
    for (const one of this.#subscriptions) one.begin();
  }

  /** Listens no more: sessions cost what they did without it. Operations under way are left out. Idempotent. */
  override disable(): void {
    super.disable();
    if (!this.#listening) return;
    this.#listening = false;
    for (const one of this.#subscriptions) one.end();
    this.instruments.forget();
  }

  /** Nothing is patched: the package tells of itself. */
  protected override init(): [] {
    return [];
  }

  protected override _updateMetricInstruments(): void {
    this.instruments?.forget();
    this.instruments = new SessionMetrics(this.meter);
  }
}

/** A subscriber that can come and go. */
interface Subscription {
  begin(): void;
  end(): void;
}

function subscription<Message>(
  on: { subscribe(to: Message): void; unsubscribe(from: Message): unknown },
  subscriber: Message,
): Subscription {
  return { begin: () => on.subscribe(subscriber), end: () => void on.unsubscribe(subscriber) };
}
