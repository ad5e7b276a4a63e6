import { resolveSettings } from '../config/resolve.js';
import type { HttpSession, SessionAttributes } from '../core/members.js';
import { ManagedSession } from '../core/session.js';
import { createEnvironment } from '../nest/request-session-options.js';
import { MemoryStore } from '../stores/memory-store.js';

/** Nobody listens: there is no application. */
const NO_EVENTS = { emit: () => undefined };

/**
 * A real session, in this process's memory, as a request without a cookie gets it: for the unit test of a controller, whose
 * handler takes it as an argument. All of its members work: `authenticate()`, `update()`, `save()`, `destroy()` and so on, with the
 * defaults of all settings. Each has a memory of its own. Nothing is to be closed.
 * @param attributes What it holds to begin with. Default: nothing.
 *
 * @example
 * const session = createSession<ShopSession>({ cart: ['tea'] });
 * await controller.login(session, { name: 'ann' });
 * expect(session.principal).toBe('ann');
 */
export function createSession<T extends object = SessionAttributes>(attributes?: Partial<T>): HttpSession<T> {
  const store = new MemoryStore();
  const environment = createEnvironment(resolveSettings({}), { store, index: store.index }, NO_EVENTS);
  // Its response has not left, and never does.
  const { httpSession } = ManagedSession.fresh(environment, { headersSent: false }, 'new');
  return Object.assign(httpSession, attributes) as HttpSession<T>;
}
