import { declarationsOf } from './declare.js';

const INSPECT = Symbol.for('nodejs.util.inspect.custom');

/** Settings whose secrets do not show in logs: `JSON.stringify` and `util.inspect` print `- Set -` for them. */
export abstract class Redacted {
  toJSON(): Record<string, unknown> {
    const shown: Record<string, unknown> = Object.fromEntries(Object.entries(this));
    for (const declaration of declarationsOf(this.constructor)) {
      const { property, kind } = declaration;
      const value = shown[property];
      if (value === undefined) continue;
      if (kind.secret) shown[property] = '- Set -';
      // What the application owns says itself how: an ioredis client carries its password in its options.
      else if (kind.type === 'code' && declaration.show) shown[property] = declaration.show(value, this);
    }
    return shown;
  }

  protected [INSPECT](): Record<string, unknown> {
    return this.toJSON();
  }
}
