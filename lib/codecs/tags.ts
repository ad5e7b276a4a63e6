/**
 * How values beyond plain data are written where a format knows only plain data: as an object with one key
 * that begins with `$`, in the manner of MongoDB Extended JSON. Plain data stays as it is; a plain object that
 * looks like a tag is itself tagged, as `$object`.
 */
export interface TagStyle {
  /** Begins a sentence or an error: `JSON codec`. */
  readonly name: string;
  /** Whether the format keeps this number, bigint, string or undefined without a tag. */
  holds(leaf: number | bigint | string | undefined): boolean;
  /** Whether the format keeps an object with this key. */
  holdsKey(key: string): boolean;
  /**
   * Whether an object that was met before is written as `{ $ref: n }`, n counting objects in the order in
   * which they are written. Without, it is written again, and a cycle is refused.
   */
  readonly references: boolean;
  writeDate(date: Date): string | number | null;
  /** Must accept what `writeDate` gave, and throw on all else. */
  readDate(written: unknown): Date;
  writeBytes(bytes: Uint8Array): unknown;
  /** Must accept what `writeBytes` gave, and throw on all else. The answer is all of an ArrayBuffer of its own. */
  readBytes(written: unknown): Uint8Array<ArrayBuffer>;
}

/** Whether a plain object with these keys would be taken for a tag. */
export function looksLikeTag(keys: readonly string[]): boolean {
  return keys.length === 1 && keys[0]?.startsWith('$') === true;
}
