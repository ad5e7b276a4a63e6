import type { ExecutionContext } from '@nestjs/common';
import { serverOf } from '../compat/websockets.js';
import { SessionUsageError } from '../core/errors.js';
import { graphqlRequestOf } from './context/graphql.js';
import { handshakeOf } from './context/handshake.js';
import { rawRequest, requestOf, type AnyRequest } from './raw-http.js';
import type { SessionService } from './session.service.js';

/** The service of each application, by its HTTP framework's instance and its server: parameter decorators have no injector. */
const services = new WeakMap<object, SessionService>();
/** Those of applications that run. One in a process, as a rule. */
const running = new Set<SessionService>();

export function registerService(instances: readonly object[], service: SessionService): void {
  for (const instance of instances) services.set(instance, service);
  running.add(service);
}

/** Its application has stopped. */
export function unregisterService(service: SessionService): void {
  running.delete(service);
}

/**
 * The service of the application that a context belongs to.
 * @param asked By whom, for the error.
 * @throws SessionUsageError where there is none, or where it cannot be told which.
 */
export function serviceIn(context: ExecutionContext, asked: string): SessionService {
  switch (context.getType<string>()) {
    case 'graphql':
      return serviceOf(graphqlRequestOf(context.getArgByIndex<unknown>(2)).request) ?? theOnly(asked);
    case 'ws':
      return serviceOf(handshakeOf(context.getArgByIndex<object>(0)).request) ?? theOnly(asked);
    case 'http':
      return serviceOf(requestOf(context)) ?? missing(asked);
    default:
      // It tells why there is no session.
      return theOnly(asked);
  }
}

function serviceOf(request: AnyRequest): SessionService | undefined {
  const { app, server } = request as { readonly app?: object; readonly server?: object };
  // Fastify's only where there is no Express's: to find out that a property is not there takes Express's requests long.
  return registered(app) ?? registered(server) ?? registered(serverOf(rawRequest(request).socket));
}

function registered(instance: object | undefined): SessionService | undefined {
  return instance && services.get(instance);
}

/** Of a gateway on a port of its own nobody knows whose it is, and where there is one application nobody has to. */
function theOnly(asked: string): SessionService {
  const [service] = running;
  if (service === undefined) return missing(asked);
  if (running.size === 1) return service;
  throw new SessionUsageError(
    `${asked} cannot tell which of the ${running.size} applications of this process this belongs to: it came over a server ` +
      'of its own. Inject SessionService and use sessions.of(context) or sessions.of(client).',
  );
}

function missing(asked: string): never {
  throw new SessionUsageError(
    `${asked} needs the session module. Import it once, in AppModule: ` +
      "imports: [ConfigModule.forRoot({ isGlobal: true }), RedisSessionModule.forRootAsync()] from 'nestjs-redis-session'.",
  );
}
