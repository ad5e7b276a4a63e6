import {
  Allow,
  ArrayMinSize,
  ArrayUnique,
  IsArray,
  IsDefined,
  IsFQDN,
  IsIn,
  IsOptional,
  ValidateNested,
} from 'class-validator';
import type { SessionCodec } from '../core/codec.js';
import type { HttpSession } from '../core/members.js';
import type { SessionDevice } from '../core/session-index.js';
import { SESSION_POLICIES, type SessionPolicy } from '../core/environment.js';
import { PRESETS, type TimeoutPreset } from './presets.js';
import { IntegerBetween, isFunction, Satisfies, Text, YesOrNo } from './checks.js';
import { Discreet } from './discreet.js';
import { RedisSettings } from './redis-settings.js';
import { encryptionKeyWeakness, secretWeakness } from './secrets.js';

const TEN_YEARS_SECONDS = 315_360_000;
/** RFC 6265bis, 5.5: user agents limit Max-Age to 400 days. */
const COOKIE_MAX_AGE_SECONDS = 34_560_000;
const ATTRIBUTE = 'the name of an attribute, not empty';

/** The names under which the cookie is sent: `secure` where it has the Secure attribute, else `plain`. */
export class CookieNames {
  @Text("an RFC 6265 token: letters, digits and !#$%&'*+-.^_`|~", /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/)
  readonly secure!: string;
  @Text("an RFC 6265 token: letters, digits and !#$%&'*+-.^_`|~", /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/)
  readonly plain!: string;
}

export class CookieSettings {
  @ValidateNested() readonly names!: CookieNames;
  // RFC 6265bis: user agents ignore attribute values of more than 1024 bytes.
  @Text(
    "a path of at most 1024 characters that starts with '/', without ';' or control characters",
    /^\/[\x20-\x3a\x3c-\x7e]{0,1023}$/,
  )
  readonly path!: string;
  @IsOptional()
  @IsFQDN({ require_tld: false }, { message: 'a host name, without a dot in front' })
  readonly domain!: string | undefined;
  @IsIn(['lax', 'strict', 'none'], { message: 'lax, strict or none' })
  readonly sameSite!: 'lax' | 'strict' | 'none';
  @IsIn([true, false, 'auto'], { message: 'true, false or auto' }) readonly secure!: boolean | 'auto';
  @IsOptional()
  @IntegerBetween(1, COOKIE_MAX_AGE_SECONDS, ' seconds (400 days)')
  readonly maxAgeSeconds!: number | undefined;
  @YesOrNo() readonly partitioned!: boolean;
}

