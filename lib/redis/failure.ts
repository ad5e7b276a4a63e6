import { types } from 'node:util';
import { SessionStoreUnavailableError, type StoreUnavailableReason } from '../core/errors.js';

/** Which server, for messages: where it is, and by which settings it was found. Never a credential. */
export interface Endpoint {
  readonly address: string;
  /** How it was asked for; `client`: the application's own. */
  readonly via: 'host' | 'socket' | 'sentinel' | 'cluster' | 'client';
  readonly tls?: boolean | undefined;
}

/** Why something failed: for programs, and in words. */
export interface Cause {
  readonly reason: StoreUnavailableReason;
  /** The server's or the system's own name for it. Never text from a command, nor from a reply but for a command's name. */
  readonly words: string;
}

/** No server answers, as against refusals by one that does. What is met only while a connection is made belongs here. */
const OUTAGES: ReadonlySet<StoreUnavailableReason> = new Set<StoreUnavailableReason>([
  ...(['TIMEOUT', 'CONNECTION_LOST', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT'] as const),
  ...(['EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN', 'ENOENT', 'EACCES'] as const),
  ...(['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID', 'CERT_UNTRUSTED', 'ERR_TLS_CERT_ALTNAME_INVALID'] as const),
  ...([
    'CERT_REQUIRED',
    'TLS_MISMATCH',
    'WRONGPASS',
    'NOAUTH',
    'MAXCLIENTS',
    'NOT_REDIS',
    'DATABASE_NOT_SELECTED',
  ] as const),
  ...(['SENTINEL_AUTH', 'SENTINEL_MASTER_UNKNOWN', 'SENTINELS_UNREACHABLE', 'CLUSTER_DISABLED'] as const),
  ...(['CLUSTER_ADDRESS_UNKNOWN', 'CLUSTER_NODES_UNREACHABLE', 'CLUSTER_SLOTS_UNASSIGNED'] as const),
  ...(['CLUSTER_DOWN', 'LOADING'] as const),
]);

/** What follows any loss of a connection: where a better reason is known, it is told instead. */
const VAGUE: ReadonlySet<StoreUnavailableReason> = new Set<StoreUnavailableReason>([
  ...(['TIMEOUT', 'CONNECTION_LOST', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT'] as const),
]);

/** Names that mean themselves, as codes of Node's errors or as the first word of a server's refusal. */
const CODES: ReadonlySet<string> = new Set<StoreUnavailableReason>([
  ...(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH'] as const),
  ...(['ENOTFOUND', 'EAI_AGAIN', 'ENOENT', 'EACCES', 'CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID'] as const),
  ...(['ERR_TLS_CERT_ALTNAME_INVALID', 'WRONGPASS', 'NOAUTH', 'NOPERM', 'OOM', 'READONLY'] as const),
  ...(['NOREPLICAS', 'MISCONF', 'BUSY', 'LOADING', 'MASTERDOWN', 'CLUSTERDOWN'] as const),
  ...(['TRYAGAIN', 'MOVED', 'WRONGTYPE'] as const),
]);

/** Other names of these: OpenSSL's. */
const ALIASES: readonly (readonly [RegExp, StoreUnavailableReason])[] = [
  [
    /^(SELF_SIGNED_CERT|DEPTH_ZERO_SELF_SIGNED|UNABLE_TO_(VERIFY|GET_ISSUER)|CERT_UNTRUSTED)/,
    'CERT_UNTRUSTED',
  ],
  [/^ERR_SSL_.*(CERTIFICATE|HANDSHAKE_FAILURE|UNKNOWN_CA)/, 'CERT_REQUIRED'],
  [/^(EPROTO|ERR_SSL_)/, 'TLS_MISMATCH'],
];

const WORDS: Partial<Record<StoreUnavailableReason, string>> = {
  CONNECTION_LOST: 'the connection is lost',
  TIMEOUT: 'no answer in time',
  MAXCLIENTS: 'max number of clients reached',
  NOT_REDIS: "what answers there does not speak Redis' protocol",
  CLUSTER_DISABLED: 'the server is not part of a cluster',
  SENTINEL_MASTER_UNKNOWN: 'the sentinels know no master of that name',
  SENTINELS_UNREACHABLE: 'no sentinel answers',
  CLUSTER_DOWN: 'no node of the cluster answers',
  LOADING: 'it is loading its data set',
};

/** Of the errors made here, which tell other people only the reason. */
const CAUSES = new WeakMap<SessionStoreUnavailableError, Cause>();

/** A cause of a known reason. @param words More than its name. */
export function cause(reason: StoreUnavailableReason, words = WORDS[reason] ?? reason): Cause {
  return { reason, words };
}

/** Why ioredis or the system rejected something. */
export function causeOf(error: unknown): Cause {
  if (error instanceof SessionStoreUnavailableError) return CAUSES.get(error) ?? cause(error.reason);
  // Not `instanceof`: errors of Node's own may come from another realm (vm contexts, test runners).
  if (!types.isNativeError(error)) return cause('CONNECTION_LOST', 'unknown failure');
  // "All nodes of the cluster failed": why the last of them did says more.
  const { lastNodeError } = error as { lastNodeError?: unknown };
  if (types.isNativeError(lastNodeError)) return causeOf(lastNodeError);
  if (isTryAgain(error)) return cause('TRYAGAIN');
  if (isReply(error)) return causeOfReply(error.message);
  // What both versions of ioredis say of bytes that are no reply.
  if (error.message.endsWith('. Please report this.')) return cause('NOT_REDIS');
  const { code } = error as NodeJS.ErrnoException;
  if (typeof code === 'string' && /^[A-Z0-9_]{3,80}$/.test(code)) {
    if (CODES.has(code)) return cause(code as StoreUnavailableReason);
    const alias = ALIASES.find(([name]) => name.test(code));
    return cause(alias?.[1] ?? 'CONNECTION_LOST', code);
  }
  if (/timed out|timeout|expecting data/i.test(error.message)) return cause('TIMEOUT');
  // What ioredis says of a cluster that sent a command around.
  const last = /Last error: ReplyError: (.*)$/.exec(error.message)?.[1];
  return last === undefined ? cause('CONNECTION_LOST') : causeOfReply(last);
}

/** How Redis 6.2 tells what a command inside a script was refused with; 7.0 begins with that. */
const IN_SCRIPT = /^ERR Error running script \(call to \w+\): (?:@\w+: ?\d+: )+-?([A-Z]+ .*)$/s;

/** Why a server refuses, by its own words. */
export function causeOfReply(message: string): Cause {
  if (isCutShortReply(message))
    return cause('TRYAGAIN', 'a key of its scripts is not there while its slot is moved');
  const inScript = IN_SCRIPT.exec(message)?.[1];
  if (inScript !== undefined) return causeOfReply(inScript);
  if (/max(imum)? number of clients/i.test(message)) return cause('MAXCLIENTS');
  if (message.includes('cluster support disabled')) return cause('CLUSTER_DISABLED');
  if (message.startsWith('DENIED Redis is running in protected mode'))
    return cause('REFUSED', 'DENIED: in protected mode it lets nobody in from other machines');
  const unknown = /^ERR unknown command ['`]?([\w|]{1,40})/i.exec(message);
  if (unknown !== null) return cause('UNKNOWN_COMMAND', `${String(unknown[1]).toUpperCase()} is unknown`);
  if (message.startsWith('ERR Unknown Redis command'))
    return cause('UNKNOWN_COMMAND', 'a command of its scripts is unknown');
  if (/^NOPERM |^ERR (ACL failure in script|The user executing the script)/.test(message)) {
    const command = /'([\w|]{1,40})' command/.exec(message)?.[1]?.toUpperCase();
    const what = command ?? (/\bkeys?\b/.test(message) ? 'its key' : 'a command of its scripts');
    return cause('NOPERM', `NOPERM for ${what}`);
  }
  const [first = ''] = /^[A-Z]{3,20}(?= |$)/.exec(message) ?? [];
  return CODES.has(first) ? cause(first as StoreUnavailableReason) : cause('REFUSED', first || 'a refusal');
}

/** Whether no server answered. One that is full or refuses a command is up. */
export function isOutage(error: unknown): error is SessionStoreUnavailableError {
  return error instanceof SessionStoreUnavailableError && OUTAGES.has(error.reason);
}

/** Whether the server has this command or this key not for us, or not at all: asking again changes nothing. */
export function isForbidden(error: unknown): error is SessionStoreUnavailableError {
  return (
    error instanceof SessionStoreUnavailableError &&
    (error.reason === 'NOPERM' || error.reason === 'UNKNOWN_COMMAND')
  );
}

/** Whether a better reason may be known elsewhere. */
export function isVague({ reason }: Pick<Cause, 'reason'>): boolean {
  return VAGUE.has(reason);
}

/** The one of two causes of the same loss that says more. */
export function telling(known: Cause | undefined, found: Cause): Cause {
  if (known === undefined) return found;
  return isVague(known) && found.reason !== 'CONNECTION_LOST' ? found : known;
}

/** Whether a connection broke under a command, or was not there. */
export function isConnectionFailure(error: unknown): boolean {
  return !isReply(error) && causeOf(error).reason !== 'TIMEOUT' && OUTAGES.has(causeOf(error).reason);
}

/**
 * The package's own error, with its remedy. What ioredis threw is dropped on purpose: it carries the command with its
 * arguments (keys, payloads, on a failed AUTH the password).
 * @param what What happened, up to where the full stop stands. Default: the cause's own words.
 */
export function unavailable(
  endpoint: Endpoint,
  found: Cause,
  what = `Redis at ${endpoint.address} cannot serve sessions: ${found.words}`,
): SessionStoreUnavailableError {
  const { reason } = found;
  const error = new SessionStoreUnavailableError(`${what}. ${remedyOf(reason, endpoint)}`, { reason });
  CAUSES.set(error, found);
  return error;
}

/**
 * Turns what ioredis rejects with into the package's own error.
 * @param known Why the connection is not there, where that is known better than the command was told.
 */
export function storeUnavailable(
  error: unknown,
  endpoint: Endpoint,
  known?: Cause,
): SessionStoreUnavailableError {
  if (error instanceof SessionStoreUnavailableError) return error;
  const own = causeOf(error);
  return unavailable(endpoint, known !== undefined && isVague(own) ? known : own);
}

/** Redis did not answer in time. */
export function noAnswer(endpoint: Endpoint, timeoutMs: number): SessionStoreUnavailableError {
  return unavailable(
    endpoint,
    cause('TIMEOUT'),
    `Redis at ${endpoint.address} did not answer in ${timeoutMs} ms`,
  );
}

/** A write reached the server after its deadline and was not applied, though there was time to send it again. */
export function tooLate(
  { endpoint, timeoutMs }: { readonly endpoint: Endpoint; readonly timeoutMs: number },
  what: string,
): SessionStoreUnavailableError {
  return unavailable(
    endpoint,
    cause('LATE'),
    `Redis at ${endpoint.address} got to ${what} later than ${timeoutMs} ms after it was sent and did not apply it`,
  );
}

/**
 * Whether a cluster asks for patience: of the keys of one slot, which is being moved, some are on either node. ioredis
 * tries a few times itself, by whichever node, and then says so in words of its own. All that it heard were refusals.
 */
export function isTryAgain(error: unknown): boolean {
  const refusals = /^(?:TRYAGAIN|Too many Cluster redirections\b.*\b(?:TRYAGAIN|MOVED|ASK|NOSCRIPT)) /;
  return types.isNativeError(error) && refusals.test(error.message);
}

/** Whether a script was refused in the middle: a key that it had deleted, or not found, counts as moved away. */
export function isCutShort(error: unknown): boolean {
  return isReply(error) && isCutShortReply((error as Error).message);
}

/** In the words of Redis 6.2 and of 7, and of Valkey. */
function isCutShortReply(message: string): boolean {
  return message.includes('attempted to access a non local key in a cluster node');
}

/** Whether this is Redis's own word, in both versions of ioredis. */
export function isReply(error: unknown): boolean {
  return types.isNativeError(error) && error.name === 'ReplyError';
}

/** What to do, at boot and later. */
export function remedyOf(reason: StoreUnavailableReason, endpoint: Endpoint): string {
  const remedy = REMEDIES[reason];
  return typeof remedy === 'string' ? remedy : remedy(endpoint);
}

/** The settings that say where the server is. */
const PLACES: Readonly<Record<Endpoint['via'], string>> = {
  host: 'REDIS_SESSION_HOST and REDIS_SESSION_PORT',
  socket: 'the path of the unix socket in REDIS_SESSION_URL',
  sentinel: 'REDIS_SESSION_SENTINELS, and the master that they name',
  cluster: 'REDIS_SESSION_CLUSTER_NODES',
  client: 'the options of redis.client',
};
const isOwn = ({ via }: Endpoint): boolean => via !== 'client';

const CREDENTIALS = (endpoint: Endpoint): string =>
  isOwn(endpoint)
    ? 'Check REDIS_SESSION_USERNAME and REDIS_SESSION_PASSWORD.'
    : 'Check the credentials in the options of redis.client.';
const PLACE = (endpoint: Endpoint): string => `Check ${PLACES[endpoint.via]}, and that the server is up.`;
const NAME = (endpoint: Endpoint): string =>
  `Check the host name in ${endpoint.via === 'host' ? 'REDIS_SESSION_HOST' : PLACES[endpoint.via]}, and the DNS.`;
const ROUTE = (endpoint: Endpoint): string =>
  `Check ${PLACES[endpoint.via]}, that the server is up, and that no firewall is in between.`;
const SOCKET = (): string => 'Check the path of the unix socket in REDIS_SESSION_URL, and who may open it.';
const BROKEN = (endpoint: Endpoint): string =>
  endpoint.tls === true
    ? `${PLACE(endpoint)} A server that asks for a certificate hangs up like this where there is none: REDIS_SESSION_SSL_CERT and REDIS_SESSION_SSL_KEY.`
    : PLACE(endpoint);

const REMEDIES: Readonly<Record<StoreUnavailableReason, string | ((endpoint: Endpoint) => string)>> = {
  TIMEOUT: (endpoint) =>
    `${ROUTE(endpoint).slice(0, -1)}, or raise REDIS_SESSION_TIMEOUT.` +
    (endpoint.tls === true
      ? ' A server that does not speak TLS is as silent: REDIS_SESSION_SSL_ENABLED.'
      : ''),
  CONNECTION_LOST: BROKEN,
  ECONNREFUSED: PLACE,
  ECONNRESET: BROKEN,
  EPIPE: BROKEN,
  ETIMEDOUT: ROUTE,
  EHOSTUNREACH: ROUTE,
  ENETUNREACH: ROUTE,
  ENOTFOUND: NAME,
  EAI_AGAIN: NAME,
  ENOENT: SOCKET,
  EACCES: SOCKET,
  CERT_HAS_EXPIRED: "The server's certificate has expired: renew it there. Nothing needs to be set here.",
  CERT_NOT_YET_VALID: "The server's certificate is not valid yet: check the clocks of both sides.",
  CERT_UNTRUSTED:
    "The server's certificate was not issued by an authority this process trusts: give it in REDIS_SESSION_SSL_CA.",
  ERR_TLS_CERT_ALTNAME_INVALID:
    "The server's certificate is for another name: set REDIS_SESSION_SSL_SERVERNAME.",
  CERT_REQUIRED:
    'The server does not accept our certificate, or wants one: REDIS_SESSION_SSL_CERT and REDIS_SESSION_SSL_KEY.',
  TLS_MISMATCH:
    'The two sides do not speak the same TLS: check the port, and whether REDIS_SESSION_SSL_ENABLED is meant.',
  WRONGPASS: CREDENTIALS,
  NOAUTH: CREDENTIALS,
  MAXCLIENTS:
    'The server takes no more connections: raise its maxclients, or find who holds them (CLIENT LIST).',
  NOT_REDIS: (endpoint) =>
    `Check ${PLACES[endpoint.via]}: another service is there, or a server that wants TLS (REDIS_SESSION_SSL_ENABLED).`,
  DATABASE_NOT_SELECTED: (endpoint) =>
    `Check ${isOwn(endpoint) ? 'REDIS_SESSION_DATABASE (or the number in REDIS_SESSION_URL)' : 'db in the options of redis.client'}, ` +
    "the server's setting `databases`, and that the user may SELECT. Nothing is read or written in another database.",
  SENTINEL_AUTH:
    'The sentinels have credentials of their own: check REDIS_SESSION_SENTINEL_USERNAME and REDIS_SESSION_SENTINEL_PASSWORD.',
  SENTINEL_MASTER_UNKNOWN: 'Check REDIS_SESSION_SENTINEL_MASTER: the name in `sentinel monitor`.',
  SENTINELS_UNREACHABLE: 'Check REDIS_SESSION_SENTINELS, and that the sentinels are up.',
  CLUSTER_DISABLED: (endpoint) =>
    isOwn(endpoint)
      ? 'Set REDIS_SESSION_HOST and REDIS_SESSION_PORT instead of REDIS_SESSION_CLUSTER_NODES.'
      : 'Inject a Redis instead of a Cluster.',
  CLUSTER_ADDRESS_UNKNOWN:
    'A node of a cluster that has met no other does not know its own address: set its cluster-announce-ip.',
  CLUSTER_NODES_UNREACHABLE:
    'Say where they are from here in redis.cluster.natMap, or give the nodes another cluster-announce-ip.',
  CLUSTER_SLOTS_UNASSIGNED:
    'Sessions in the others cannot be served: assign all 16384 (redis-cli --cluster fix).',
  CLUSTER_DOWN: (endpoint) =>
    `Check ${PLACES[isOwn(endpoint) ? 'cluster' : 'client']}, and that the nodes are up and can be reached from here.`,
  NOPERM: (endpoint) =>
    `Check the ACL of ${isOwn(endpoint) ? 'REDIS_SESSION_USERNAME' : "redis.client's user"}: SECURITY.md has the line to give to Redis, and its keys begin with the prefix.`,
  UNKNOWN_COMMAND:
    'Sessions need it: the server must not rename or disable it, and must be Redis 6.2 or newer, or as good as that.',
  OOM: 'The server is full: raise maxmemory or free some.',
  READONLY: (endpoint) =>
    endpoint.via === 'host'
      ? 'The server is a replica: check where REDIS_SESSION_HOST leads, or use Sentinel.'
      : `The server is a replica: check ${PLACES[endpoint.via]}.`,
  NOREPLICAS: 'The server has fewer replicas than its min-replicas-to-write demands.',
  MISCONF: "The server cannot save to its disk: see the server's log.",
  BUSY: 'A script runs for too long on the server: SCRIPT KILL ends it.',
  LOADING:
    'It will be back by itself: INFO persistence says how much is left. An application that is to wait for it at its start sets ' +
    'REDIS_SESSION_STARTUP=wait.',
  MASTERDOWN: "The server is a replica that has lost its master: check the master's state.",
  CLUSTERDOWN: 'The cluster has lost masters or slots: see CLUSTER INFO on one of its nodes.',
  TRYAGAIN: 'The cluster is moving the slot of the session, which takes longer than REDIS_SESSION_TIMEOUT.',
  MOVED: (endpoint) =>
    isOwn(endpoint)
      ? 'The server is a node of a cluster: name it in REDIS_SESSION_CLUSTER_NODES instead of REDIS_SESSION_HOST.'
      : 'The server is a node of a cluster: inject a Cluster.',
  WRONGTYPE: 'Another application writes under the same prefix: set REDIS_SESSION_CLUSTER_ID.',
  REFUSED: "See the server's log.",
  LATE: 'Check its load, or raise REDIS_SESSION_TIMEOUT.',
  NOT_REPLICATED: 'The master has it. Check the replicas, and try the logout again.',
  POOL_EXHAUSTED:
    'Raise REDIS_SESSION_MAX_CONNECTIONS or REDIS_SESSION_CONNECTION_POOL_MAX_WAIT_MILLIS, or set ' +
    'REDIS_SESSION_MAX_CONNECTIONS=1 for one connection that all share.',
  TOO_MANY_COMMANDS: 'Check its load, or raise REDIS_SESSION_MAX_COMMANDS_IN_FLIGHT.',
  CLOSED: 'Use sessions before its onApplicationShutdown hooks.',
  DUPLICATE_ID: 'Ids are 256 random bits, so the randomness or the server is not sound.',
  UNKNOWN: PLACE,
};
