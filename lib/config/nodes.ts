import { IntegerBetween, Text } from './checks.js';

export const HOST = /^[A-Za-z0-9_.:%-]{1,253}$/;
export const HOST_ALLOWED = 'a host name or an IP address, without scheme, credentials or port';

/** An address; the text form is `host:port`, several separated by commas. */
export interface RedisNode {
  /** A name, an IPv4 address or an IPv6 address without brackets. */
  readonly host: string;
  /** 1 to 65535. */
  readonly port: number;
}

/** An address as its check wants it. */
export class NodeSettings implements RedisNode {
  @Text(HOST_ALLOWED, HOST) readonly host: string;
  @IntegerBetween(1, 65535) readonly port: number;

  /** The values are not checked yet. */
  constructor(host: unknown, port: unknown) {
    this.host = host as string;
    this.port = (typeof port === 'string' && /^\d{1,5}$/.test(port) ? Number(port) : port) as number;
  }
}

/** The address that a text or an object of code gives. */
export function toNode(item: unknown, defaultPort: number): NodeSettings {
  if (typeof item === 'string') return nodeOfText(item, defaultPort);
  if (typeof item !== 'object' || item === null) return new NodeSettings(item, defaultPort);
  const { host, port } = item as { host?: unknown; port?: unknown };
  return new NodeSettings(host, port ?? defaultPort);
}

/** `host`, `host:port`, `[v6]:port`; a bare IPv6 address has no port. */
function nodeOfText(text: string, defaultPort: number): NodeSettings {
  const bracketed = /^\[([^\]]+)\](?::(.*))?$/.exec(text);
  if (bracketed) return new NodeSettings(bracketed[1], bracketed[2] ?? defaultPort);
  const colon = text.indexOf(':');
  if (colon === -1 || colon !== text.lastIndexOf(':')) return new NodeSettings(text, defaultPort);
  return new NodeSettings(text.slice(0, colon), text.slice(colon + 1));
}

/** The text form. */
export function addresses(nodes: readonly RedisNode[]): string {
  return nodes
    .map(({ host, port }) => (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`))
    .join(',');
}