export class TransportSettings {
  /** In lower case; undefined: a cookie. */
  @IsOptional()
  @Text(
    'the name of a request header that has no other meaning, such as authorization or x-session',
    /^(?!(?:cookie|set-cookie|host|connection|content-.*|transfer-encoding|upgrade|vary|cache-control|x-csrf-token)$)[!#$%&'*+\-.^_`|~0-9a-z]{1,64}$/,
  )
  readonly header!: string | undefined;
}

/** Bounds of what lives in this process; the oldest sessions go first. */
export class MemorySettings {
  @IntegerBetween(1, 100_000_000) readonly maxSessions!: number;
  @IntegerBetween(1, 1_099_511_627_776, ' bytes') readonly maxBytes!: number;
}

/** What is in force, defaults filled in: made by `resolveSettings`, frozen, and read by every other room. */
export class SessionSettings extends Discreet {
  /** Sessions live in Redis; false: in this process. */
  @YesOrNo() readonly enabled!: boolean;
  @IsOptional()
  @Text('1 to 64 of letters, digits and _.:-', /^[A-Za-z0-9_.:-]{1,64}$/)
  readonly clusterId!: string | undefined;
  /** In front of every key: `session:` or `<clusterId>:session:`. */
  @Allow() readonly keyPrefix!: string;
  @IsDefined() @ValidateNested() readonly redis!: RedisSettings;
  @IsDefined() @ValidateNested() readonly cookie!: CookieSettings;
  /** The first signs, all verify; empty: cookies are not signed. */
  @IsArray({ message: 'secrets separated by commas' })
  @ArrayUnique({ message: 'secrets that differ from each other' })
  @Satisfies(
    'secrets of at least 32 bytes each, random and no well-known sample: openssl rand -base64 32',
    (value) => secretWeakness(value) === undefined,
    { each: true },
  )
  readonly secrets!: readonly string[];
  /** The first encrypts, all decrypt; empty: records are not encrypted. */
  @IsArray({ message: 'keys separated by commas' })
  @ArrayUnique({ message: 'keys that differ from each other' })
  @Satisfies(
    'random keys of exactly 32 bytes each, in base64: openssl rand -base64 32',
    (value) => encryptionKeyWeakness(value) === undefined,
    { each: true },
  )
  readonly encryptionKeys!: readonly string[];
  @IsDefined() @ValidateNested() readonly transport!: TransportSettings;
  /** What the timeouts below were taken from, where they were not set themselves. */
  @IsOptional()
  @IsIn(PRESETS, { message: PRESETS.join(', ') })
  readonly preset!: TimeoutPreset | undefined;
  @IntegerBetween(1, TEN_YEARS_SECONDS, ' seconds') readonly idleTimeoutSeconds!: number;
  /** 0: none. */
  @IntegerBetween(0, TEN_YEARS_SECONDS, ' seconds, 0 for none') readonly absoluteTimeoutSeconds!: number;
  @IsArray({ message: `one or more of ${SESSION_POLICIES.join(', ')}` })
  @ArrayMinSize(1, { message: `one or more of ${SESSION_POLICIES.join(', ')}` })
  @IsIn(SESSION_POLICIES, { each: true, message: `one or more of ${SESSION_POLICIES.join(', ')}` })
  readonly policies!: readonly SessionPolicy[];
  /** Undefined: manual dirty tracking is switched off. */
  @IsOptional() @Text(ATTRIBUTE) readonly manualDirtyAttribute!: string | undefined;
  /** Undefined: persist on demand by attribute is switched off. */
  @IsOptional() @Text(ATTRIBUTE) readonly persistOnDemandAttribute!: string | undefined;
  /** Anonymous sessions are stored in Redis like all others. */
  @YesOrNo() readonly anonymousTraffic!: boolean;
  @IntegerBetween(1, TEN_YEARS_SECONDS, ' seconds') readonly undefinedSessionTypeTimeoutSeconds!: number;
  @IsIn(['warn', 'error'], { message: 'warn or error' }) readonly unstorable!: 'warn' | 'error';
  @IntegerBetween(1, 536_870_912, ' bytes') readonly maxSessionBytes!: number;
  @IntegerBetween(1, 1_000_000) readonly maxAttributes!: number;
  @IntegerBetween(0, 1_000_000, ', 0 for any number') readonly maxSessionsPerUser!: number;
  @IsIn(['evict-oldest', 'reject'], { message: 'evict-oldest or reject' })
  readonly sessionLimitPolicy!: 'evict-oldest' | 'reject';
  @IsDefined() @ValidateNested() readonly memory!: MemorySettings;
  @Satisfies('msgpack or json, or in code a SessionCodec', isCodec)
  readonly codec!: 'msgpack' | 'json' | SessionCodec;
  @IsOptional()
  @Satisfies('a function from a session to a boolean', isFunction)
  readonly isAuthenticated!: ((session: HttpSession) => boolean) | undefined;
  @IsOptional()
  @Satisfies('false or a function from a request to a device', (value) => value === false || isFunction(value))
  readonly device!: false | ((request: unknown) => SessionDevice | undefined) | undefined;
  /** 0: at each use. */
  @IntegerBetween(0, TEN_YEARS_SECONDS, ' seconds') readonly touchIntervalSeconds!: number;
  @YesOrNo() readonly saveOnServerError!: boolean;
  /** Epoch milliseconds, for the memory store only. */
  @Satisfies('a function that answers epoch milliseconds', isFunction) readonly now!: () => number;
  /** What an operator should be told at boot although it is no fault: settings that do nothing as things are. */
  @Allow() readonly notes!: readonly string[];
}

/** What `resolveSettings` answers. */
export type ResolvedSettings = SessionSettings;

function isCodec(value: unknown): boolean {
  if (value === 'msgpack' || value === 'json') return true;
  if (typeof value !== 'object' || value === null) return false;
  const { name, encode, decode } = value as { name?: unknown; encode?: unknown; decode?: unknown };
  return (
    typeof name === 'string' && /^[a-z0-9_-]{1,32}$/.test(name) && isFunction(encode) && isFunction(decode)
  );
}
