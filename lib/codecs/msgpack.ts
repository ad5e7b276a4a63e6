import type { SessionCodec } from '../core/codec.js';
import { unpackMessage } from './message-pack-reader.js';
import { packMessage } from './message-pack-writer.js';
import { readTags } from './tag-reader.js';
import { writeTags } from './tag-writer.js';
import type { TagStyle } from './tags.js';

const MIN_INT64 = -(2n ** 63n);
const MAX_INT64 = 2n ** 63n - 1n;
const BYTE_ORDER_MARK = '\uFEFF';

const style: TagStyle = {
  name: 'msgpack codec',
  references: true,
  holds(leaf) {
    switch (typeof leaf) {
      case 'number':
        return !Object.is(leaf, -0); // an integer, and so 0
      case 'bigint':
        return leaf >= MIN_INT64 && leaf <= MAX_INT64;
      case 'string':
        return !leaf.startsWith(BYTE_ORDER_MARK); // the reader of 0.1 takes it off long strings
      default:
        return true;
    }
  },
  holdsKey: (key) => !key.startsWith(BYTE_ORDER_MARK),
  // The invalid date is NaN, which MessagePack has.
  writeDate: (date) => date.getTime(),
  readDate(written) {
    if (typeof written !== 'number') throw new Error('not a date');
    const date = new Date(written);
    if (!Object.is(date.getTime(), written)) throw new Error('not a date');
    return date;
  },
  writeBytes: (bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
  readBytes(written) {
    if (!(written instanceof Uint8Array)) throw new Error('not bytes');
    return written as Uint8Array<ArrayBuffer>; // a copy: unpackMessage
  },
};

/**
 * The default codec: compact, keeps everything that is storable, shared and cyclic references included.
 * Plain data is plain MessagePack, readable by any tool; other types are tagged (see `TagStyle`).
 * Keys that begin with a byte order mark are refused.
 */
export const msgpackCodec: SessionCodec = {
  name: 'msgpack',
  takesInstances: true,

  encode: (value) => packMessage(writeTags(value, style)),

  decode(bytes) {
    try {
      return readTags(unpackMessage(bytes), style);
    } catch {
      // Without the cause: it may quote the data.
      throw new Error('The bytes are not a value that the msgpack codec wrote.');
    }
  },
};
