import { Allow, ArrayMinSize, IsArray, IsIn, IsOptional, ValidateNested } from 'class-validator';
import type { Cluster, Redis } from 'ioredis';
import { IntegerBetween, isFunction, Satisfies, Text, YesOrNo } from './checks.js';
import { Discreet } from './discreet.js';
import type { ClusterOptions, RedisStartup } from './options.js';

const LONGEST_WAIT_MS = 2_147_483_647;
const HOST = /^[A-Za-z0-9_.:%-]{1,253}$/;
const HOST_ALLOWED = 'a host name or an IP address, without scheme, credentials or port';
const ADDRESSES = 'addresses as host:port, separated by commas';
const STARTUPS: readonly RedisStartup[] = ['fail', 'wait', 'background'];

/** An address. */
export class NodeSettings {
  @Text(HOST_ALLOWED, HOST) readonly host!: string;
  @IntegerBetween(1, 65535) readonly port!: number;
}

/** TLS to Redis; PEM texts, files already read. */
export class TlsSettings extends Discreet {
  @IsOptional() @Text('PEM text, or the path of a readable PEM file') readonly ca!: string | undefined;
  @IsOptional() @Text('PEM text, or the path of a readable PEM file') readonly cert!: string | undefined;
  @IsOptional() @Text('PEM text, or the path of a readable PEM file') readonly key!: string | undefined;
  @IsOptional() @Text(HOST_ALLOWED, HOST) readonly servername!: string | undefined;
  @YesOrNo() readonly rejectUnauthorized!: boolean;
  @YesOrNo() readonly allowUnauthorized!: boolean;
}

export class SentinelSettings extends Discreet {
  @Text('the name of the master, as the sentinels know it', /^[\w.:-]+$/) readonly master!: string;
  @IsArray({ message: ADDRESSES })
  @ArrayMinSize(1, { message: ADDRESSES })
  @ValidateNested({ each: true, message: ADDRESSES })
  readonly nodes!: readonly NodeSettings[];
  @IsOptional() @Text('text') readonly username!: string | undefined;
  @IsOptional() @Text('text') readonly password!: string | undefined;
}

export class ClusterSettings {
  @IsArray({ message: ADDRESSES })
  @ArrayMinSize(1, { message: ADDRESSES })
  @ValidateNested({ each: true, message: ADDRESSES })
  readonly nodes!: readonly NodeSettings[];
  @IsOptional()
  @Satisfies('a map from host:port to { host, port }, or a function', isNatMap)
  readonly natMap!: NatMap | undefined;
}

type NatMap = NonNullable<ClusterOptions['natMap']>;

/** As commons-pool2 names them; times in milliseconds. `maxConnections` 1: no pool, one multiplexed connection. */
export class PoolSettings {
  @IntegerBetween(1, 10_000) readonly maxConnections!: number;
  @IntegerBetween(0, 10_000) readonly maxIdle!: number;
  @IntegerBetween(0, 10_000) readonly minIdle!: number;
  /** -1: as long as the command timeout. */
  @IntegerBetween(-1, LONGEST_WAIT_MS, ' ms') readonly maxWaitMillis!: number;
  @YesOrNo() readonly lifo!: boolean;
  @YesOrNo() readonly blockWhenExhausted!: boolean;
  @YesOrNo() readonly testOnBorrow!: boolean;
  @YesOrNo() readonly testOnReturn!: boolean;
  @YesOrNo() readonly testOnCreate!: boolean;
  @YesOrNo() readonly testWhileIdle!: boolean;
  /** -1: never. */
  @IntegerBetween(-1, LONGEST_WAIT_MS, ' ms') readonly minEvictableIdleTimeMillis!: number;
  /** -1: never. */
  @IntegerBetween(-1, LONGEST_WAIT_MS, ' ms') readonly softMinEvictableIdleTimeMillis!: number;
  /** -1: the evictor does not run. */
  @IntegerBetween(-1, LONGEST_WAIT_MS, ' ms') readonly timeBetweenEvictionRunsMillis!: number;
  /** -n: one n-th of the idle connections. */
  @IntegerBetween(-10_000, 10_000) readonly numTestsPerEvictionRun!: number;
}

/** `host`, `port`, `username`, `password`, `database` and `tls` already hold what `url` says. */
export class RedisSettings extends Discreet {
  /** As written, credentials included: mask it before it is shown. */
  @IsOptional()
  @Text('redis://[user[:password]@]host[:port][/database], rediss:// for TLS, or unix:///path')
  readonly url!: string | undefined;
  @Text(HOST_ALLOWED, HOST) readonly host!: string;
  @IntegerBetween(1, 65535) readonly port!: number;
  /** A unix socket, from the URL; wins over `host` and `port`. */
  @Allow() readonly socketPath!: string | undefined;
  @IsOptional() @Text('text') readonly username!: string | undefined;
  @IsOptional() @Text('text') readonly password!: string | undefined;
  @IntegerBetween(0, 65535) readonly database!: number;
  @IntegerBetween(1, 600_000, ' ms') readonly timeoutMs!: number;
  @IntegerBetween(1, 1_000_000) readonly maxCommandsInFlight!: number;
  @IsIn(STARTUPS, { message: STARTUPS.join(', ') }) readonly startup!: RedisStartup;
  /** 0: a logout is not confirmed by any. */
  @IntegerBetween(0, 100) readonly logoutConfirmedByReplicas!: number;
  /** Undefined: no TLS. */
  @IsOptional() @ValidateNested() readonly tls!: TlsSettings | undefined;
  /** Wins over `host` and `port`. */
  @IsOptional() @ValidateNested() readonly sentinel!: SentinelSettings | undefined;
  /** Wins over `host` and `port`. */
  @IsOptional() @ValidateNested() readonly cluster!: ClusterSettings | undefined;
  @ValidateNested() readonly pool!: PoolSettings;
  /** Never to be closed by this package. */
  @IsOptional()
  @Satisfies('a client of ioredis: a Redis or a Cluster', isClient)
  readonly client!: Redis | Cluster | undefined;
}

function isClient(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return ['ping', 'eval', 'on'].every((name) => isFunction(Reflect.get(value, name)));
}

function isNatMap(value: unknown): boolean {
  if (isFunction(value)) return true;
  if (typeof value !== 'object' || value === null) return false;
  return Object.values(value).every(
    (node: unknown) => typeof node === 'object' && node !== null && 'host' in node && 'port' in node,
  );
}
