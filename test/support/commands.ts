import { randomUUID } from 'node:crypto';
import { clearTimeout, setTimeout } from 'node:timers';
import { onCleanup } from './cleanup.js';
import { type Command, parseMonitorLine } from './monitor-line.js';
import {
  authCommands,
  encodeCommand,
  exchange,
  firstLine,
  openSocket,
  type Credentials,
} from './redis-wire.js';

export type { Command } from './monitor-line.js';

/** Watches what a server is asked. */
export interface CommandWatch {
  /** The commands since the last call (or the start), in order: all that the server got before this call. */
  readonly take: () => Promise<Command[]>;
  readonly close: () => void;
}

/** What {@link watchCommands} can be asked for. */
export interface WatchOptions extends Credentials {
  /** Names left out, in capitals. Default: {@link HANDSHAKE_COMMANDS}. */
  ignore?: readonly string[] | undefined;
  /** Whether to show the commands that scripts run as well. Default: false. */
  lua?: boolean | undefined;
}

/** What clients send on their own account when they connect or check a connection. */
export const HANDSHAKE_COMMANDS: readonly string[] = [
  ...['HELLO', 'AUTH', 'SELECT', 'CLIENT', 'INFO', 'PING', 'COMMAND', 'SCRIPT'],
];

const ANSWER_WITHIN_MS = 60_000;

interface Waiting {
  readonly isIt: (line: string) => boolean;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/**
 * Shows commands as the server itself sees them (MONITOR). A command that the server refuses unread (unknown,
 * not permitted) is not shown; AUTH never is.
 */
export async function watchCommands(port: number, options: WatchOptions = {}): Promise<CommandWatch> {
  const ignored = new Set(options.ignore ?? HANDSHAKE_COMMANDS);
  const isShown = ({ name, client }: Command): boolean =>
    !ignored.has(name) && (options.lua || client !== 'lua');
  // MONITOR takes a connection for itself, so markers are sent on a second one. Neither is a library's: those
  // add a handshake of their own, and ioredis hands over MONITOR's arguments half unescaped.
  const monitor = await openSocket(port);
  const marking = await openSocket(port);
  const seen: Command[] = [];
  let waiting: Waiting | undefined;
  let failure: Error | undefined;
  const fail = (error: Error): void => {
    failure ??= error;
    waiting?.reject(failure);
  };

  let rest = '';
  monitor.setEncoding('latin1').on('data', (text: string) => {
    const lines = (rest + text).split('\r\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (waiting?.isIt(line)) {
        waiting.resolve();
        continue;
      }
      if (line.startsWith('-')) fail(new Error(`Test helper: Redis refused MONITOR: ${line}`));
      const command = parseMonitorLine(line);
      if (command && isShown(command)) seen.push(command);
    }
  });
  marking.resume();
  for (const socket of [monitor, marking]) {
    socket.on('close', () => fail(new Error('Test helper: the connection that watches commands has ended.')));
  }

  const awaitLine = async (isIt: Waiting['isIt'], send: () => void): Promise<void> => {
    if (failure) throw failure;
    if (waiting)
      throw new Error('Test helper: take() was called before an earlier call was done. Await that one.');
    let timer: NodeJS.Timeout | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        waiting = { isIt, resolve, reject };
        const late = new Error(`Test helper: Redis showed nothing to MONITOR within ${ANSWER_WITHIN_MS} ms.`);
        timer = setTimeout(() => reject(late), ANSWER_WITHIN_MS);
        send();
      });
    } finally {
      clearTimeout(timer);
      waiting = undefined;
    }
  };
  const close = (): void => {
    forget();
    monitor.destroy();
    marking.destroy();
  };
  const forget = onCleanup(close);

  const auth = authCommands(options);
  let confirmations = auth.length + 1;
  try {
    await awaitLine(
      (line) => line === '+OK' && --confirmations === 0,
      () => {
        for (const command of auth) marking.write(encodeCommand(command));
        for (const command of [...auth, ['MONITOR']]) monitor.write(encodeCommand(command));
      },
    );
  } catch (error) {
    close();
    throw error;
  }

  return {
    take: async () => {
      const marker = randomUUID();
      await awaitLine(
        (line) => line.includes(marker),
        () => marking.write(encodeCommand(['ECHO', marker])),
      );
      return seen.splice(0);
    },
    close,
  };
}

/** Total bytes that the server has read from all its clients, this very question included. */
export async function netInputBytes(port: number, credentials: Credentials = {}): Promise<number> {
  const question = inputBytesQuestion(credentials);
  const answer = await exchange(port, question, (text) => /end-of-answer\r\n$|^-/m.test(text));
  const total = /^total_net_input_bytes:(\d+)\r$/m.exec(answer)?.[1];
  if (total === undefined)
    throw new Error(`Test helper: Redis did not tell its input bytes: ${firstLine(answer)}`);
  return Number(total);
}

/** Bytes that all clients together sent to the server while `action` ran, the two questions not counted. */
export async function inputBytesOf(
  port: number,
  action: () => Promise<unknown>,
  credentials: Credentials = {},
): Promise<number> {
  const before = await netInputBytes(port, credentials);
  await action();
  const after = await netInputBytes(port, credentials);
  return after - before - Buffer.concat(inputBytesQuestion(credentials).map(encodeCommand)).length;
}

function inputBytesQuestion(credentials: Credentials): string[][] {
  return [...authCommands(credentials), ['INFO', 'stats'], ['ECHO', 'end-of-answer']];
}
