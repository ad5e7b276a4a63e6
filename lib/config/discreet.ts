const INSPECT = Symbol.for('nodejs.util.inspect.custom');
const SECRET = new Set(['username', 'password', 'secrets', 'encryptionKeys', 'url', 'key']);

/** Settings whose secrets do not show in logs: `JSON.stringify` and `util.inspect` print `- Set -` for them. */
export abstract class Discreet {
  toJSON(): Record<string, unknown> {
    return Object.fromEntries(
      Object.entries(this).map(([name, value]: [string, unknown]) => {
        // An ioredis client carries its password in its options.
        if (name === 'client') return [name, value === undefined ? undefined : '- Injected client -'];
        return [name, SECRET.has(name) && value !== undefined ? '- Set -' : value];
      }),
    );
  }

  [INSPECT](): Record<string, unknown> {
    return this.toJSON();
  }
}
