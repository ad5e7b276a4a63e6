import { resolveCodec } from '../codecs/choice.js';
import type { SessionSettings } from '../config/settings.js';
import type { SessionEnvironment } from '../core/environment.js';
import type { SessionEvents } from '../core/events.js';
import { KeyedLock } from '../core/keyed-lock.js';
import { SessionManager } from '../core/manager.js';
import { UserSessions } from '../core/user-sessions.js';
import { Bag } from '../core/bag.js';
import type { SessionDevice } from '../core/session-index.js';
import { SessionsInUse, type UseClock } from '../core/sessions-in-use.js';
import type { RequestSessionOptions } from '../http/request-session.js';
import { OldCookieTransport } from '../http/old-cookies.js';
import { DROPPED_COOKIE_WARNING, SessionCookie } from '../http/session-cookie.js';
import { HeaderTransport } from '../http/token-transport-header.js';
import type { TokenTransport } from '../http/token-transport.js';
import type { SessionBackend } from '../stores/backend.js';
import { nestLog } from './nest-log.js';
import { asHttpException } from './session.exceptions.js';

/** Of a user agent, and of whatever else a client says of itself. */
const MOST_CHARACTERS = 256;

interface AnyRequest {
  /** Express: by `trust proxy`, Fastify: by `trustProxy`. */
  readonly ip?: unknown;
  readonly socket?: { readonly remoteAddress?: unknown } | undefined;
  readonly headers?: { readonly 'user-agent'?: unknown } | undefined;
}

/** What sessions need of a backend. */
type Parts = Pick<SessionBackend, 'store' | 'index' | 'oldSessions' | 'confirmEnds'>;

/** Puts together what the sessions of all requests share. */
export function createRequestSessionOptions(
  settings: SessionSettings,
  backend: Parts,
  events: SessionEvents,
): RequestSessionOptions {
  return {
    manager: new SessionManager(createEnvironment(settings, backend, events)),
    transport: createTransport(settings),
    events,
    inUse: new SessionsInUse(backend.store, useClock(settings)),
    saveOnServerError: settings.saveOnServerError,
    device: deviceReader(settings.device),
    log: nestLog('RequestSession'),
  };
}

function deviceReader(device: SessionSettings['device']): RequestSessionOptions['device'] {
  if (device === false) return undefined;
  return ({ source = {} }) => shortened((device ?? deviceOf)(source));
}

function useClock({ now }: SessionSettings): UseClock {
  return {
    now,
    // Does not keep the process alive.
    after: (milliseconds, call) => void setTimeout(call, milliseconds).unref(),
  };
}

function createTransport({ cookie, secrets, transport, oldLibraries }: SessionSettings): TokenTransport {
  if (transport.header !== undefined) return new HeaderTransport(transport.header, secrets);
  const log = nestLog('SessionCookie');
  const dropped = (): void => log.warn(DROPPED_COOKIE_WARNING, 'dropped cookie');
  const ours = new SessionCookie({ ...cookie, names: cookie.names }, secrets, dropped);
  return oldLibraries.length > 0 ? new OldCookieTransport(ours, oldLibraries) : ours;
}

/** Puts together what sessions work with. */
export function createEnvironment(
  settings: SessionSettings,
  { store, index, oldSessions, confirmEnds }: Parts,
  events: SessionEvents,
): SessionEnvironment {
  const { codec, byName } = resolveCodec(settings.codec);
  return {
    store,
    users: new UserSessions({
      store,
      index,
      rules: settings,
      events,
      log: nestLog('UserSessions'),
      now: () => performance.now(),
    }),
    oldSessions,
    codec,
    codecByName: byName,
    rules: {
      maxInactiveInterval: settings.idleTimeoutSeconds,
      absoluteTimeout: settings.absoluteTimeoutSeconds,
      cookieMaxAge: settings.transport.header === undefined ? settings.cookie.maxAgeSeconds : undefined,
      saveOnChange: settings.policies.includes('SAVE_ON_CHANGE'),
      alwaysSave: settings.policies.includes('ALWAYS_SAVE_AFTER_REQUEST'),
      manualDirtyAttribute: settings.manualDirtyTracking ? settings.manualDirtyAttribute : undefined,
      persistOnDemandAttribute: settings.persistOnDemand ? settings.persistOnDemandAttribute : undefined,
      unstorable: settings.unstorable,
      maxSessionBytes: settings.maxSessionBytes,
      maxAttributes: settings.maxAttributes,
    },
    log: nestLog('SessionManager'),
    events,
    locks: new KeyedLock(),
    busy: new Bag(),
    now: settings.now,
    confirmEnds,
    asThrown: asHttpException,
    isAuthenticated: settings.isAuthenticated,
  };
}

/** Where a request came from, by its framework's own trust in proxies. */
function deviceOf({ ip, socket, headers }: AnyRequest): SessionDevice {
  return { address: textOf(ip ?? socket?.remoteAddress), userAgent: textOf(headers?.['user-agent']) };
}

/** A device with nothing in it that is longer than a list needs; undefined where there is nothing at all. */
function shortened(device: SessionDevice | undefined): SessionDevice | undefined {
  const [address, userAgent] = [cut(device?.address), cut(device?.userAgent)];
  return address === undefined && userAgent === undefined ? undefined : { address, userAgent };
}

function cut(text: string | undefined): string | undefined {
  return text?.slice(0, MOST_CHARACTERS).toWellFormed() || undefined;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
