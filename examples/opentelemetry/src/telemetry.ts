import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
import { NodeSDK, type NodeSDKConfiguration } from '@opentelemetry/sdk-node';
import { SessionInstrumentation } from 'nestjs-redis-session/otel';

/**
 * To be called before Nest is imported, since HTTP is patched when it is loaded. Where spans and metrics go is in the environment
 * (OTEL_TRACES_EXPORTER, OTEL_METRICS_EXPORTER, OTEL_EXPORTER_OTLP_ENDPOINT …) unless the caller says so.
 */
export function startTelemetry(to: Partial<NodeSDKConfiguration> = {}): NodeSDK {
  const sdk = new NodeSDK({
    serviceName: 'shop',
    instrumentations: [new HttpInstrumentation(), new SessionInstrumentation()],
    ...to,
  });
  sdk.start();
  return sdk;
}
