import { Logger } from '@nestjs/common';
import type { SessionLog } from '../core/environment.js';

/** Nest's Logger under a context of its own, as the port that core writes to. */
export function nestLog(context: string): SessionLog {
  const logger = new Logger(context);
  return {
    verbose: (message) => logger.verbose(message),
    debug: (message) => logger.debug(message),
    warn: (message) => logger.warn(message),
  };
}
