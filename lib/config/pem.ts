import { readFileSync } from 'node:fs';

/** The PEM text that a value is or names; undefined where it is neither text nor the path of a readable PEM file. */
export function readPem(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  if (value.startsWith('-----BEGIN')) return value;
  try {
    const text = readFileSync(value, 'utf8');
    return text.includes('-----BEGIN') ? text : undefined;
  } catch {
    return undefined;
  }
}
