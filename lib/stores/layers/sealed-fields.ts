import type { ValueKey } from './key-ring.js';

/** Begins the fields that are ours; an attribute's name that begins with it is stored with a second one. */
const OWN = '#';

/** What the value of an attribute is bound to. */
export function attributeContext(name: string): string {
  return `attribute ${name}`;
}

/** The field that holds an attribute. */
export function fieldOf(name: string): string {
  return name.startsWith(OWN) ? OWN + name : name;
}

/** The attribute that a field holds. */
export function nameOf(field: string): string {
  return field.startsWith(OWN) ? field.slice(OWN.length) : field;
}

const PRINCIPAL_CONTEXT = 'principal';

/** Stores keep a principal as text. */
export function sealPrincipal(key: ValueKey, principal: string): string {
  return key.seal(Buffer.from(principal), PRINCIPAL_CONTEXT).toString('base64');
}

export function openPrincipal(key: ValueKey, sealed: string): string | undefined {
  return key.open(Buffer.from(sealed, 'base64'), PRINCIPAL_CONTEXT)?.toString();
}
