/** What code gave to the module. */
export const SESSION_OPTIONS = Symbol('nestjs-redis-session:options');
/** Reads a setting from ConfigService; undefined where code decides alone. */
export const SETTING_READER = Symbol('nestjs-redis-session:setting-reader');
/** The settings in force. */
export const SESSION_SETTINGS = Symbol('nestjs-redis-session:settings');
/** The store and, for Redis, the connection under it. */
export const SESSION_BACKEND = Symbol('nestjs-redis-session:backend');
/** What sessions tell of themselves: see SessionEventStream. */
export const SESSION_EVENTS = Symbol('nestjs-redis-session:events');
/** What requests share: see RequestSessionOptions. */
export const REQUEST_SESSION_OPTIONS = Symbol('nestjs-redis-session:request-session-options');
/** Whether the interceptor is registered for all handlers. */
export const GLOBAL_INTERCEPTOR = Symbol('nestjs-redis-session:global-interceptor');
