import { ConfigurableModuleBuilder, Logger, Module, type DynamicModule, type Provider } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import { APP_FILTER, APP_INTERCEPTOR, ModulesContainer } from '@nestjs/core';
import type { SessionModuleOptions } from '../config/options.js';
import { resolveSettings, type ReadSetting } from '../config/resolve.js';
import type { SessionSettings } from '../config/settings.js';
import { SessionConfigError } from '../core/errors.js';
import { RejectionLog } from '../core/rejection-log.js';
import { realTimer } from '../core/clock.js';
import { createBackend, type SessionBackend } from '../stores/backend.js';
import { createRequestSessionOptions } from './request-session-options.js';
import { nestLog } from './nest-log.js';
import { SessionWatch } from '../core/session-watch.js';
import { interceptGateways } from './context/message.interceptor.js';
import { SocketSessions } from './context/socket-sessions.js';
import type { RequestSessionOptions } from '../http/request-session.js';
import { SessionEventStream } from './session-events.js';
import { SessionFailureFilter } from './session.filter.js';
import { RedisSessionInterceptor } from './session.interceptor.js';
import { SessionLifecycle } from './session.lifecycle.js';
import { SessionService } from './session.service.js';
import {
  GLOBAL_INTERCEPTOR,
  REQUEST_SESSION_OPTIONS,
  SESSION_BACKEND,
  SESSION_EVENTS,
  REDIS_SESSION_OPTIONS,
  SESSION_SETTINGS,
  SETTING_READER,
} from './tokens.js';

/** What only the import of the module can say. */
export interface RedisSessionModuleExtras {
  /** Whether SessionService can be injected everywhere. Default true. */
  isGlobal?: boolean | undefined;
  /**
   * Whether the interceptor saves after each handler. Default true. With false the deferred response alone does it: where a
   * save fails, the answer is the package's own 503, and exception filters do not see it.
   */
  globalInterceptor?: boolean | undefined;
}

/** A class that makes the options, for `useClass` and `useExisting`. */
export interface RedisSessionOptionsFactory {
  /** Called once, at boot. */
  createRedisSessionOptions(): SessionModuleOptions | Promise<SessionModuleOptions>;
}

const { ConfigurableModuleClass } = new ConfigurableModuleBuilder<SessionModuleOptions>({
  optionsInjectionToken: REDIS_SESSION_OPTIONS,
})
  .setClassMethodName('forRoot')
  .setFactoryMethodName('createRedisSessionOptions')
  .build();

type BaseAsyncOptions = Parameters<(typeof ConfigurableModuleClass)['forRootAsync']>[0];

/** Where the settings come from: ConfigService, with or without defaults, or code (`useFactory`, `useClass`, `useExisting`). */
export type RedisSessionModuleAsyncOptions = RedisSessionModuleExtras &
  (
    | (BaseAsyncOptions & {
        /** Not beside an own source, which decides alone. */
        defaults?: never;
      })
    | {
        /** Stand in for settings that ConfigService does not know. */
        defaults?: SessionModuleOptions | undefined;
        /** Modules whose providers the settings need, such as ConfigModule where it is not global. */
        imports?: DynamicModule['imports'];
      }
  );

/** HTTP sessions in Redis, for every controller of the application. Import it once, in AppModule. */
@Module({})
export class RedisSessionModule extends ConfigurableModuleClass {
  /** Code decides: ConfigService is not asked. */
  static override forRoot(options: SessionModuleOptions & RedisSessionModuleExtras = {}): DynamicModule {
    const { isGlobal, globalInterceptor, ...rest } = options;
    return assembled(super.forRoot(rest), { isGlobal, globalInterceptor }, CODE_DECIDES);
  }

  /**
   * Without an argument every setting comes from ConfigService; `defaults` stand in for those it does not know.
   * With `useFactory`, `useClass` or `useExisting` code decides and ConfigService is not asked by the module.
   */
  static override forRootAsync(options: RedisSessionModuleAsyncOptions = {}): DynamicModule {
    const { isGlobal, globalInterceptor, ...rest } = options;
    const extras = { isGlobal, globalInterceptor };
    if ('useFactory' in rest || 'useClass' in rest || 'useExisting' in rest) {
      return assembled(super.forRootAsync(rest), extras, CODE_DECIDES);
    }
    const { defaults = {}, imports } = rest as {
      defaults?: SessionModuleOptions;
      imports?: DynamicModule['imports'];
    };
    const base = super.forRoot(defaults);
    return assembled({ ...base, ...(imports !== undefined && { imports }) }, extras, CONFIG_SERVICE_DECIDES);
  }
}

