import { request, type IncomingHttpHeaders } from 'node:http';

/** A request that stacks are asked with. */
export interface Question {
  readonly path: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** What came back, without what differs from one answer to the next, and without what a session may add. */
export interface StackAnswer {
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, unknown>>;
  /** As bytes on the wire, chunks joined. */
  readonly body: string;
}

/** Asks an application. Rejects when the body ends early. */
export function ask(
  url: string,
  { path, method = 'GET', headers = {}, body }: Question,
): Promise<StackAnswer> {
  return new Promise((resolve, reject) => {
    const asked = request(new URL(path, url), { method, headers, agent: false }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () => {
        const bytes = Buffer.concat(chunks).toString('base64');
        resolve({ status: answer.statusCode, headers: comparable(answer.headers), body: bytes });
      });
    });
    asked.on('error', reject).end(body);
  });
}

/** Times and random values are only there or not. */
const VARIABLE = new Set(['date', 'x-response-time', 'last-modified']);

function comparable(headers: IncomingHttpHeaders): Record<string, unknown> {
  const entries = Object.entries(headers).map(([name, value]): [string, unknown] => {
    if (VARIABLE.has(name)) return [name, 'there'];
    if (name === 'set-cookie') return [name, cookiesOfOthers(value as string[])];
    if (name === 'vary') return [name, othersIn(String(value))];
    if (name === 'cache-control' && value === 'private, no-store') return [name, undefined];
    return [name, value];
  });
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined && value !== ''));
}

function cookiesOfOthers(cookies: readonly string[]): string[] | undefined {
  const others = cookies.filter((cookie) => !cookie.startsWith('sid='));
  return others.length === 0 ? undefined : others.map((cookie) => cookie.replace(/=[^;]*/, '=…'));
}

function othersIn(vary: string): string {
  const names = vary.split(/\s*,\s*/).filter((name) => name.toLowerCase() !== 'cookie');
  return names.sort().join(', ');
}
