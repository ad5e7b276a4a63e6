export { RedisSessionModule } from './nest/redis-session.module.js';
export type {
  RedisSessionModuleAsyncOptions,
  RedisSessionModuleExtras,
  RedisSessionOptionsFactory,
} from './nest/redis-session.module.js';
export { REDIS_SESSION_OPTIONS } from './nest/tokens.js';
export { SessionService, type DestroyAllOptions, type ListOptions } from './nest/session.service.js';
export type { SessionInfo } from './nest/session-info.js';
export type {
  IndexAdded,
  IndexAddition,
  IndexEntry,
  IndexName,
  IndexReading,
  JointAddition,
  JointEntry,
  SessionDevice,
  SessionIndex,
} from './core/session-index.js';
export { Principal, Session } from './nest/session.decorator.js';
export { AuthenticatedGuard } from './nest/authenticated.guard.js';
export { CSRF_FIELD, CSRF_HEADER, CsrfGuard, SkipCsrf } from './nest/csrf.guard.js';
export { RecentLoginGuard, RequireRecentLogin } from './nest/recent-login.guard.js';
export {
  SessionCountException,
  SessionGoneException,
  SessionUnavailableException,
} from './nest/session.exceptions.js';
export { RedisSessionInterceptor } from './nest/session.interceptor.js';
export type { AnyRequest, AnyResponse } from './nest/raw-http.js';
export type { AnySocket, PlainWebSocket, SocketIoSocket } from './nest/context/handshake.js';
export type { SessionSource } from './nest/context/source.js';
export type {
  AuthenticateOptions,
  HttpSession,
  RegenerateOptions,
  SessionAttributes,
  SessionMembers,
} from './core/members.js';
export type { EventOrigin, RejectionReason, SessionEvent } from './core/events.js';
export type {
  BreakerMessage,
  ResponseWaitMessage,
  SessionOperationMessage,
  SessionRejectedMessage,
} from './core/diagnostics.js';
export { SESSION_POLICIES, type SessionPolicy } from './core/environment.js';
export type {
  CompareAndSetOutcome,
  CookieLife,
  DestroyOptions,
  DestroyOutcome,
  Found,
  LoadOptions,
  LoadOutcome,
  NewSession,
  NotThere,
  SessionChange,
  SessionRecord,
  SessionRenewal,
  SessionStore,
  StoreHealth,
  Unreadable,
  WriteOutcome,
  Written,
} from './core/store.js';
export type { SessionId } from './core/token.js';
export type { SessionCodec } from './core/codec.js';
export { msgpackCodec } from './codecs/msgpack.js';
export { jsonCodec } from './codecs/json.js';
export type {
  ClusterOptions,
  CookieOptions,
  MemoryOptions,
  PoolOptions,
  RedisOptions,
  SentinelOptions,
  SessionModuleOptions,
  TlsOptions,
  TransportOptions,
} from './config/options.js';
export type { MigrateFromOptions, OldSessionsOptions } from './config/migration.js';
export type { RedisNode } from './config/nodes.js';
export type { RedisStartup } from './config/redis-settings.js';
export type { TimeoutPreset } from './config/presets.js';
export {
  SessionConfigError,
  SessionCountError,
  SessionDestroyedError,
  SessionError,
  SessionFormatError,
  SessionGoneError,
  SessionHeadersSentError,
  SessionLimitError,
  SessionReservedMemberError,
  SessionStoreUnavailableError,
  SessionUnstorableValueError,
  SessionUpdateConflictError,
  SessionUsageError,
  type SessionErrorCode,
  type StoreUnavailableReason,
} from './core/errors.js';
