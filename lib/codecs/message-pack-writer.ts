/**
 * Writes plain data as MessagePack (https://github.com/msgpack/msgpack/blob/master/spec.md), each value in its shortest
 * form: byte for byte what release 0.1 wrote, so that a value of an older node does not look changed to a newer one.
 * Integers outside 32 bits are float 64, bigints are int 64, undefined is the extension 0 with one zero byte.
 */

const FIRST_SCRATCH_BYTES = 8192;
/** A scratch buffer beyond this is given back after the value that needed it. */
const KEPT_SCRATCH_BYTES = 65_536;
/** Up to here copying byte by byte is faster than a call. */
const SMALL_BYTES = 64;
/** Strings up to here are tried as ASCII first; beyond, Node's own encoder is faster. */
const SMALL_STRING = 24;

/** Values are written one at a time and run no foreign code, so they can share one buffer. */
let scratch = Buffer.allocUnsafeSlow(FIRST_SCRATCH_BYTES);
let end = 0;

/**
 * The bytes of null, booleans, numbers, bigints of 64 bits, strings, undefined, Uint8Array, arrays and plain objects
 * of these. Cycles must have been ruled out before. The answer is all of an ArrayBuffer of its own.
 */
export function packMessage(tree: unknown): Buffer {
  end = 0;
  write(tree);
  const bytes = Buffer.allocUnsafeSlow(end);
  if (end <= SMALL_BYTES) for (let at = 0; at < end; at++) bytes[at] = scratch[at] as number;
  else scratch.copy(bytes, 0, 0, end);
  if (scratch.length > KEPT_SCRATCH_BYTES) scratch = Buffer.allocUnsafeSlow(FIRST_SCRATCH_BYTES);
  return bytes;
}

function write(value: unknown): void {
  switch (typeof value) {
    case 'string':
      return writeString(value);
    case 'number':
      return writeNumber(value);
    case 'boolean':
      reserve(1);
      scratch[end++] = value ? 0xc3 : 0xc2;
      return;
    case 'bigint':
      reserve(9);
      scratch[end++] = 0xd3;
      end = scratch.writeBigInt64BE(value, end);
      return;
    case 'undefined':
      reserve(3);
      scratch[end++] = 0xd4;
      scratch[end++] = 0;
      scratch[end++] = 0;
      return;
    default:
      return writeObject(value as object | null);
  }
}

function writeObject(value: object | null): void {
  if (value === null) {
    reserve(1);
    scratch[end++] = 0xc0;
  } else if (Array.isArray(value)) {
    writeCount(value.length, 0x90, 0xdc);
    for (let index = 0; index < value.length; index++) write(value[index]);
  } else if (value instanceof Uint8Array) {
    writeBytes(value);
  } else {
    const keys = Object.keys(value);
    writeCount(keys.length, 0x80, 0xde);
    for (const key of keys) {
      writeString(key);
      write((value as Record<string, unknown>)[key]);
    }
  }
}

/** The head of an array or a map: `short` holds counts below 16, `wide` those of 16 bits, `wide + 1` those of 32. */
function writeCount(count: number, short: number, wide: number): void {
  reserve(5);
  if (count < 16) scratch[end++] = short | count;
  else writeLength(count, wide);
}

function writeBytes(bytes: Uint8Array): void {
  reserve(bytes.length + 5);
  if (bytes.length < 0x100) {
    scratch[end++] = 0xc4;
    scratch[end++] = bytes.length;
  } else {
    writeLength(bytes.length, 0xc5);
  }
  scratch.set(bytes, end);
  end += bytes.length;
}

function writeLength(length: number, wide: number): void {
  if (length < 0x1_0000) {
    scratch[end++] = wide;
    end = scratch.writeUInt16BE(length, end);
  } else {
    scratch[end++] = wide + 1;
    end = scratch.writeUInt32BE(length, end);
  }
}

function writeNumber(value: number): void {
  reserve(9);
  if (!Number.isInteger(value) || value < -0x8000_0000 || value > 0xffff_ffff) {
    scratch[end++] = 0xcb;
    end = scratch.writeDoubleBE(value, end);
  } else if (value >= 0) {
    writeUnsigned(value);
  } else {
    writeNegative(value);
  }
}

function writeUnsigned(value: number): void {
  if (value < 0x80) {
    scratch[end++] = value;
  } else if (value < 0x100) {
    scratch[end++] = 0xcc;
    scratch[end++] = value;
  } else if (value < 0x1_0000) {
    scratch[end++] = 0xcd;
    end = scratch.writeUInt16BE(value, end);
  } else {
    scratch[end++] = 0xce;
    end = scratch.writeUInt32BE(value, end);
  }
}

function writeNegative(value: number): void {
  if (value >= -0x20) {
    scratch[end++] = 0x100 + value;
  } else if (value >= -0x80) {
    scratch[end++] = 0xd0;
    end = scratch.writeInt8(value, end);
  } else if (value >= -0x8000) {
    scratch[end++] = 0xd1;
    end = scratch.writeInt16BE(value, end);
  } else {
    scratch[end++] = 0xd2;
    end = scratch.writeInt32BE(value, end);
  }
}

function writeString(text: string): void {
  // A UTF-16 unit takes three bytes at most.
  reserve(text.length * 3 + 5);
  if (text.length > SMALL_STRING || !writeShortAscii(text)) writeUtf8(text);
}

function writeShortAscii(text: string): boolean {
  const start = end + 1;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit >= 0x80) return false;
    scratch[start + index] = unit;
  }
  scratch[end] = 0xa0 | text.length;
  end = start + text.length;
  return true;
}

/** Writes behind a head of the size that ASCII would need, and moves up where the bytes turn out to need another. */
function writeUtf8(text: string): void {
  const guess = headOfString(text.length);
  const length = scratch.write(text, end + guess);
  const head = headOfString(length);
  if (head !== guess) scratch.copyWithin(end + head, end + guess, end + guess + length);
  if (head === 1) {
    scratch[end++] = 0xa0 | length;
  } else if (head === 2) {
    scratch[end++] = 0xd9;
    scratch[end++] = length;
  } else {
    writeLength(length, 0xda);
  }
  end += length;
}

function headOfString(bytes: number): number {
  if (bytes < 0x20) return 1;
  if (bytes < 0x100) return 2;
  return bytes < 0x1_0000 ? 3 : 5;
}

function reserve(bytes: number): void {
  if (scratch.length - end >= bytes) return;
  const larger = Buffer.allocUnsafeSlow(Math.max(scratch.length * 2, end + bytes));
  scratch.copy(larger, 0, 0, end);
  scratch = larger;
}
