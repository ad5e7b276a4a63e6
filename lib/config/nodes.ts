import { IsInt, Matches, Max, Min } from 'class-validator';

export const HOST = /^[A-Za-z0-9_.:%-]{1,253}$/;
export const HOST_ALLOWED = 'a host name or an IP address, without scheme, credentials or port';
const PORT = { message: 'an integer from 1 to 65535' };

/** An address; the text form is `host:port`, several separated by commas. */
export interface RedisNode {
  /** A name, an IPv4 address or an IPv6 address without brackets. */
  readonly host: string;
  /** 1 to 65535. */
  readonly port: number;
}

/** An address as its check wants it. */
class NodeSettings implements RedisNode {
  @Matches(HOST, { message: HOST_ALLOWED }) readonly host: string;
  @IsInt(PORT) @Min(1, PORT) @Max(65535, PORT) readonly port: number;

  /** The values are not checked yet. */
  constructor(host: unknown, port: unknown) {
    this.host = host as string;
    this.port = (typeof port === 'string' && /^\d{1,5}$/.test(port) ? Number(port) : port) as number;
  }
}

/** The address that a text or an object of code gives: `host`, `host:port`, `[v6]:port`, or IPv6 without a port. */
export function toNode(item: unknown, defaultPort: number): RedisNode {
  if (typeof item !== 'string') {
    const { host, port } = Object(item) as { host?: unknown; port?: unknown };
    return new NodeSettings(host, port ?? defaultPort);
  }
  const bracketed = /^\[([^\]]+)\](?::(.*))?$/.exec(item);
  if (bracketed) return new NodeSettings(bracketed[1], bracketed[2] ?? defaultPort);
  const [host, port, ...more] = item.split(':');
  return more.length > 0 ? new NodeSettings(item, defaultPort) : new NodeSettings(host, port ?? defaultPort);
}

/** The text form. */
export function addresses(nodes: readonly RedisNode[]): string {
  return nodes
    .map(({ host, port }) => (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`))
    .join(',');
}
