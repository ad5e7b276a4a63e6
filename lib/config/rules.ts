import { RESERVED_MEMBERS } from '../core/members.js';
import type { SettingPath } from './catalog.js';
import { ADDRESSES, type Given, type Issue } from './given.js';
import { YES_OR_NO } from './kinds.js';
import { checkMigration } from './migration.js';
import { parseRedisUrl } from './redis-url.js';
import type { SessionSettings } from './settings.js';

/** Says what is wrong with a setting. */
type Refuse = (path: SettingPath, text: string) => void;

/** What no setting shows alone: settings that contradict each other, and choices that are not safe. */
export function contradictions(given: Given, settings: SessionSettings, production: boolean): Issue[] {
  const issues: Issue[] = [];
  const refuse: Refuse = (path, text) => {
    const entry = given.entries.get(path);
    issues.push({ label: entry?.label ?? path, text, entry });
  };
  switches(given, refuse);
  addresses(given, refuse);
  url(given, refuse);
  tls(given, production, refuse);
  pool(given, settings, refuse);
  confirmation(settings, refuse);
  attributes(settings, refuse);
  prefix(settings, refuse);
  touchInterval(given, settings, refuse);
  cookies(settings, refuse);
  migration(settings, issues);
  return issues;
}

/** A switch that is neither on nor off leaves its section out, and the validator sees no section that is left out. */
function switches({ entries }: Given, refuse: Refuse): void {
  for (const [path, { kind, value }] of entries) {
    if (kind.type === 'boolean' && typeof value !== 'boolean') refuse(path, `must be ${YES_OR_NO}`);
  }
}

function addresses({ entries }: Given, refuse: Refuse): void {
  const [url, host, port, master, sentinels, cluster] = ADDRESSES.flat().map(
    (path) => entries.get(path)?.label,
  );
  const beside = [host, port, master, cluster].filter((label) => label !== undefined);
  if (url && beside.length > 0)
    refuse('redis.url', `contradicts ${beside.join(', ')}: say where Redis is in one way`);
  if (master && !sentinels)
    refuse('redis.sentinel.master', 'needs the addresses of the sentinels (REDIS_SESSION_SENTINELS)');
  if (sentinels && !master)
    refuse('redis.sentinel.nodes', 'needs the name of the master (REDIS_SESSION_SENTINEL_MASTER)');
  if (cluster && master)
    refuse('redis.sentinel.master', `contradicts ${cluster}: Redis is either behind Sentinel or a cluster`);
  if (cluster && (entries.get('redis.database')?.value ?? 0) !== 0)
    refuse('redis.database', `must be 0 together with ${cluster}: a cluster has no other database`);
}

/** What the URL says must not be said differently elsewhere. */
function url({ entries }: Given, refuse: Refuse): void {
  const entry = entries.get('redis.url');
  const parsed = parseRedisUrl(entry?.value);
  if (entry === undefined || parsed === undefined) return;
  for (const part of ['username', 'password', 'database'] as const) {
    const other = entries.get(`redis.${part}`);
    if (other?.source === entry.source && parsed[part] !== undefined && other.value !== parsed[part]) {
      refuse(`redis.${part}`, `contradicts the ${part} in ${entry.label}: set one of them`);
    }
  }
  const enabled = entries.get('redis.tlsEnabled');
  if (parsed.tls && enabled?.source === entry.source && enabled.value === false) {
    refuse('redis.tlsEnabled', `contradicts rediss:// in ${entry.label}`);
  }
}

function tls({ entries, values }: Given, production: boolean, refuse: Refuse): void {
  const enabled = values.get('redis.tlsEnabled') ?? values.has('redis.client');
  for (const path of ['redis.tls.ca', 'redis.tls.cert', 'redis.tls.key', 'redis.tls.servername'] as const) {
    // Who gives certificates expects TLS; a connection in plain text must have been asked for.
    if (entries.has(path) && enabled === false && !entries.has('redis.tlsEnabled')) {
      refuse(path, 'needs TLS: set REDIS_SESSION_SSL_ENABLED=true, or false to say that it is off');
    }
  }
  const [cert, key] = [entries.has('redis.tls.cert'), entries.has('redis.tls.key')];
  if (cert && !key) refuse('redis.tls.cert', 'needs its private key (REDIS_SESSION_SSL_KEY)');
  if (key && !cert) refuse('redis.tls.key', 'needs its certificate (REDIS_SESSION_SSL_CERT)');
  if (
    production &&
    values.get('redis.tls.rejectUnauthorized') === false &&
    values.get('redis.tls.allowUnauthorized') !== true
  ) {
    refuse(
      'redis.tls.rejectUnauthorized',
      'is refused in production, since anybody could pose as Redis: give the authority in REDIS_SESSION_SSL_CA, or accept the risk with REDIS_SESSION_SSL_ALLOW_UNAUTHORIZED=true',
    );
  }
}

function pool({ entries }: Given, { redis }: SessionSettings, refuse: Refuse): void {
  const { maxConnections, maxIdle, minIdle } = redis.pool;
  const most = entries.get('redis.pool.maxConnections')?.label ?? 'REDIS_SESSION_MAX_CONNECTIONS';
  const idle = entries.get('redis.pool.maxIdle')?.label ?? most;
  if (atLeast(maxIdle, maxConnections + 1))
    refuse('redis.pool.maxIdle', `must not be more than ${most} (${maxConnections})`);
  if (atLeast(minIdle, maxIdle + 1))
    refuse('redis.pool.minIdle', `must not be more than ${idle} (${maxIdle})`);
  if (atLeast(maxConnections, 2) && redis.cluster)
    refuse(
      'redis.pool.maxConnections',
      'must be 1 for a cluster, whose client keeps one connection for each node',
    );
}

