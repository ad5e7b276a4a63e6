import type { Draft, Entry } from './draft.js';
import type { SettingPath } from './names.js';
import { DEFAULT_IDLE_SECONDS, timeoutsOf } from './presets.js';

/** Tells of settings that do nothing, and why. */
type Note = (idle: readonly Entry[], reason: string) => void;

/** What is warned of at boot: settings that do nothing as things are, which harms nobody, and what is rarely meant. */
export function notesOf(draft: Draft, production: boolean): string[] {
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
  else notes.push(...lifeNotes(draft));
  if (value('manualDirtyTracking') === false) {
    note(under(draft, 'manualDirtyAttribute'), 'Manual dirty tracking is switched off.');
  }
  if (value('persistOnDemand') === false) {
    note(under(draft, 'persistOnDemandAttribute'), 'Persist on demand is switched off.');
  }
  if (production && !(value('enabled') ?? draft.redisInCode)) {
    notes.push(
      'NODE_ENV is production and sessions live in the memory of this process: a restart ends them, and no other node ' +
        'knows them. Set REDIS_SESSION_ENABLED=true to keep them in Redis.',
    );
  }
  return notes;
}

/** A cookie and a session that do not end together: whoever stays away is logged out sooner than one of them says. */
function lifeNotes({ entries }: Draft): string[] {
  const cookie = entries.get('cookie.maxAgeSeconds');
  const idle =
    entries.get('idleTimeoutSeconds')?.value ??
    timeoutsOf(entries.get('preset')?.value).idleTimeoutSeconds ??
    DEFAULT_IDLE_SECONDS;
  if (typeof cookie?.value !== 'number' || typeof idle !== 'number' || cookie.value === idle) return [];
  const what =
    cookie.value > idle
      ? `outlives the idle time of sessions, ${idle} s: who stays away for longer than that has to log in again though the ` +
        'browser still has the cookie'
      : `ends before the idle time of sessions, ${idle} s: who stays away for longer than the cookie lives has to log in ` +
        'again though the session is still there';
  return [
    `${cookie.label} of ${cookie.value} s ${what}. Set REDIS_SESSION_USER_TIMEOUT to the same, or let a login say ` +
      'it for both: authenticate(id, { rememberFor }).',
  ];
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
