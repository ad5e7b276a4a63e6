import { RESERVED_MEMBERS } from '../core/members.js';
import { YES_OR_NO } from './checks.js';
import { cookieFaults } from './cookie-rules.js';
import type { Draft, Fault } from './draft.js';
import type { SettingPath } from './names.js';
import { parseRedisUrl } from './redis-url.js';
import type { SessionSettings } from './settings.js';

/** Says what is wrong with an entry, if it is there. */
type Blame = (path: SettingPath, text: string) => void;

/** What no setting shows alone: settings that contradict each other, and choices that are not safe. */
export function ruleFaults(draft: Draft, settings: SessionSettings, production: boolean): Fault[] {
  const faults: Fault[] = [];
  const blame: Blame = (path, text) => {
    const entry = draft.entries.get(path);
    faults.push({ label: entry?.label ?? path, text, entry });
  };
  switches(draft, blame);
  addresses(draft, blame);
  url(draft, blame);
  tls(draft, production, blame);
  pool(draft, settings, blame);
  confirmation(settings, blame);
  attributes(settings, blame);
  prefix(settings, blame);
  const { touchIntervalSeconds, idleTimeoutSeconds } = settings;
  if (draft.entries.has('touchIntervalSeconds') && touchIntervalSeconds * 10 > idleTimeoutSeconds) {
    blame(
      'touchIntervalSeconds',
      `must be at most a tenth of the idle timeout (${idleTimeoutSeconds} seconds): sessions outlive that by as much`,
    );
  }
  faults.push(...cookieFaults(draft, settings.cookie));
  return faults;
}

/** Switches whose value has no property of its own in the settings, so that the validator does not see it. */
function switches({ entries }: Draft, blame: Blame): void {
  for (const [path, entry] of entries) {
    if (entry.kind === 'boolean' && typeof entry.value !== 'boolean') blame(path, `must be ${YES_OR_NO}`);
  }
}

function addresses({ entries }: Draft, blame: Blame): void {
  const label = (path: SettingPath): string | undefined => entries.get(path)?.label;
  const others = ['redis.host', 'redis.port', 'redis.sentinel.master', 'redis.cluster.nodes'] as const;
  const beside = others.flatMap((path) => label(path) ?? []);
  if (entries.has('redis.url') && beside.length > 0) {
    blame('redis.url', `contradicts ${beside.join(', ')}: say where Redis is in one way`);
  }
  const sentinels = label('redis.sentinel.nodes');
  const master = label('redis.sentinel.master');
  if (master && !sentinels)
    blame('redis.sentinel.master', 'needs the addresses of the sentinels (REDIS_SESSION_SENTINELS)');
  if (sentinels && !master)
    blame('redis.sentinel.nodes', 'needs the name of the master (REDIS_SESSION_SENTINEL_MASTER)');
  const cluster = label('redis.cluster.nodes');
  if (cluster && master)
    blame('redis.sentinel.master', `contradicts ${cluster}: Redis is either behind Sentinel or a cluster`);
  const database = entries.get('redis.database');
  if (cluster && database && database.value !== 0) {
    blame('redis.database', `must be 0 together with ${cluster}: a cluster has no other database`);
  }
}

/** What the URL says must not be said differently elsewhere. The validator has seen whether there is a text at all. */
function url({ entries }: Draft, blame: Blame): void {
  const entry = entries.get('redis.url');
  if (entry === undefined || typeof entry.value !== 'string' || entry.value === '') return;
  const parsed = parseRedisUrl(entry.value);
  if (parsed === undefined) {
    blame(
      'redis.url',
      'must be redis://[user[:password]@]host[:port][/database], rediss:// for TLS, or unix:///path',
    );
    return;
  }
  for (const part of ['username', 'password', 'database'] as const) {
    const other = entries.get(`redis.${part}`);
    if (other?.source === entry.source && parsed[part] !== undefined && other.value !== parsed[part]) {
      blame(`redis.${part}`, `contradicts the ${part} in ${entry.label}: set one of them`);
    }
  }
  const enabled = entries.get('redis.tls.enabled');
  if (parsed.tls && enabled?.source === entry.source && enabled.value === false) {
    blame('redis.tls.enabled', `contradicts rediss:// in ${entry.label}`);
  }
}

