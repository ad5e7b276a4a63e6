import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { inspect } from 'node:util';
import { metrics, tracing } from '@opentelemetry/sdk-node';
import { startTelemetry } from '../dist/telemetry.js';

const PRINCIPAL = 'principal-7f3c';
const PAYLOAD = 'what-a-customer-put-into-the-cart-93ab';

const spans = new tracing.InMemorySpanExporter();
const points = new metrics.InMemoryMetricExporter(metrics.AggregationTemporality.CUMULATIVE);
const reader = new metrics.PeriodicExportingMetricReader({
  exporter: points,
  exportIntervalMillis: 3_600_000,
});
const lines = [];
const cookies = [];
let telemetry;
let app;
let url;

before(async () => {
  telemetry = startTelemetry({
    spanProcessors: [new tracing.SimpleSpanProcessor(spans)],
    metricReaders: [reader],
  });
  const { createApp } = await import('../dist/app.js');
  app = await createApp({ write: (line) => void lines.push(line) });
  await app.listen(0, '127.0.0.1');
  url = await app.getUrl();
  await shop();
  await app.close();
});
after(() => telemetry.shutdown());

/** A guest who buys, logs in, looks, logs out; and somebody who tries a cookie. */
async function shop() {
  let cookie = '';
  const ask = async (method, path, body, status = 201) => {
    const answer = await fetch(`${url}${path}`, {
      method,
      headers: { 'content-type': 'application/json', cookie },
      ...(body && { body: JSON.stringify(body) }),
    });
    assert.equal(answer.status, status);
    const set = answer.headers.get('set-cookie');
    if (set !== null) cookie = set.split(';')[0];
    cookies.push(cookie);
    return answer;
  };
  await ask('POST', '/cart', { item: PAYLOAD });
  await ask('POST', '/login', { name: PRINCIPAL });
  const cart = await ask('GET', '/cart', undefined, 200);
  assert.deepEqual(await cart.json(), { of: PRINCIPAL, cart: [PAYLOAD] });
  await ask('POST', '/logout', {});
  cookie = cookies[2];
  await ask('GET', '/cart', undefined, 200);
}

/** The points of a metric: attributes and, of a histogram, how many there were. */
async function pointsOf(name) {
  const { resourceMetrics } = await reader.collect();
  return resourceMetrics.scopeMetrics
    .flatMap((scope) => scope.metrics)
    .filter(({ descriptor }) => descriptor.name === name)
    .flatMap(({ dataPoints }) => dataPoints)
    .map(({ attributes, value }) => ({ ...attributes, value: value.count ?? value }));
}

test('what sessions do are spans beneath that of the request', () => {
  const all = spans.getFinishedSpans();
  const nameOf = new Map(
    all.map((span) => [
      span.spanContext().spanId,
      `${span.attributes['http.target'] ?? span.attributes['url.path'] ?? span.name}`,
    ]),
  );
  const ours = all
    .filter(({ instrumentationScope }) => instrumentationScope.name === 'nestjs-redis-session')
    .map((span) => `${nameOf.get(span.parentSpanContext?.spanId)} > ${span.name}`);
  for (const expected of [
    '/cart > session create',
    '/cart > session wait',
    '/login > session load',
    '/login > session renew',
    '/cart > session load',
    '/logout > session destroy',
  ])
    assert.ok(ours.includes(expected), `${expected} is not among ${ours.join(', ')}`);
});

test('metrics count operations, waits and what was rejected', async () => {
  const operations = await pointsOf('nestjs_redis_session.operations');
  const names = operations.map((point) => point['nestjs_redis_session.operation']);
  for (const name of ['create', 'load', 'renew', 'destroy']) assert.ok(names.includes(name), name);
  assert.ok((await pointsOf('nestjs_redis_session.operation.duration')).length > 0);
  assert.ok((await pointsOf('nestjs_redis_session.response.wait.duration')).length > 0);
  const [rejected] = await pointsOf('nestjs_redis_session.rejected');
  assert.equal(rejected['nestjs_redis_session.reason'], 'gone');
});

test('no token, principal or payload is in any span, metric or line of the log', async () => {
  const { resourceMetrics } = await reader.collect();
  const told = inspect([spans.getFinishedSpans(), resourceMetrics, lines], {
    depth: 20,
    maxArrayLength: null,
    maxStringLength: null,
  });
  // Of the guest and of the login; a logout clears the cookie.
  const tokens = new Set(
    cookies.map((cookie) => cookie.split('=')[1].split('.')[0]).filter((token) => token !== ''),
  );
  assert.equal(tokens.size, 2);
  assert.equal(lines.length, cookies.length);
  for (const secret of [PRINCIPAL, PAYLOAD, ...tokens])
    assert.ok(!told.includes(secret), `${secret} is told`);
});

test('the log has the headers, with the cookie redacted in both directions', () => {
  const requests = lines.map((line) => JSON.parse(line)).filter(({ req }) => req !== undefined);
  assert.ok(requests.some(({ req }) => req.headers.cookie === '[Redacted]'));
  assert.ok(requests.some(({ res }) => res?.headers['set-cookie'] === '[Redacted]'));
});
