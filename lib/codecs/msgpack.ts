import { Packr } from 'msgpackr';
import type { SessionCodec } from '../core/codec.js';
import { readTags } from './tag-reader.js';
import { writeTags } from './tag-writer.js';
import type { TagStyle } from './tags.js';

const MIN_INT64 = -(2n ** 63n);
const MAX_INT64 = 2n ** 63n - 1n;
const BYTE_ORDER_MARK = '\uFEFF';

/**
 * Standard MessagePack only, with nothing that depends on an earlier call or on extensions, which an
 * application may redefine for the whole process: msgpackr's records keep Map apart from object but compile
 * functions from stored keys and mistake the key `__keys__`; its structured-clone pointers let a few hostile bytes
 * expand without bound. `writeTags` does what these would be for.
 */
const packr = new Packr({
  useRecords: false,
  mapsAsObjects: true,
  variableMapSize: true,
  structuredClone: false,
  moreTypes: false,
  useToJSON: false,
  copyBuffers: true,
});

const style: TagStyle = {
  name: 'msgpack codec',
  references: true,
  holds(leaf) {
    switch (typeof leaf) {
      case 'number':
        return !Object.is(leaf, -0); // msgpackr writes 0
      case 'bigint':
        return leaf >= MIN_INT64 && leaf <= MAX_INT64;
      case 'string':
        return !leaf.startsWith(BYTE_ORDER_MARK); // msgpackr takes it off long strings
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
    return written as Uint8Array<ArrayBuffer>; // a copy: copyBuffers
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

  encode(value) {
    const packed = packr.pack(writeTags(value, style));
    // msgpackr hands out a piece of a buffer of 8 KiB or more, which a kept value would keep alive.
    const bytes = Buffer.allocUnsafeSlow(packed.length);
    packed.copy(bytes);
    return bytes;
  },

  decode(bytes) {
    try {
      // A view of its own: msgpackr leaves a property on what it is given.
      const source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      return readTags(packr.unpack(source) as unknown, style);
    } catch {
      // Without the cause: msgpackr's messages quote the data.
      throw new Error('The bytes are not a value that the msgpack codec wrote.');
    }
  },
};
