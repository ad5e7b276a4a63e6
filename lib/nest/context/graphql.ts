import type { ExecutionContext } from '@nestjs/common';
import { SessionUsageError } from '../../core/errors.js';
import { isNodeRequest, isNodeResponse, type AnyRequest, type AnyResponse } from '../raw-http.js';

/** What drivers and applications put into GraphQL's context. */
interface GraphqlContext {
  /** Apollo's: the request; over a socket what graphql-ws tells of that. */
  readonly req?: unknown;
  readonly res?: unknown;
  /** Mercurius' for subscriptions, and what applications call it. */
  readonly request?: unknown;
  readonly response?: unknown;
  /** Mercurius'. */
  readonly reply?: { readonly request?: unknown };
  /** graphql-ws', where an application hands its context on as it is. */
  readonly extra?: unknown;
}

/**
 * The request behind GraphQL's context, and the response where the context has it.
 * @throws SessionUsageError where there is none.
 */
export function graphqlRequestOf(context: unknown): {
  readonly request: AnyRequest;
  readonly response: AnyResponse | undefined;
} {
  const { req, res, request, response, reply, extra } = objectOf(context) as GraphqlContext;
  const requests = [req, upgradeIn(req), request, reply?.request, upgradeIn({ extra })];
  const found = requests.find(isNodeRequest);
  if (found === undefined) throw notThere();
  return { request: found, response: [res, response, reply].find(isNodeResponse) };
}

/** What an operation does: `query`, `mutation` or `subscription`; undefined where that cannot be told. */
export function operationOf(context: ExecutionContext): string | undefined {
  const info = objectOf(context.getArgByIndex<unknown>(3)) as {
    readonly operation?: { readonly operation?: unknown };
  };
  const operation = info.operation?.operation;
  return typeof operation === 'string' ? operation : undefined;
}

/** graphql-ws has the request that became the socket beside the socket itself. */
function upgradeIn(connection: unknown): unknown {
  const { extra } = objectOf(connection) as { readonly extra?: unknown };
  return (objectOf(extra) as { readonly request?: unknown }).request;
}

function objectOf(value: unknown): object {
  return typeof value === 'object' && value !== null ? value : {};
}

function notThere(): SessionUsageError {
  return new SessionUsageError(
    "GraphQL's context holds no request, so its session cannot be found. Have it there: " +
      'GraphQLModule.forRoot({ context: (req, res) => ({ req, res }) }); for subscriptions of graphql-ws: ' +
      'context: ({ extra }) => ({ req: extra.request }).',
  );
}
