import { SessionUsageError } from '../core/errors.js';
import type { SessionService } from './session.service.js';

/** The service of each application, by its HTTP framework's instance: parameter decorators have no injector. */
const services = new WeakMap<object, SessionService>();

export function registerService(instance: object, service: SessionService): void {
  services.set(instance, service);
}

/** The service of the application that a framework's request belongs to. @throws SessionUsageError without the module. */
export function serviceOf(request: { readonly app?: object; readonly server?: object }): SessionService {
  // Fastify's only where there is no Express's: to find out that a property is not there takes Express's requests long.
  const service = registered(request.app) ?? registered(request.server);
  if (service !== undefined) return service;
  throw new SessionUsageError(
    '@Session() needs the session module. Import it once, in AppModule: ' +
      "imports: [ConfigModule.forRoot({ isGlobal: true }), RedisSessionModule.forRootAsync()] from 'nestjs-redis-session'.",
  );
}

function registered(instance: object | undefined): SessionService | undefined {
  return instance && services.get(instance);
}