function confirmation({ redis }: SessionSettings, refuse: Refuse): void {
  const isCluster = redis.cluster !== undefined || redis.client?.isCluster === true;
  if (isCluster && atLeast(redis.logoutConfirmedByReplicas, 1))
    refuse(
      'redis.logoutConfirmedByReplicas',
      'must be 0 for a cluster: WAIT, which asks the replicas, names no key and so no node; ' +
        'make the cluster itself refuse writes with min-replicas-to-write',
    );
}

/**
 * Keys begin with `<CLUSTER_ID>:session:`, or `session:` without one. An id with `session` as one of its parts puts them
 * under those of the application that is named by the parts before: whoever may touch that one's keys, or looks for them,
 * has both.
 */
function prefix({ clusterId }: SessionSettings, refuse: Refuse): void {
  if (typeof clusterId !== 'string') return;
  const parts = clusterId.split(':');
  const at = parts.indexOf('session');
  if (at === -1) return;
  const other = at === 0 ? 'without a CLUSTER_ID' : `whose CLUSTER_ID is '${parts.slice(0, at).join(':')}'`;
  refuse(
    'clusterId',
    `must not have 'session' between its colons: its keys would lie under those of an application ${other}`,
  );
}

function attributes(settings: SessionSettings, refuse: Refuse): void {
  const dirty = settings.manualDirtyTracking && settings.manualDirtyAttribute;
  const persist = settings.persistOnDemand && settings.persistOnDemandAttribute;
  const reserved = `must not be a member of HttpSession (${[...RESERVED_MEMBERS].join(', ')})`;
  if (dirty && RESERVED_MEMBERS.has(dirty)) refuse('manualDirtyAttribute', reserved);
  if (persist && RESERVED_MEMBERS.has(persist)) refuse('persistOnDemandAttribute', reserved);
  if (dirty && dirty === persist)
    refuse('persistOnDemandAttribute', 'must differ from the attribute of manual dirty tracking');
}

function touchInterval({ entries }: Given, settings: SessionSettings, refuse: Refuse): void {
  const { touchIntervalSeconds, idleTimeoutSeconds } = settings;
  if (entries.has('touchIntervalSeconds') && touchIntervalSeconds * 10 > idleTimeoutSeconds) {
    refuse(
      'touchIntervalSeconds',
      `must be at most a tenth of the idle timeout (${idleTimeoutSeconds} seconds): sessions outlive that by as much`,
    );
  }
}

/** RFC 6265bis, 5.6: user agents may drop a cookie of more than this, name, value and attributes together. */
const MAX_COOKIE_BYTES = 4096;
/** A token, a dot and a signature. */
const VALUE_BYTES = 47 + 1 + 43;
const FIXED_ATTRIBUTES =
  '=; Max-Age=34560000; Domain=; Path=; HttpOnly; Secure; Partitioned; SameSite=Strict';

/** Combinations that user agents refuse (RFC 6265bis, 4.1.2 and 4.1.3; CHIPS), so that no session would ever last. */
function cookies({ cookie }: SessionSettings, refuse: Refuse): void {
  // User agents compare prefixes without case.
  const name = String(cookie.name ?? '');
  if (/^__host-/i.test(name)) {
    if (cookie.domain !== undefined)
      refuse('cookie.name', "must not start with '__Host-' together with a domain");
    if (cookie.path !== '/') refuse('cookie.name', "must not start with '__Host-' unless the path is '/'");
  }
  if (/^__(host|secure|http)-/i.test(name) && cookie.secure === false) {
    refuse('cookie.name', 'has a prefix that needs a Secure cookie, and Secure is switched off');
  }
  const secure = 'needs REDIS_SESSION_COOKIE_SECURE=true: user agents refuse the cookie otherwise';
  if (cookie.sameSite === 'none' && cookie.secure !== true) refuse('cookie.sameSite', secure);
  if (cookie.partitioned === true && cookie.secure !== true) refuse('cookie.partitioned', secure);
  const { names } = cookie;
  const variable = [names.secure, cookie.path, cookie.domain ?? ''].map(String).join('');
  const bytes = Buffer.byteLength(variable) + FIXED_ATTRIBUTES.length + VALUE_BYTES;
  if (bytes > MAX_COOKIE_BYTES) {
    refuse('cookie.name', `makes a cookie of ${bytes} bytes; user agents keep at most ${MAX_COOKIE_BYTES}`);
  }
}

function migration(settings: SessionSettings, issues: Issue[]): void {
  const { migrateFrom, usesRedis, transport, cookie } = settings;
  // What is no object at all has been told of.
  if (typeof migrateFrom !== 'object') return;
  const refuse = (place: string, text: string): void =>
    void issues.push({ label: `migrateFrom${place}`, text });
  const before = issues.length;
  checkMigration(migrateFrom, refuse);
  if (issues.length > before) return;
  if (!usesRedis)
    refuse('', 'needs sessions in Redis, where those of before are: set REDIS_SESSION_ENABLED=true');
  if (transport.header !== undefined)
    refuse(
      '',
      'takes over cookies, and REDIS_SESSION_TRANSPORT_HEADER says that none is read: leave one of them out',
    );
  for (const { library, cookieName } of settings.oldLibraries) {
    if (cookieName === cookie.names.secure || cookieName === cookie.names.plain)
      refuse(
        `.${library}`,
        `has a cookie of the name of ours, ${cookieName}. Give ours another with REDIS_SESSION_COOKIE_NAME: ` +
          'browsers hold both during the move',
      );
  }
}

/** False where one of them is no integer, which the validator has seen. */
function atLeast(value: number, bound: number): boolean {
  return Number.isInteger(value) && Number.isInteger(bound) && value >= bound;
}
