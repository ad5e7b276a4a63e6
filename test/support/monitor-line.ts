import { encodeCommand } from './redis-wire.js';

/** A command as the server saw it. */
export interface Command {
  /** In capitals: `HGETALL`. */
  readonly name: string;
  /** What came after the name; bytes that are not UTF-8 are replaced. */
  readonly args: readonly string[];
  /** Address and port of the client, or `lua`. */
  readonly client: string;
  /** What it takes on the wire from client to server, in bytes. */
  readonly bytes: number;
}

/** Reads one line of MONITOR, such as `+1700000000.123456 [0 127.0.0.1:50000] "set" "k" "\x00"`. */
export function parseMonitorLine(line: string): Command | undefined {
  const match = /^\+\d+\.\d+ \[\d+ ([^\]]+)\] (".*")$/s.exec(line);
  if (!match?.[1] || !match[2]) return undefined;
  const words = [...match[2].matchAll(/"((?:[^"\\]|\\.)*)"/gs)].map(([, quoted = '']) => unquote(quoted));
  const [name = '', ...args] = words.map((word) => word.toString('utf8'));
  return { name: name.toUpperCase(), args, client: match[1], bytes: encodeCommand(words).length };
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', a: '\x07', b: '\b' };

function unquote(quoted: string): Buffer {
  const text = quoted.replace(/\\(?:x([0-9a-f]{2})|(.))/gs, (_all, hex: string | undefined, char: string) =>
    hex === undefined ? (ESCAPES[char] ?? char) : String.fromCharCode(parseInt(hex, 16)),
  );
  return Buffer.from(text, 'latin1');
}
