import type { ServerResponse } from 'node:http';
import { NODE, type NodeResponse, type SendArguments } from '../compat/outgoing-message.js';

/** Arguments of `end`, whichever form they have. */
export type EndArguments = Parameters<ServerResponse['end']>;

/** What of a response leads through a patch. */
export interface PatchedMethods {
  /** Output with the headers in front of the first piece: all but informational responses. */
  send(args: SendArguments): boolean;
  /** Output as it is. */
  writeRaw(args: SendArguments): boolean;
  end(args: EndArguments): ServerResponse;
}

type End = (this: NodeResponse, ...args: unknown[]) => ServerResponse;

interface Patch {
  /** Whom the methods lead to; undefined: past us, as long as no session is asked for. */
  to: PatchedMethods | undefined;
  /** What `end` somebody had put on the response before us. */
  readonly end: End | undefined;
}

const PATCH = Symbol('nestjs-redis-session:response');
type PatchedResponse = NodeResponse & { [PATCH]?: Patch };

// The same functions for all responses, so that V8 sees one shape of them.
function send(this: PatchedResponse, ...args: SendArguments): boolean {
  const to = this[PATCH]?.to;
  return to === undefined ? NODE._send.apply(this, args) : to.send(args);
}

function writeRaw(this: PatchedResponse, ...args: SendArguments): boolean {
  const to = this[PATCH]?.to;
  return to === undefined ? NODE._writeRaw.apply(this, args) : to.writeRaw(args);
}

function end(this: PatchedResponse, ...args: unknown[]): ServerResponse {
  const patch = this[PATCH];
  // What was wrapped around Node's own may return something else.
  return patch?.to === undefined ? endBefore(this, patch, args) : patch.to.end(args as EndArguments);
}

/**
 * Makes room for a patch on a response that no framework has seen yet. Express gives each response another prototype, and to
 * add a property after that takes V8 several microseconds and 2 KB of garbage each; before it, next to nothing. Not
 * needed where the framework leaves responses as they are.
 */
export function prepareResponse(response: ServerResponse): void {
  const patched = response as PatchedResponse;
  // What somebody has put there already is not to be covered up for requests that use no session.
  if (patched._send === NODE._send && patched._writeRaw === NODE._writeRaw && patched.end === NODE.end)
    put(patched, { to: undefined, end: undefined });
}

/**
 * Leads what a response sends through `to`. Whoever wraps its methods, before or after, still runs: this is below all of
 * them. @returns What leads past it, to Node.
 */
export function patchResponse(response: NodeResponse, to: PatchedMethods): PatchedMethods {
  const patched: PatchedResponse = response;
  const patch = patched[PATCH];
  if (patch === undefined) {
    put(patched, { to, end: Object.getOwnPropertyDescriptor(response, 'end')?.value as End | undefined });
    return pastUs(patched);
  }
  if (patch.to === undefined) {
    patch.to = to;
    return pastUs(patched);
  }
  // Two applications, one within the other, were asked for their session of one request: each waits for its own.
  const below = patch.to;
  patch.to = to;
  return below;
}

function pastUs(response: PatchedResponse): PatchedMethods {
  return {
    send: (args) => NODE._send.apply(response, args),
    writeRaw: (args) => NODE._writeRaw.apply(response, args),
    end: (args) => endBefore(response, response[PATCH], args),
  };
}

function endBefore(response: NodeResponse, patch: Patch | undefined, args: unknown[]): ServerResponse {
  return ((patch?.end ?? NODE.end) as End).apply(response, args);
}

function put(response: PatchedResponse, patch: Patch): void {
  response[PATCH] = patch;
  response._send = send;
  response._writeRaw = writeRaw;
  response.end = end as NodeResponse['end'];
}
