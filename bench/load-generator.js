/**
 * Puts load on an application, from a process of its own, with autocannon. A job is `{ targets, connections,
 * durationMs }`; a target is `{ url, requests: [{ method, path, cookies? }] }`; each connection takes a cookie of its own
 * and sends the requests in turn. The answer: requests per second, percentiles in milliseconds, failures.
 */
import autocannon from 'autocannon';
import { performance } from 'node:perf_hooks';
import process from 'node:process';

process.on('message', (job) => {
  if (job === 'stop') process.exit(0);
  run(job).then(
    (result) => process.send(result),
    (error) => process.send({ error: String(error) }),
  );
});
process.on('disconnect', () => process.exit(0));
process.send('ready');

async function run({ targets, connections, durationMs }) {
  const milliseconds = [];
  const share = Math.max(1, Math.floor(connections / targets.length));
  const results = await Promise.all(
    targets.map((target) => fire(target, share, durationMs, (time) => milliseconds.push(time))),
  );
  const sorted = Float64Array.from(milliseconds).sort();
  const percentile = (part) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? NaN;
  return {
    requests: sorted.length,
    rps: results.reduce((sum, { count, seconds }) => sum + count / seconds, 0),
    p50: percentile(0.5),
    p99: percentile(0.99),
    failures: results.reduce((sum, { failures }) => sum + failures, 0),
  };
}

async function fire({ url, requests }, connections, durationMs, onTime) {
  let client = 0;
  let count = 0;
  let last = 0;
  const start = performance.now();
  const instance = autocannon({
    url,
    connections,
    // autocannon looks at the clock only at its samples, one a second unless told: the load would last that much longer.
    duration: (durationMs - 1) / 1000,
    sampleInt: durationMs,
    setupClient: (each) => {
      const index = client++;
      each.setRequests(
        requests.map(({ method, path, cookies }) => ({
          method,
          path,
          headers: cookies ? { cookie: cookies[index % cookies.length] } : {},
        })),
      );
    },
  });
  instance.on('response', (_client, _status, _bytes, time) => {
    count += 1;
    last = performance.now();
    onTime(time);
  });
  const result = await instance;
  return { count, seconds: (last - start) / 1000, failures: result.non2xx + result.errors + result.timeouts };
}