const CODE_DECIDES: Provider = { provide: SETTING_READER, useValue: undefined };

const CONFIG_SERVICE_DECIDES: Provider = {
  provide: SETTING_READER,
  inject: [{ token: ConfigService, optional: true }],
  useFactory: (config: ConfigService | undefined): ReadSetting => {
    if (config !== undefined) return (name) => config.get<unknown>(name);
    throw new SessionConfigError(
      'RedisSessionModule.forRootAsync() reads its settings from ConfigService, which is not there. ' +
        'Import ConfigModule.forRoot({ isGlobal: true }) from @nestjs/config beside it in AppModule, ' +
        'or pass options in code with RedisSessionModule.forRoot({ … }).',
    );
  },
};

/**
 * Two would share each request, and with it two cookies and two stores, of which the last wins. A dynamic module that is
 * imported in several places is one; modules of another application in the same process are not in its container.
 */
function assertOnlyOne(modules: ModulesContainer): void {
  const count = [...modules.values()].filter(
    ({ metatype, providers }) => metatype === RedisSessionModule && providers.has(SESSION_SETTINGS),
  ).length;
  if (count < 2) return;
  throw new SessionConfigError(
    `RedisSessionModule is set up ${count} times in one application. Call forRoot() or forRootAsync() once, in AppModule: ` +
      'SessionService is global then. With isGlobal: false, let the other modules import what that one call returned.',
  );
}

const PROVIDERS: Provider[] = [
  {
    provide: SESSION_SETTINGS,
    inject: [REDIS_SESSION_OPTIONS, ModulesContainer, { token: SETTING_READER, optional: true }],
    useFactory: (options: SessionModuleOptions, modules: ModulesContainer, read: ReadSetting | undefined) => {
      assertOnlyOne(modules);
      interceptGateways(modules);
      return resolveSettings(options, read);
    },
  },
  {
    provide: SESSION_BACKEND,
    inject: [SESSION_SETTINGS, SESSION_EVENTS],
    useFactory: (settings: SessionSettings, events: SessionEventStream) => {
      const backend = createBackend(settings, events, (context) => new Logger(context));
      events.stream.subscribe((event) => {
        if (event.origin === 'here') backend.note(event);
      });
      return backend;
    },
  },
  {
    provide: SESSION_EVENTS,
    useFactory: () => new SessionEventStream(new RejectionLog(nestLog('SessionSecurity'), realTimer)),
  },
  {
    provide: REQUEST_SESSION_OPTIONS,
    inject: [SESSION_SETTINGS, SESSION_BACKEND, SESSION_EVENTS],
    useFactory: (settings: SessionSettings, backend: SessionBackend, events: SessionEventStream) =>
      createRequestSessionOptions(settings, backend, events),
  },
  {
    provide: SocketSessions,
    inject: [REQUEST_SESSION_OPTIONS, SESSION_BACKEND, SESSION_EVENTS],
    useFactory: (
      options: RequestSessionOptions,
      { store }: SessionBackend,
      { stream }: SessionEventStream,
    ) => {
      const watch = new SessionWatch(store);
      stream.subscribe((event) => watch.note(event));
      return new SocketSessions(options, watch);
    },
  },
  SessionService,
  SessionLifecycle,
  { provide: APP_FILTER, useClass: SessionFailureFilter },
];

function assembled(base: DynamicModule, extras: RedisSessionModuleExtras, reader: Provider): DynamicModule {
  const { isGlobal = true, globalInterceptor = true } = extras;
  return {
    ...base,
    global: isGlobal,
    providers: [
      ...(base.providers ?? []),
      reader,
      { provide: GLOBAL_INTERCEPTOR, useValue: globalInterceptor },
      ...PROVIDERS,
      ...(globalInterceptor ? [{ provide: APP_INTERCEPTOR, useClass: RedisSessionInterceptor }] : []),
    ],
    exports: [SessionService, SessionLifecycle, SESSION_SETTINGS, SESSION_BACKEND],
  };
}
