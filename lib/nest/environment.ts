import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { resolveCodec } from '../codecs/resolve.js';
import type { ResolvedSettings } from '../config/settings.js';
import type { SessionEnvironment } from '../core/environment.js';
import { KeyedLock } from '../core/keyed-lock.js';
import { SessionManager } from '../core/manager.js';
import type { SessionStore } from '../core/store.js';
import type { RequestSessionOptions } from '../http/request-session.js';
import { SessionCookie } from '../http/session-cookie.js';
import { nestLog } from './nest-log.js';

/** Puts together what the sessions of all requests share. */
export function createRequestSessionOptions(
  settings: ResolvedSettings,
  store: SessionStore,
): RequestSessionOptions {
  return {
    manager: new SessionManager(createEnvironment(settings, store)),
    cookie: new SessionCookie(settings.cookie, settings.secrets),
    saveOnServerError: settings.saveOnServerError,
    log: nestLog('RequestSession'),
  };
}

function createEnvironment(settings: ResolvedSettings, store: SessionStore): SessionEnvironment {
  const { codec, byName } = resolveCodec(settings.codec);
  return {
    store,
    codec,
    codecByName: byName,
    rules: {
      maxInactiveInterval: settings.idleTimeoutSeconds,
      absoluteTimeout: settings.absoluteTimeoutSeconds,
      saveOnChange: settings.policies.includes('SAVE_ON_CHANGE'),
      alwaysSave: settings.policies.includes('ALWAYS_SAVE_AFTER_REQUEST'),
      manualDirtyAttribute: settings.manualDirtyAttribute,
      persistOnDemandAttribute: settings.persistOnDemandAttribute,
      maxSessionBytes: settings.maxSessionBytes,
      maxAttributes: settings.maxAttributes,
    },
    log: nestLog('SessionManager'),
    locks: new KeyedLock(),
    random: randomBytes,
    now: settings.now,
    sleep: (milliseconds) => sleep(milliseconds),
    isAuthenticated: settings.isAuthenticated,
  };
}
