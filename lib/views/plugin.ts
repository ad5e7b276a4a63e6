import type { INestApplication } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import type { SessionSettings } from '../config/settings.js';
import { SessionUsageError } from '../core/errors.js';
import { nestLog } from '../nest/nest-log.js';
import { SessionService } from '../nest/session.service.js';
import { SESSION_SETTINGS } from '../nest/tokens.js';
import { PrincipalReader } from './principal.js';
import type { ViewOptions } from './request-view.js';
import type { ViewInterface } from './view-interface.js';

/** What a plugin needs of the Nest application. */
export type ViewedApplication = Pick<INestApplication, 'get' | 'getHttpAdapter'>;

/** What a plugin takes. */
interface PluginOptions<View extends object> {
  readonly principal?: ((session: View) => unknown) | undefined;
  readonly keep?: boolean | ((session: View) => boolean) | undefined;
}

/** What there is to say of a plugin in errors. */
export interface PluginWords {
  readonly adapter: 'express' | 'fastify';
  /** How it is put to use: `app.use(expressSession(app))`. */
  readonly use: string;
  /** The peer whose options somebody may give, and where ours is told the same. */
  readonly peer: { readonly name: string; readonly options: Readonly<Record<string, string>> };
}

/** What a plugin works with. */
interface PluginParts<View extends object> {
  readonly sessions: SessionService;
  readonly options: ViewOptions<View>;
}

/**
 * Looks at what the application gave, and finds the parts of the session module in it.
 * @throws SessionUsageError for what is no Nest application on the right adapter with the module, and for options there are not.
 */
export function pluginParts<View extends object>(
  app: ViewedApplication,
  given: PluginOptions<View>,
  shown: ViewInterface,
  words: PluginWords,
): PluginParts<View> {
  assertApplication(app, shown, words);
  assertOptions(given, shown, words);
  const { principal, keep = true } = given;
  return {
    sessions: fromModule<SessionService>(app, SessionService, shown),
    options: {
      interface: shown,
      settings: fromModule<SessionSettings>(app, SESSION_SETTINGS, shown),
      principal: new PrincipalReader(principal, shown),
      keep,
      log: nestLog(shown.plugin.charAt(0).toUpperCase() + shown.plugin.slice(1)),
    },
  };
}

function assertApplication(
  app: Partial<ViewedApplication> | undefined,
  { plugin }: ViewInterface,
  { adapter, use }: PluginWords,
): void {
  if (typeof app?.get !== 'function' || typeof app.getHttpAdapter !== 'function')
    throw new SessionUsageError(
      `${plugin}() takes the Nest application: ${use}, with app as NestFactory.create() resolves to it.`,
    );
  const type = app.getHttpAdapter().getType();
  if (type === adapter) return;
  const name = adapter === 'express' ? 'Express' : 'Fastify';
  throw new SessionUsageError(`${plugin}() is for applications on ${name}; this one is on ${type}.`);
}

function assertOptions<View extends object>(
  options: PluginOptions<View>,
  { plugin }: ViewInterface,
  { peer }: PluginWords,
): void {
  for (const name of Object.keys(options)) {
    if (name === 'principal' || name === 'keep') continue;
    const instead = Object.hasOwn(peer.options, name)
      ? ` ${peer.name}'s '${name}' is here: ${peer.options[name]}.`
      : '';
    throw new SessionUsageError(
      `${plugin}() has no option '${name}'; it has principal and keep. All else is set where the module is.${instead}`,
    );
  }
  const { principal, keep } = options;
  if (principal !== undefined && typeof principal !== 'function')
    throw new SessionUsageError(
      `The option principal of ${plugin}() is a function: (session) => session.userId.`,
    );
  if (keep !== undefined && typeof keep !== 'function' && typeof keep !== 'boolean')
    throw new SessionUsageError(
      `The option keep of ${plugin}() is true, false, or a function: (session) => "cart" in session.`,
    );
}

function fromModule<T>(
  app: ViewedApplication,
  token: symbol | typeof SessionService,
  { plugin }: ViewInterface,
): T {
  try {
    // Not by the application itself: what NestFactory made ends the process where app.get() finds nothing, and nobody reads why.
    return app.get(ModuleRef).get<T>(token, { strict: false });
  } catch (error) {
    throw new SessionUsageError(
      `${plugin}(app) needs the session module. Import it once, in AppModule: ` +
        "imports: [ConfigModule.forRoot({ isGlobal: true }), RedisSessionModule.forRootAsync()] from 'nestjs-redis-session'.",
      { cause: error },
    );
  }
}
