export { fastifySession, type FastifySessionPlugin } from './plugin.js';
export type {
  AnyFastifySession,
  FastifySession,
  FastifySessionCookie,
  FastifySessionCookieData,
  FastifySessionMembers,
  FastifySessionOptions,
} from './types.js';
export type { SessionCallback } from '../views/view-interface.js';
