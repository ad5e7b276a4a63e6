/** Everything here is plain data, so that a program can be printed, shrunk, sent to another process and run again. */

/** What a body is made of. `bytes`: so many of them. The last ones are what Node refuses. */
export type Chunk =
  | { readonly text: string }
  | { readonly bytes: number; readonly as: 'string' | 'buffer' | 'uint8array' }
  | { readonly bad: 'number' | 'null' | 'object' | 'undefined' };

/** A header's value, of which Node refuses some. */
export type HeaderValue = string | number | readonly string[] | null;

/** The forms in which writeHead takes headers. */
export type GivenHeaders =
  | { readonly form: 'none' | 'null' | 'number' }
  | {
      readonly form: 'object' | 'flat' | 'pairs';
      readonly pairs: readonly (readonly [string, HeaderValue])[];
    }
  | { readonly form: 'odd' };

/** What runs around an application's own calls, as response-time, compression and live-reload do. */
export type Wrapper = 'header' | 'transform' | 'footer';

export const EVENTS = [
  'finish',
  'close',
  'drain',
  'error',
  'pipe',
  'unpipe',
  'prefinish',
  'timeout',
] as const;
export type EventName = (typeof EVENTS)[number];

export const ANSWERS = ['text', 'json', 'redirect', 'status'] as const;

/** What a handler can do with its session, beside reading and changing it. */
export const SESSION_DEEDS = [
  'login',
  'remembered login',
  'renew',
  'renew with grace',
  'logout',
  'keep',
  'csrf',
  'save',
  'update',
] as const;
export type SessionDeed = (typeof SESSION_DEEDS)[number];

/** One thing that a handler does. */
export type Step =
  // Its session.
  | { readonly do: 'open' | 'touch' }
  | { readonly do: 'session'; readonly deed: SessionDeed; readonly awaited: boolean }
  /** Something else with a session than without, which has to be seen: no random program does it. */
  | { readonly do: 'betray'; readonly by: 'header' | 'body' | 'event' }
  // Headers and status.
  | { readonly do: 'setHeader' | 'appendHeader'; readonly name: string; readonly value: HeaderValue }
  | { readonly do: 'removeHeader' | 'getHeader' | 'hasHeader'; readonly name: string }
  | { readonly do: 'getHeaders' | 'getHeaderNames' }
  | { readonly do: 'statusCode'; readonly code: number | string }
  | { readonly do: 'statusMessage'; readonly text: string }
  | {
      readonly do: 'writeHead';
      readonly code: number;
      readonly message?: string | undefined;
      readonly headers: GivenHeaders;
    }
  | { readonly do: 'flushHeaders' | 'cork' | 'uncork' | 'strictContentLength' }
  | { readonly do: 'addTrailers'; readonly pairs: readonly (readonly [string, string])[] }
  | { readonly do: 'earlyHints'; readonly link: string; readonly callback: boolean }
  | { readonly do: 'continue' | 'processing' }
  // The body.
  | {
      readonly do: 'write' | 'end';
      readonly chunk?: Chunk | undefined;
      readonly encoding?: string | undefined;
      readonly callback: boolean;
    }
  | { readonly do: 'produce'; readonly chunks: number; readonly bytes: number }
  | {
      readonly do: 'pipe' | 'pipeline';
      readonly chunks: number;
      readonly bytes: number;
      readonly pace: 'at once' | 'a turn each';
      readonly fails: boolean;
      readonly awaited: boolean;
      /** From a file, which is a descriptor that somebody has to close. */
      readonly file?: boolean | undefined;
    }
  | { readonly do: 'echo' }
  // What the framework offers.
  | { readonly do: 'answer'; readonly as: (typeof ANSWERS)[number] }
  | { readonly do: 'next' }
  // Time passes. `settle`: until the save that is under way is done. `written`: until what was written has left.
  | { readonly do: 'turn'; readonly turns: number }
  | { readonly do: 'settle' | 'written' | 'readBody' | 'answerBefore' }
  // Things happen.
  | { readonly do: 'throw' }
  | { readonly do: 'destroy'; readonly error: boolean }
  | { readonly do: 'setTimeout'; readonly fires: boolean; readonly callback: boolean }
  | { readonly do: 'clientLeaves'; readonly how: 'end' | 'destroy' | 'reset' }
  | { readonly do: 'closeServer' | 'closeIdleConnections' }
  /** To the connection itself; nothing to a stream of HTTP/2. */
  | { readonly do: 'connection'; readonly by: 'end' | 'destroySoon' }
  | { readonly do: 'wrap'; readonly by: Wrapper }
  | { readonly do: 'listen'; readonly to: EventName };

/** The request that a program answers. */
export interface ProgramRequest {
  readonly method: 'GET' | 'HEAD' | 'POST';
  readonly version: '1.1' | '1.0';
  readonly connection: 'default' | 'close' | 'keep-alive';
  /** Bytes of its body; only with POST. */
  readonly body: number;
  readonly expectsContinue: boolean;
}

/** What an application does with one response. */
export interface Program {
  readonly request: ProgramRequest;
  /** Which of the target's ways into an application: its place in their list, modulo its length. */
  readonly way: number;
  /** Whether another request of the connection is answered first, when the handler says so or has ended. */
  readonly behind: boolean;
  /** Whether what a call throws leaves the handler. */
  readonly careless: boolean;
  readonly steps: readonly Step[];
}

/** What a session does to its request's response. */
export const STATES = ['untouched', 'read', 'changed', 'new', 'slow', 'fails', 'fails late', 'gone'] as const;
export type State = (typeof STATES)[number];

/** Whether the save of a state is refused by the store. */
export function isFailing(state: State): boolean {
  return state === 'fails' || state === 'fails late';
}
