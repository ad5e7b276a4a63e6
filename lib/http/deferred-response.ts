import { ServerResponse } from 'node:http';
import { handleOf, isHttp2Response } from '../compat/http2-stream.js';
import { isNodeResponse, missingFromNode } from '../compat/outgoing-message.js';
import { SessionConfigError, SessionUsageError } from '../core/errors.js';
import { Deferral, type DeferralHooks, type Outlet } from './deferral.js';
import { Http2Outlet } from './http2-outlet.js';
import { InjectedOutlet } from './injected-outlet.js';
import { NodeOutlet } from './node-outlet.js';

/**
 * Makes a response of Node wait until its session is saved: its headers and its body, whoever writes them (a framework,
 * `@Res()`, a pipe). The object stays Node's own response, and every call on it does, returns, throws and emits what it would
 * without a session. Only two things differ: the bytes leave later, and where the save fails, another answer is sent.
 */
export function deferResponse(response: ServerResponse, hooks: DeferralHooks): Deferral {
  return new Deferral(hooks, (deferral) => outletOf(response, deferral));
}

/**
 * Checks at boot that this Node has the private parts by which a response waits.
 * @throws SessionConfigError where it does not: better not to start than to send corrupted responses.
 */
export function assertDeferrable(): void {
  const missing = missingFromNode();
  if (missing === undefined) return;
  throw new SessionConfigError(
    `Node ${process.version} cannot be used: ${missing}, which responses wait by until their session is saved, is not ` +
      'what it was in Node 20 to 24. Use one of those, or a newer release of nestjs-redis-session.',
  );
}

function outletOf(response: object, deferral: Deferral): Outlet {
  if (isNodeResponse(response)) return new NodeOutlet(response, deferral);
  if (response instanceof ServerResponse) return new InjectedOutlet(response as ServerResponse, deferral);
  if (isHttp2Response(response)) {
    const handle = handleOf(response.stream);
    if (handle !== undefined || response.stream.destroyed) return new Http2Outlet(response, handle, deferral);
  }
  throw new SessionUsageError(
    'The response is none that node:http or node:http2 made, so its session could not be saved before it leaves. ' +
      'Pass the response that came with the request.',
  );
}
