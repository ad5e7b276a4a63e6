import type { Draft, Entry } from './draft.js';
import type { SettingPath } from './names.js';

/** Tells of settings that do nothing, and why. */
type Note = (idle: readonly Entry[], reason: string) => void;

/** Settings that do nothing as things are, for a warning at boot: no fault, since they harm nobody. */
export function notesOf(draft: Draft): string[] {
  const notes: string[] = [];
  const note: Note = (idle, reason) => {
    if (idle.length > 0)
      notes.push(`Without effect: ${idle.map(({ label }) => label).join(', ')}. ${reason}`);
  };
  const { entries } = draft;
  const value = (path: SettingPath): unknown => entries.get(path)?.value;
  if (value('enabled') ?? draft.redisInCode) redisNotes(draft, note);
  else if (!entries.has('enabled')) {
    note(
      [...under(draft, 'redis.'), ...under(draft, 'encryptionKeys'), ...under(draft, 'touchIntervalSeconds')],
      'Sessions live in this process; set REDIS_SESSION_ENABLED=true to keep them in Redis.',
    );
  }
  if (entries.has('transport.header')) note(under(draft, 'cookie.'), 'The token travels in a header.');
  if (value('manualDirtyTracking') === false) {
    note(under(draft, 'manualDirtyAttribute'), 'Manual dirty tracking is switched off.');
  }
  if (value('persistOnDemand') === false) {
    note(under(draft, 'persistOnDemandAttribute'), 'Persist on demand is switched off.');
  }
  return notes;
}

function redisNotes(draft: Draft, note: Note): void {
  const { entries } = draft;
  const value = (path: SettingPath): unknown => entries.get(path)?.value;
  if (value('anonymousTraffic') === true) {
    note(
      under(draft, 'undefinedSessionTypeTimeoutSeconds'),
      'All sessions are stored in Redis with the usual timeouts.',
    );
  }
  if (entries.has('redis.client')) {
    note(
      under(draft, 'redis.', [
        'redis.client',
        'redis.timeoutMs',
        'redis.maxCommandsInFlight',
        'redis.startup',
        'redis.logoutConfirmedByReplicas',
      ]),
      'The application injects its own client.',
    );
    return;
  }
  if ((value('redis.pool.maxConnections') ?? 1) === 1) {
    note(
      under(draft, 'redis.pool.', ['redis.pool.maxConnections']),
      'One connection is no pool; raise REDIS_SESSION_MAX_CONNECTIONS.',
    );
  }
  const address = [...under(draft, 'redis.host'), ...under(draft, 'redis.port')];
  if (entries.has('redis.sentinel.master')) note(address, 'Sentinel says where the master is.');
  else {
    const credentials = [
      ...under(draft, 'redis.sentinel.username'),
      ...under(draft, 'redis.sentinel.password'),
    ];
    note(credentials, 'There is no REDIS_SESSION_SENTINEL_MASTER.');
  }
  if (entries.has('redis.cluster.nodes')) note(address, 'The nodes of the cluster say where Redis is.');
  if (value('redis.tls.enabled') === false) {
    note(under(draft, 'redis.tls.', ['redis.tls.enabled']), 'TLS is switched off.');
  }
}

function under({ entries }: Draft, prefix: string, except: readonly SettingPath[] = []): Entry[] {
  return [...entries].flatMap(([path, entry]) =>
    path.startsWith(prefix) && !except.includes(path) ? [entry] : [],
  );
}
