/** V8's profilers of this process, from one moment to another: where CPU goes, and who allocates. */
import { Session } from 'node:inspector/promises';

const INTERVAL_MICROSECONDS = 200;

const ALLOCATION_INTERVAL_BYTES = 8192;

export async function startProfiler(kind) {
  const session = new Session();
  session.connect();
  if (kind === 'memory') {
    await session.post('HeapProfiler.startSampling', {
      samplingInterval: ALLOCATION_INTERVAL_BYTES,
      includeObjectsCollectedByMajorGC: true,
      includeObjectsCollectedByMinorGC: true,
    });
  } else {
    await session.post('Profiler.enable');
    await session.post('Profiler.setSamplingInterval', { interval: INTERVAL_MICROSECONDS });
    await session.post('Profiler.start');
  }
  return {
    async stop() {
      const { profile } = await session.post(
        kind === 'memory' ? 'HeapProfiler.stopSampling' : 'Profiler.stop',
      );
      session.disconnect();
      return profile;
    },
  };
}
