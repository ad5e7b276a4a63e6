import type { SessionStore } from '../core/store.js';
import { code, isFunction, lowerCase, type SettingKind } from './kinds.js';
import { copied } from './migration.js';

/** All that a SessionStore has. */
const STORE_METHODS = [
  'load',
  'touch',
  'create',
  'save',
  'renew',
  'compareAndSet',
  'destroy',
  'ids',
  'health',
  'close',
] as const satisfies readonly (keyof SessionStore)[];

/** `migrateFrom`, whose parts rules.ts looks at. Its secrets are nobody's to read. */
export const MIGRATION: SettingKind = {
  ...code('an object with expressSession or fastifySession', (value) => typeof value === 'object'),
  read: copied,
  secret: true,
};

/** A codec: one of ours by its name, or the application's own. */
export const CODEC: SettingKind = {
  ...code('msgpack or json, or in code a SessionCodec', isCodec),
  read: lowerCase,
  type: 'words',
};

/** The application's own store. */
export const STORE: SettingKind = code(
  `a SessionStore: an object with the methods ${STORE_METHODS.join(', ')}`,
  isStore,
);

/** What the banner calls a store. */
export function storeName(store: unknown): string | undefined {
  if (store === undefined) return undefined;
  const { constructor: type } = store as { constructor?: unknown };
  return typeof type === 'function' && type !== Object && type.name !== '' ? type.name : 'a SessionStore';
}

function isStore(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const store = value as Record<string, unknown>;
  return STORE_METHODS.every((method) => isFunction(store[method]));
}

function isCodec(value: unknown): boolean {
  if (value === 'msgpack' || value === 'json') return true;
  if (typeof value !== 'object' || value === null) return false;
  const { name, encode, decode } = value as { name?: unknown; encode?: unknown; decode?: unknown };
  return (
    typeof name === 'string' && /^[a-z0-9_-]{1,32}$/.test(name) && isFunction(encode) && isFunction(decode)
  );
}
