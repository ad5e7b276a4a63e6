import type { ExecutionContext, HttpException } from '@nestjs/common';

/**
 * An exception as the handlers of a context know them: a gateway answers every other than its own with "Internal server
 * error" and logs it. GraphQL's drivers understand those of HTTP.
 */
export async function errorIn(context: ExecutionContext, exception: HttpException): Promise<Error> {
  return context.getType<string>() === 'ws' ? socketError(exception) : exception;
}

/** An exception of HTTP as gateways know them: the client gets an `exception` event with its status and message. */
export async function socketError(exception: HttpException): Promise<Error> {
  const WsException = await loadWsException();
  if (WsException === undefined) return exception;
  const { message } = exception;
  return new WsException({ status: 'error', statusCode: exception.getStatus(), message });
}

type WsExceptionType = new (error: object) => Error;

/** An application with gateways has it. Others are not asked. */
async function loadWsException(): Promise<WsExceptionType | undefined> {
  type Loaded = { readonly WsException?: WsExceptionType; readonly default?: Loaded };
  const loaded = (await import('@nestjs/websockets').catch(() => undefined)) as Loaded | undefined;
  return loaded?.WsException ?? loaded?.default?.WsException;
}
