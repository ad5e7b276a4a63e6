import { inspect } from 'node:util';
import { type LoggerService } from '@nestjs/common';

/** The levels of Nest's logger. */
export type LogLevelName = 'log' | 'error' | 'warn' | 'debug' | 'verbose' | 'fatal';

/** One call of a logger. */
export interface LogEntry {
  readonly level: LogLevelName;
  /** The last string after the message; undefined where there is none. */
  readonly context: string | undefined;
  /** The message itself, or what `util.inspect` makes of it. */
  readonly message: string;
  /** All that was handed to the logger. */
  readonly raw: readonly unknown[];
}

const NEST = new Set([
  'NestFactory',
  'InstanceLoader',
  'RoutesResolver',
  'RouterExplorer',
  'NestApplication',
]);

/** Keeps what is logged. Nest's logger is one per process: of two applications, the one started last sets it. */
export class LogSink implements LoggerService {
  readonly entries: LogEntry[] = [];

  log = this.writer('log');
  error = this.writer('error');
  warn = this.writer('warn');
  debug = this.writer('debug');
  verbose = this.writer('verbose');
  fatal = this.writer('fatal');

  /** The messages of one level, or of all. */
  messages(level?: LogLevelName): string[] {
    return this.entries
      .filter((entry) => level === undefined || entry.level === level)
      .map(({ message }) => message);
  }

  /** Everything, stacks, causes and properties included, to look for what must not be there. */
  text(): string {
    return this.entries.map(({ raw }) => raw.map((part) => toText(part)).join(' ')).join('\n');
  }

  /** All but what Nest itself says at boot, of modules and routes. */
  ours(): LogEntry[] {
    return this.entries.filter(({ context }) => context === undefined || !NEST.has(context));
  }

  clear(): void {
    this.entries.length = 0;
  }

  private writer(level: LogLevelName): (message: unknown, ...rest: unknown[]) => void {
    return (message, ...rest) => {
      const last = rest.at(-1);
      const context = typeof last === 'string' ? last : undefined;
      this.entries.push({ level, context, message: toText(message), raw: [message, ...rest] });
    };
  }
}

function toText(part: unknown): string {
  return typeof part === 'string' ? part : inspect(part, { depth: 10, showHidden: true });
}
