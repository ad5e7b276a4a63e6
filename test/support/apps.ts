import { describe } from '@jest/globals';
import { adapters, type Adapter } from './start-app.js';

export { LogSink } from './log-sink.js';
export {
  adapters,
  startApp,
  type Adapter,
  type AppOptions,
  type StartedApp,
  type TestApplication,
} from './start-app.js';

/** A `describe` for each adapter. */
export function eachAdapter(name: string, suite: (adapter: Adapter) => void): void {
  describe.each(adapters)(`${name} (%s)`, suite);
}