function tls({ entries }: Draft, production: boolean, blame: Blame): void {
  const value = (path: SettingPath): unknown => entries.get(path)?.value;
  const enabled =
    value('redis.tls.enabled') ?? parseRedisUrl(value('redis.url'))?.tls ?? entries.has('redis.client');
  for (const path of ['redis.tls.ca', 'redis.tls.cert', 'redis.tls.key', 'redis.tls.servername'] as const) {
    // Who gives certificates expects TLS; a connection in plain text must have been asked for.
    if (entries.has(path) && enabled === false && !entries.has('redis.tls.enabled')) {
      blame(path, 'needs TLS: set REDIS_SESSION_SSL_ENABLED=true, or false to say that it is off');
    }
  }
  if (entries.has('redis.tls.cert') && !entries.has('redis.tls.key')) {
    blame('redis.tls.cert', 'needs its private key (REDIS_SESSION_SSL_KEY)');
  }
  if (entries.has('redis.tls.key') && !entries.has('redis.tls.cert')) {
    blame('redis.tls.key', 'needs its certificate (REDIS_SESSION_SSL_CERT)');
  }
  if (
    production &&
    value('redis.tls.rejectUnauthorized') === false &&
    value('redis.tls.allowUnauthorized') !== true
  ) {
    blame(
      'redis.tls.rejectUnauthorized',
      'is refused in production, since anybody could pose as Redis: give the authority in REDIS_SESSION_SSL_CA, or accept the risk with REDIS_SESSION_SSL_ALLOW_UNAUTHORIZED=true',
    );
  }
}

function pool({ entries }: Draft, { redis }: SessionSettings, blame: Blame): void {
  const { maxConnections, maxIdle, minIdle } = redis.pool;
  const label = (path: SettingPath, fallback: string): string => entries.get(path)?.label ?? fallback;
  const most = label('redis.pool.maxConnections', 'REDIS_SESSION_MAX_CONNECTIONS');
  if (atLeast(maxIdle, maxConnections + 1)) {
    blame('redis.pool.maxIdle', `must not be more than ${most} (${maxConnections})`);
  }
  if (atLeast(minIdle, maxIdle + 1)) {
    const idle = entries.get('redis.pool.maxIdle');
    blame('redis.pool.minIdle', `must not be more than ${idle?.label ?? most} (${maxIdle})`);
  }
  if (atLeast(maxConnections, 2) && redis.cluster) {
    blame(
      'redis.pool.maxConnections',
      'must be 1 for a cluster, whose client keeps one connection for each node',
    );
  }
}

function confirmation({ redis }: SessionSettings, blame: Blame): void {
  if (!atLeast(redis.logoutConfirmedByReplicas, 1)) return;
  if (redis.cluster || redis.client?.isCluster === true) {
    blame(
      'redis.logoutConfirmedByReplicas',
      'must be 0 for a cluster: WAIT, which asks the replicas, names no key and so no node; ' +
        'make the cluster itself refuse writes with min-replicas-to-write',
    );
  }
}

/**
 * Keys begin with `<CLUSTER_ID>:session:`, or `session:` without one. An id with `session` as one of its parts puts them
 * under those of the application that is named by the parts before: whoever may touch that one's keys, or looks for them,
 * has both.
 */
function prefix({ clusterId }: SessionSettings, blame: Blame): void {
  if (typeof clusterId !== 'string') return;
  const parts = clusterId.split(':');
  const at = parts.indexOf('session');
  if (at === -1) return;
  const other = at === 0 ? 'without a CLUSTER_ID' : `whose CLUSTER_ID is '${parts.slice(0, at).join(':')}'`;
  blame(
    'clusterId',
    `must not have 'session' between its colons: its keys would lie under those of an application ${other}`,
  );
}

function attributes(settings: SessionSettings, blame: Blame): void {
  const paths = ['manualDirtyAttribute', 'persistOnDemandAttribute'] as const;
  for (const path of paths) {
    const name = settings[path];
    if (name !== undefined && RESERVED_MEMBERS.has(name)) {
      blame(path, `must not be a member of HttpSession (${[...RESERVED_MEMBERS].join(', ')})`);
    }
  }
  const { manualDirtyAttribute: dirty, persistOnDemandAttribute: persist } = settings;
  if (dirty !== undefined && dirty === persist) {
    blame('persistOnDemandAttribute', 'must differ from the attribute of manual dirty tracking');
  }
}

/** False where one of them is no integer, which the validator has seen. */
function atLeast(value: number, bound: number): boolean {
  return Number.isInteger(value) && Number.isInteger(bound) && value >= bound;
}
