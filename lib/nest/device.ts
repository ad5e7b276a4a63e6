import type { SessionDevice } from '../core/session-index.js';

/** Of a user agent, and of whatever else a client says of itself. */
const MOST_CHARACTERS = 256;

interface AnyRequest {
  /** Express: by `trust proxy`, Fastify: by `trustProxy`. */
  readonly ip?: unknown;
  readonly socket?: { readonly remoteAddress?: unknown } | undefined;
  readonly headers?: { readonly 'user-agent'?: unknown } | undefined;
}

/** Where a request came from, by its framework's own trust in proxies. */
export function deviceOf({ ip, socket, headers }: AnyRequest): SessionDevice {
  return { address: textOf(ip ?? socket?.remoteAddress), userAgent: textOf(headers?.['user-agent']) };
}

/** A device with nothing in it that is longer than a list needs; undefined where there is nothing at all. */
export function shortened(device: SessionDevice | undefined): SessionDevice | undefined {
  const [address, userAgent] = [cut(device?.address), cut(device?.userAgent)];
  return address === undefined && userAgent === undefined ? undefined : { address, userAgent };
}

function cut(text: string | undefined): string | undefined {
  return text?.slice(0, MOST_CHARACTERS).toWellFormed() || undefined;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
