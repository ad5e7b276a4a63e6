import { trace, type TracerProvider } from '@opentelemetry/api';
import { registerInstrumentations, type Instrumentation } from '@opentelemetry/instrumentation';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  SimpleSpanProcessor,
  type ReadableSpan,
} from '@opentelemetry/sdk-trace-node';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { inspect } from 'node:util';

/** One point of a metric: its value, or the count of a histogram. */
export interface Point {
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly value: number;
}

/** OpenTelemetry's SDK, exporting to memory. One for each test file: the context manager is of the whole process. */
export class Telemetry {
  readonly #spans = new InMemorySpanExporter();
  readonly #exported = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  // Exports when a test asks: no interval passes in any.
  readonly #reader = new PeriodicExportingMetricReader({
    exporter: this.#exported,
    exportIntervalMillis: 3_600_000,
    exportTimeoutMillis: 60_000,
  });
  readonly #meters = new MeterProvider({ readers: [this.#reader] });
  readonly tracers: TracerProvider;

  constructor(instrumentation: Instrumentation) {
    const tracers = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(this.#spans)] });
    tracers.register();
    this.tracers = tracers;
    registerInstrumentations({
      instrumentations: [instrumentation],
      tracerProvider: tracers,
      meterProvider: this.#meters,
    });
  }

  /** Spans that have ended, oldest first. */
  spans(name?: string): ReadableSpan[] {
    return this.#spans.getFinishedSpans().filter((span) => name === undefined || span.name === name);
  }

  /** The points of a metric since the start. */
  async points(name: string): Promise<Point[]> {
    const { resourceMetrics } = await this.#reader.collect();
    return resourceMetrics.scopeMetrics
      .flatMap(({ metrics }) => metrics)
      .filter(({ descriptor }) => descriptor.name === name)
      .flatMap(({ dataPoints }) =>
        dataPoints.map(({ attributes, value }) => ({
          attributes: { ...attributes },
          value: typeof value === 'number' ? value : value.count,
        })),
      );
  }

  /** All that has been exported, to look for what must not be there. */
  async text(): Promise<string> {
    const { resourceMetrics } = await this.#reader.collect();
    const spans = this.spans().map(({ name, attributes, events, links, status }) => ({
      ...{ name, attributes, events, links, status },
    }));
    return inspect([spans, resourceMetrics], { depth: 20, maxArrayLength: null, maxStringLength: null });
  }

  clear(): void {
    this.#spans.reset();
  }

  /** A span around each request, as @opentelemetry/instrumentation-http puts it there: around the event `request`. */
  traceRequests(server: Server): void {
    const emit = server.emit.bind(server);
    const tracer = this.tracers.getTracer('http');
    server.emit = (event: string, ...args: unknown[]): boolean => {
      if (event !== 'request') return emit(event, ...args);
      const [request, response] = args as [IncomingMessage, ServerResponse];
      return tracer.startActiveSpan(`${request.method} ${request.url?.split('?')[0]}`, (span) => {
        response.once('close', () => span.end());
        return emit(event, ...args);
      });
    };
  }
}

/** Which span is above another; undefined: none. */
export function parentOf(span: ReadableSpan | undefined): string | undefined {
  return span?.parentSpanContext?.spanId;
}

/** Ends what is registered for the whole process. */
export function forgetTelemetry(): void {
  trace.disable();
}
