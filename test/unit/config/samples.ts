import { getMetadataStorage } from 'class-validator';
import { CATALOG, type CatalogEntry, type SettingPath } from '../../../lib/config/catalog.js';
import type { SessionSettings } from '../../../lib/config/settings.js';
import { issueLines, resolve, type Environment } from './environment.js';

/** A value of a setting that is not its default, and where it must be seen. */
export interface Sample {
  readonly text: string;
  readonly expected: unknown;
  readonly seen: (settings: SessionSettings) => unknown;
  /** What else must be set for this to be in effect. */
  readonly beside?: Environment;
  /** What is beside it is refused without it. */
  readonly inseparable?: true;
}

const PEM = '-----BEGIN CERTIFICATE-----\\nAAAA\\n-----END CERTIFICATE-----';
const PEM_READ = PEM.replaceAll('\\n', '\n');
const TLS = { REDIS_SESSION_ENABLED: 'true', REDIS_SESSION_SSL_ENABLED: 'true' };
const SENTINEL = { REDIS_SESSION_SENTINEL_MASTER: 'm', REDIS_SESSION_SENTINELS: 's:1' };
const POOL = { REDIS_SESSION_MAX_CONNECTIONS: '20' };
const FIRST = 'Tr0ub4dor-horse-battery-lamp-moon-7';
const SECOND = 'zebra_Quilt_92_marble_fountain_kite';
const FIRST_KEY = 'BUHP8yw/JS8nwsjyhR88ZRkgFX8rJd2JKDlkW2SeS9A=';
const SECOND_KEY = 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8';

/**
 * Of settings whose texts are of a special form, or that show elsewhere or together with others. What is left out,
 * and all others have, is made of the declaration.
 */
const SPECIAL: Readonly<Partial<Record<SettingPath, Partial<Sample>>>> = {
  'redis.url': {
    text: 'rediss://u:p%40w@r.example:7000/3',
    expected: { host: 'r.example', port: 7000, username: 'u', password: 'p@w', database: 3, tls: true },
    seen: ({ redis: { host, port, username, password, database, tls } }) => ({
      host,
      port,
      username,
      password,
      database,
      tls: tls !== undefined,
    }),
  },
  'redis.cluster.nodes': {
    text: 'a:7001, b:7002,c,[::1]:7003',
    expected: [
      { host: 'a', port: 7001 },
      { host: 'b', port: 7002 },
      { host: 'c', port: 6379 },
      { host: '::1', port: 7003 },
    ],
    seen: ({ redis }) => redis.cluster?.nodes.map((node) => ({ ...node })),
  },
  sessionLimitPolicy: { beside: { REDIS_SESSION_MAX_SESSIONS_PER_USER: '2' } },
  'redis.password': { text: ' p w ', expected: ' p w ' },
  'redis.tlsEnabled': { seen: ({ redis }) => redis.tls?.rejectUnauthorized },
  'redis.tls.ca': { text: PEM, expected: PEM_READ, beside: TLS },
  'redis.tls.cert': {
    text: PEM,
    expected: PEM_READ,
    beside: { ...TLS, REDIS_SESSION_SSL_KEY: PEM },
    inseparable: true,
  },
  'redis.tls.key': {
    text: PEM,
    expected: PEM_READ,
    beside: { ...TLS, REDIS_SESSION_SSL_CERT: PEM },
    inseparable: true,
  },
  'redis.tls.servername': { beside: TLS },
  'redis.tls.rejectUnauthorized': { beside: TLS },
  'redis.tls.allowUnauthorized': { beside: TLS },
  'redis.sentinel.master': {
    text: 'mymaster',
    expected: 'mymaster',
    beside: { REDIS_SESSION_SENTINELS: 's:1' },
    inseparable: true,
  },
  'redis.sentinel.nodes': {
    text: 's1:26380,s2',
    expected: [
      { host: 's1', port: 26380 },
      { host: 's2', port: 26379 },
    ],
    seen: ({ redis }) => redis.sentinel?.nodes.map((node) => ({ ...node })),
    beside: { REDIS_SESSION_SENTINEL_MASTER: 'm' },
    inseparable: true,
  },
  'redis.sentinel.username': { beside: SENTINEL },
  'redis.sentinel.password': { beside: SENTINEL },
  preset: {
    text: 'AAL2',
    expected: [3600, 86_400],
    seen: (s) => [s.idleTimeoutSeconds, s.absoluteTimeoutSeconds],
  },
  policies: {
    text: 'save_on_change, ALWAYS_SAVE_AFTER_REQUEST',
    expected: ['SAVE_ON_CHANGE', 'ALWAYS_SAVE_AFTER_REQUEST'],
  },
  clusterId: { text: 'shop-eu', expected: 'shop-eu:session:', seen: (s) => s.keyPrefix },
  codec: { text: 'JSON', expected: 'json' },
  'cookie.name': {
    text: 'shop',
    expected: { secure: 'shop', plain: 'shop' },
    seen: ({ cookie }) => ({ ...cookie.names }),
  },
  'cookie.path': { text: '/app', expected: '/app' },
  'cookie.partitioned': { beside: { REDIS_SESSION_COOKIE_SECURE: 'true' } },
  'transport.header': { text: 'Authorization', expected: 'authorization' },
  secrets: { text: `${FIRST}, ${SECOND}`, expected: [FIRST, SECOND] },
  encryptionKeys: { text: `${FIRST_KEY}, ${SECOND_KEY}`, expected: [FIRST_KEY, SECOND_KEY] },
};

/** Made of the declaration where it is not {@link SPECIAL}. */
export function sampleOf(path: SettingPath): Sample {
  const setting = CATALOG.find((each) => each.path === path);
  if (setting === undefined) throw new Error(`There is no setting ${path}.`);
  const { name = '' } = setting;
  const isOfPool = path.startsWith('redis.pool.') && path !== 'redis.pool.maxConnections';
  const special: Partial<Sample> = SPECIAL[path] ?? (isOfPool ? { beside: POOL } : {});
  const seen = (settings: SessionSettings): unknown =>
    path
      .split('.')
      .reduce<unknown>((at, property) => at && (at as Record<string, unknown>)[property], settings);
  if (special.text !== undefined) return { seen, text: special.text, expected: special.expected, ...special };
  const byDefault = seen(resolve({ ...special.beside }));
  const expected = candidates(setting, byDefault).find(
    (value) => value !== byDefault && issueLines({ ...special.beside, [name]: String(value) }).length === 0,
  );
  // In capitals where that must not matter.
  const text = setting.kind.type === 'words' ? String(expected).toUpperCase() : String(expected);
  return { seen, text, expected, ...special };
}

/** Values that a setting may have. */
function candidates({ kind, owner, property }: CatalogEntry, byDefault: unknown): unknown[] {
  switch (kind.type) {
    case 'boolean':
      return [true, false];
    case 'integer':
      return typeof byDefault === 'number' ? [byDefault + 1, byDefault - 1] : [1];
    case 'words':
      return getMetadataStorage()
        .getTargetValidationMetadatas(owner, '', true, false)
        .filter((check) => check.propertyName === property && check.name === 'isIn')
        .flatMap((check): unknown[] => check.constraints?.[0] as unknown[]);
    default:
      return ['sample'];
  }
}
