import { types } from 'node:util';
import { kindOfObject } from './object-kind.js';

/** What an instance is stored as; or why it cannot be, in words that hold nothing of it, and by which property. */
export type PlainForm =
  { readonly form: unknown } | { readonly reason: string; readonly property?: string | undefined };

/**
 * What stands for an object of kind `instance`, as JSON would have it: what its `toJSON()` returns, or else its own
 * enumerable properties, without functions, symbols and undefined. What it holds is left as it is: a Date in it stays
 * a Date, and another instance is for its own turn. The form is never of kind `instance` itself.
 */
export function plainForm(instance: object): PlainForm {
  let form: unknown;
  try {
    const { toJSON } = instance as { toJSON?: unknown };
    form = typeof toJSON === 'function' ? (toJSON as (key: string) => unknown).call(instance, '') : instance;
  } catch {
    return { reason: 'a toJSON() that throws' };
  }
  if (typeof form !== 'object' || form === null || kindOfObject(form).kind !== 'instance') return { form };
  // JSON does not ask for the toJSON() of what a toJSON() has returned.
  if (types.isBoxedPrimitive(form)) return unboxed(form);
  return Array.isArray(form) ? { form: Array.from(form as unknown[]) } : ownProperties(form);
}

function unboxed(box: object): PlainForm {
  if (types.isNumberObject(box)) return { form: Number.prototype.valueOf.call(box) };
  if (types.isStringObject(box)) return { form: String.prototype.valueOf.call(box) };
  if (types.isBooleanObject(box)) return { form: Boolean.prototype.valueOf.call(box) };
  if (types.isBigIntObject(box)) return { form: BigInt.prototype.valueOf.call(box) };
  return { reason: 'a symbol' };
}

function ownProperties(instance: object): PlainForm {
  const form: Record<string, unknown> = {};
  for (const key of Object.keys(instance)) {
    let value: unknown;
    try {
      value = (instance as Record<string, unknown>)[key];
    } catch {
      return { reason: 'a getter that throws', property: key };
    }
    if (value === undefined || typeof value === 'function' || typeof value === 'symbol') continue;
    if (key === '__proto__') return { reason: OWN_PROTO };
    form[key] = value;
  }
  return { form };
}

/** Why an object with such a key is refused: whoever reads it back would change a prototype. */
export const OWN_PROTO = 'an object with an own property named __proto__';
