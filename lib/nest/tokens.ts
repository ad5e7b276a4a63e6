/**
 * What code gave to the module: SessionModuleOptions. For tests, to give other ones: with `forRootAsync()` ConfigService still wins
 * over them, but for what only code can say, such as `store`.
 *
 * @example
 * Test.createTestingModule({ imports: [AppModule] })
 *   .overrideProvider(REDIS_SESSION_OPTIONS).useValue({ store: new MemoryStore() });
 */
export const REDIS_SESSION_OPTIONS = Symbol('nestjs-redis-session:options');
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
