import type { SessionCodec } from '../core/codec.js';
import { readTags } from './tag-reader.js';
import { writeTags } from './tag-writer.js';
import type { TagStyle } from './tags.js';

const style: TagStyle = {
  name: 'JSON codec',
  references: false,
  holds(leaf) {
    if (typeof leaf === 'number') return Number.isFinite(leaf) && !Object.is(leaf, -0);
    return typeof leaf === 'string';
  },
  holdsKey: () => true,
  writeDate: (date) => (Number.isNaN(date.getTime()) ? null : date.toISOString()),
  readDate(written) {
    if (written === null) return new Date(NaN);
    const date = new Date(typeof written === 'string' ? written : NaN);
    if (Number.isNaN(date.getTime()) || date.toISOString() !== written) throw new Error('not a date');
    return date;
  },
  writeBytes: (bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64'),
  readBytes(written) {
    const bytes = Buffer.from(typeof written === 'string' ? written : '', 'base64');
    // Node skips what is not base64.
    if (bytes.toString('base64') !== written) throw new Error('not bytes');
    return new Uint8Array(bytes); // out of Node's shared pool
  },
};

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * For those who read sessions with redis-cli. Plain data is plain JSON (`["apple"]`); other types are tagged in
 * the manner of MongoDB Extended JSON: `{"$date":"2026-01-02T03:04:05.000Z"}`, `$bigint`, `$map`, `$set`,
 * `$undefined`, `$number` (NaN, Infinity, -Infinity, -0), `$regexp`, `$error`, `$bytes`; a plain object whose only
 * key begins with `$` is `{"$object":{…}}`. An object that is referenced twice is written twice and comes back as two;
 * a cycle is refused.
 */
export const jsonCodec: SessionCodec = {
  name: 'json',
  takesInstances: true,

  encode(value) {
    const text = JSON.stringify(writeTags(value, style));
    const bytes = Buffer.allocUnsafeSlow(Buffer.byteLength(text));
    bytes.write(text);
    return bytes;
  },

  decode(bytes) {
    try {
      return readTags(JSON.parse(utf8.decode(bytes)) as unknown, style);
    } catch {
      // Without the cause: JSON.parse quotes the text.
      throw new Error('The bytes are not a value that the json codec wrote.');
    }
  },
};
