import type { IncomingMessage } from 'node:http';
import type { Deed, Deeds } from './deeds.js';
import { SETTLE_TURNS, SHORT, turns, until } from './patience.js';
import { wrapResponse } from './wrappers.js';

/** What a handler throws that fails. */
export class HandlerFailure extends Error {
  readonly code = 'HANDLER_FAILURE';
}

/** Steps that let time pass, or in which something happens to the response. */
export const FLOW_STEPS: Deeds<
  | 'open'
  | 'touch'
  | 'turn'
  | 'settle'
  | 'readBody'
  | 'answerBefore'
  | 'throw'
  | 'destroy'
  | 'setTimeout'
  | 'clientLeaves'
  | 'closeServer'
  | 'closeIdleConnections'
  | 'connection'
  | 'wrap'
  | 'listen'
> = {
  open: async ({ scene }) => {
    // As long with a session as without.
    await turns(1);
    if (scene.state === 'untouched') return;
    scene.opened = await scene.exchange.session?.();
    if (scene.state === 'gone' && scene.opened !== undefined)
      await scene.exchange.endSession?.(scene.opened.id);
  },

  touch: ({ scene, response }) => {
    const { opened } = scene;
    if (opened === undefined) return;
    if (scene.state === 'read') {
      void opened.start?.length;
      return;
    }
    scene.touchedInTime ||= !response.headersSent;
    // What a session says to a write that comes too late is another suite's business.
    try {
      opened.value = scene.runNumber;
    } catch {
      scene.touchedInTime = false;
    }
  },

  turn: (_, step) => turns(step.turns),

  // As many turns without a session, or what goes on beside would have come further with one.
  settle: async ({ scene }) => {
    scene.surroundings.store?.openGate();
    await turns(SETTLE_TURNS);
  },

  readBody: async ({ scene: { exchange, surroundings } }) => {
    surroundings.store?.openGate();
    const { request } = exchange;
    let bytes = 0;
    request.on('data', (chunk: Buffer) => (bytes += chunk.length));
    await until(() => request.readableEnded || request.destroyed, SHORT);
    return `and there were ${bytes} bytes`;
  },

  answerBefore: async ({ scene }) => {
    scene.surroundings.answerBefore();
    await turns(4);
  },

  throw: () => {
    throw new HandlerFailure('The handler fails.');
  },

  destroy: ({ scene, call }, { error }) =>
    scene.cut(() => call('destroy', ...(error ? [new HandlerFailure('destroyed')] : []))),

  setTimeout: async (deed, { fires, callback }) => {
    const { scene, call, name } = deed;
    let fired = false;
    const told = callback ? [scene.callback(`${name} callback`)] : [];
    const result = call('setTimeout', fires ? FIRES_MS : NEVER_MS, ...told);
    if (!fires) return result === scene.response ? 'the response' : 'something else';
    // Over HTTP/2 the stream of what was ended closes by itself, in plain Node as well. A machine that is busy may be later with that.
    const isRace = scene.exchange.request.httpVersionMajor === 2 && scene.response.writableEnded;
    scene.response.once('timeout', () => (fired = true));
    await expiry(deed, () => fired);
    call('setTimeout', 0);
    if (isRace) return 'and it fired or the stream closed';
    return fired ? 'and it fired' : 'and the connection went';
  },

  clientLeaves: async ({ scene }, { how }) => {
    const { request } = scene.exchange;
    scene.cut(() => scene.surroundings.leave(how));
    await until(() => scene.disconnected || (how === 'end' && isHalfOpen(request)), SHORT);
    await turns(2);
  },

  closeServer: ({ scene }) => whileHeld(scene, () => scene.surroundings.closeServer()),
  closeIdleConnections: ({ scene }) => whileHeld(scene, () => scene.surroundings.closeIdleConnections()),

  connection: ({ scene }, { by }) => {
    const { httpVersionMajor, socket } = scene.exchange.request;
    if (httpVersionMajor === 1) socket[by]();
  },

  wrap: ({ response }, { by }) => wrapResponse(response, by),

  listen: ({ scene, response }, { to }) => {
    response.on(to, (argument: unknown) => {
      scene.event(to, argument instanceof Error ? argument : undefined);
    });
  },
};

const FIRES_MS = 3;
const NEVER_MS = 60_000;

async function expiry({ scene }: Deed, fired: () => boolean): Promise<void> {
  scene.surroundings.store?.openGate();
  await until(() => fired() || scene.closed, { turns: 100, ms: 100 });
}

/** Whether the client has said that it sends no more. */
function isHalfOpen({ httpVersionMajor, socket }: IncomingMessage): boolean {
  return httpVersionMajor === 1 && socket.readableEnded;
}

function whileHeld(scene: Deed['scene'], deed: () => void): void {
  scene.idleClosedWhileHeld ||= scene.held;
  deed();
}
