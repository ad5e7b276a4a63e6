import {
  Controller,
  Module,
  UseFilters,
  UseGuards,
  VERSION_NEUTRAL,
  type CanActivate,
  type DynamicModule,
  type ModuleMetadata,
  type Provider,
  type Type,
} from '@nestjs/common';
import { SessionConfigError } from '../core/errors.js';
import { CsrfGuard } from '../nest/csrf.guard.js';
import { AdminSessions } from './admin-sessions.js';
import { AdminApiController } from './api.controller.js';
import { FormGuard, PageFailureFilter } from './form.guard.js';
import { AdminPageController } from './page.controller.js';

/** What {@link SessionAdminModule.register} takes. */
export interface SessionAdminOptions {
  /** Where the page is, below a global prefix if there is one; the JSON API is at `api` below that. Default: `admin/sessions`. */
  readonly path?: string | undefined;
  /**
   * Who may see and end everybody's sessions: guards that all have to let a request pass, in this order, as classes or instances.
   * At least one. That somebody is logged in is not enough, unless only administrators can log in.
   */
  readonly guards: readonly (Type<CanActivate> | CanActivate)[];
  /** Modules whose exports the guards inject. Default: none; what is global they have anyway. */
  readonly imports?: ModuleMetadata['imports'];
}

const DEFAULT_PATH = 'admin/sessions';
/** Holds whether the module is set up. */
const REGISTERED = Symbol('nestjs-redis-session:admin-registered');

/** Refuses at boot, where Nest tells it as it tells all that does not start. */
function refused(message: string): Provider {
  return {
    provide: REGISTERED,
    useFactory: (): never => {
      throw new SessionConfigError(message);
    },
  };
}

/**
 * A page and a JSON API on which administrators see users' sessions, and end them. Needs RedisSessionModule; imported with `isGlobal:
 * false`, in `imports` as well. The application does not start without guards.
 *
 * @example
 * imports: [RedisSessionModule.forRootAsync(), SessionAdminModule.register({ path: 'admin/sessions', guards: [AdminGuard] })]
 */
@Module({
  providers: [
    refused(
      'SessionAdminModule is imported without guards. Import SessionAdminModule.register({ guards: [AdminGuard] }).',
    ),
  ],
})
export class SessionAdminModule {
  /** Options that are wrong are told at boot: SessionConfigError. */
  static register(options: SessionAdminOptions): DynamicModule {
    const { path = DEFAULT_PATH, guards, imports = [] } = options;
    const fault = faultIn(path, guards);
    if (fault !== undefined) return { module: SessionAdminModule, providers: [refused(fault)] };
    return {
      module: SessionAdminModule,
      imports,
      controllers: controllersAt(path, guards),
      providers: [AdminSessions, { provide: REGISTERED, useValue: true }],
    };
  }
}

function faultIn(path: unknown, guards: unknown): string | undefined {
  if (typeof path !== 'string' || !/[^/]/.test(path))
    return `SessionAdminModule.register(): path is to be the path of a page, such as '${DEFAULT_PATH}'.`;
  if (!Array.isArray(guards) || guards.length === 0) {
    return (
      'SessionAdminModule.register() needs guards: whoever reaches its page sees and ends the sessions of everybody. Give at least one ' +
      'that lets only administrators pass: SessionAdminModule.register({ guards: [AdminGuard] }).'
    );
  }
  // Nest passes over what it cannot call, and the page would be open.
  const place = guards.findIndex((guard) => !isGuard(guard));
  if (place < 0) return undefined;
  return (
    `SessionAdminModule.register(): guards[${place}] is no guard: it has no method canActivate(). Where it is undefined, two files ` +
    'import each other.'
  );
}

function isGuard(guard: unknown): boolean {
  const instance: unknown = typeof guard === 'function' ? guard.prototype : guard;
  return (
    typeof instance === 'object' &&
    instance !== null &&
    'canActivate' in instance &&
    typeof instance.canActivate === 'function'
  );
}

/** Classes of their own for each path: that is where decorators note it. */
function controllersAt(path: string, guards: SessionAdminOptions['guards']): Type[] {
  const base = path.replace(/\/+$/, '');

  @Controller({ path: base, version: VERSION_NEUTRAL })
  @UseGuards(...guards, FormGuard)
  @UseFilters(PageFailureFilter)
  class SessionAdminPage extends AdminPageController {}

  @Controller({ path: `${base}/api`, version: VERSION_NEUTRAL })
  @UseGuards(...guards, CsrfGuard)
  class SessionAdminApi extends AdminApiController {}

  return [SessionAdminPage, SessionAdminApi];
}
