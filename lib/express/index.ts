export { fastExpress, type ExpressAdapterLike } from './fast-express.js';
export { expressSession, type ExpressMiddleware } from './middleware.js';
export type {
  AnyExpressSession,
  ExpressSession,
  ExpressSessionCookie,
  ExpressSessionCookieData,
  ExpressSessionMembers,
  ExpressSessionOptions,
  SessionCallback,
} from './types.js';
