import { ownValue } from './values.js';

/** The head of one answer. */
export interface Head {
  readonly status: string;
  readonly code: number;
  /** Without Date and what the library adds: in their order, as they were sent. */
  readonly headers: readonly string[];
  /** Values of headers that several may have a say in, as a set: the library adds to them. */
  readonly shared: Readonly<Record<'set-cookie' | 'vary' | 'cache-control', readonly string[]>>;
  readonly retryAfter: boolean;
}

/** What a client received: heads, each with all bytes up to the next one. Works for whatever framing. */
export interface Answer {
  readonly head: Head;
  readonly body: string;
}

/** All that came on a connection. */
export interface Answers {
  /** What came before the first head. */
  readonly stray: string;
  readonly answers: readonly Answer[];
}

const HEAD = /HTTP\/1\.[01] \d{3}[^\r\n]*\r\n(?:[^\r\n]+\r\n)*\r\n/g;
const SHARED = ['set-cookie', 'vary', 'cache-control'] as const;

/** Splits what was received on one connection. */
export function answersOf(received: string): Answers {
  const heads = [...received.matchAll(HEAD)];
  const answers = heads.map((found, at): Answer => {
    const start = found.index + found[0].length;
    return { head: headOf(found[0]), body: received.slice(start, heads[at + 1]?.index) };
  });
  return { stray: received.slice(0, heads[0]?.index), answers };
}

/** Whether it is one of those that announce another. */
export function isInterim({ head: { code } }: Answer): boolean {
  return code >= 100 && code < 200 && code !== 101;
}

function headOf(text: string): Head {
  const [status = '', ...lines] = text.trimEnd().split('\r\n');
  const pairs = lines.map((line) => {
    const colon = line.indexOf(':');
    return { line, name: line.slice(0, colon).toLowerCase(), value: line.slice(colon + 1).trim() };
  });
  const shared = (wanted: (typeof SHARED)[number]): string[] => {
    const values = pairs.filter(({ name }) => name === wanted).map(({ value }) => value);
    const own = values.flatMap((value) => [ownValue(wanted, value)].flat());
    return own.filter((value) => value !== undefined).map(String);
  };
  return {
    status,
    code: Number(status.split(' ')[1]),
    headers: pairs
      .filter(({ name }) => name !== 'date' && !(SHARED as readonly string[]).includes(name))
      .map(({ line }) => line),
    shared: {
      'set-cookie': shared('set-cookie'),
      vary: shared('vary'),
      'cache-control': shared('cache-control'),
    },
    retryAfter: pairs.some(({ name }) => name === 'retry-after'),
  };
}

/** An answer in one text, the same for the same answer. */
export function printed({ head, body }: Answer): string {
  return JSON.stringify({ ...head, body: shortened(body) });
}

function shortened(body: string): string {
  return body.replace(/(.)\1{20,}/gs, (run, letter: string) => `${letter}×${run.length}`);
}
