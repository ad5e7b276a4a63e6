import { MAX_NESTING } from '../core/storable.js';

/** A Map of Maps is written as an object, a list and a pair for each level. */
const MAX_DEPTH = 3 * (MAX_NESTING + 2);
/** ASCII strings up to here are read faster four units at a time than by Node's decoder. */
const SMALL_STRING = 16;

/**
 * The plain data that `packMessage` wrote. Throws on anything else, at the latest when the bytes end: the memory that is
 * taken grows with the bytes that are there, never with a length that they claim.
 */
export function unpackMessage(bytes: Uint8Array): unknown {
  const reader = new MessagePackReader(bytes);
  const value = reader.read();
  reader.expectEnd();
  return value;
}

class MessagePackReader {
  private readonly source: Buffer;
  private at = 0;
  private depth = 0;

  constructor(bytes: Uint8Array) {
    this.source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  expectEnd(): void {
    if (this.at !== this.source.length) throw notWritten();
  }

  read(): unknown {
    const code = this.unsigned8();
    if (code < 0x80) return code;
    if (code < 0x90) return this.map(code & 0x0f);
    if (code < 0xa0) return this.array(code & 0x0f);
    if (code < 0xc0) return this.text(code & 0x1f);
    return code >= 0xe0 ? code - 0x100 : this.readWide(code);
  }

  private readWide(code: number): unknown {
    switch (code) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
        return this.bytes(this.unsigned8());
      case 0xc5:
        return this.bytes(this.unsigned16());
      case 0xc6:
        return this.bytes(this.unsigned32());
      case 0xca:
        return this.source.readFloatBE(this.take(4));
      case 0xcb:
        return this.source.readDoubleBE(this.take(8));
      case 0xcc:
        return this.unsigned8();
      case 0xcd:
        return this.unsigned16();
      case 0xce:
        return this.unsigned32();
      case 0xcf:
        return this.source.readBigUInt64BE(this.take(8));
      case 0xd0:
        return this.source.readInt8(this.take(1));
      case 0xd1:
        return this.source.readInt16BE(this.take(2));
      case 0xd2:
        return this.source.readInt32BE(this.take(4));
      case 0xd3:
        return this.source.readBigInt64BE(this.take(8));
      case 0xd4:
        // The only extension there is: type 0, one zero byte.
        if (this.unsigned16() !== 0) throw notWritten();
        return undefined;
      case 0xd9:
        return this.text(this.unsigned8());
      case 0xda:
        return this.text(this.unsigned16());
      case 0xdb:
        return this.text(this.unsigned32());
      case 0xdc:
        return this.array(this.unsigned16());
      case 0xdd:
        return this.array(this.unsigned32());
      case 0xde:
        return this.map(this.unsigned16());
      case 0xdf:
        return this.map(this.unsigned32());
      default:
        throw notWritten();
    }
  }

  private array(length: number): unknown[] {
    this.enter();
    const array: unknown[] = [];
    for (let index = 0; index < length; index++) array.push(this.read());
    this.depth--;
    return array;
  }

  private map(length: number): object {
    this.enter();
    const map: Record<string, unknown> = {};
    for (let index = 0; index < length; index++) {
      const key = this.read();
      if (typeof key !== 'string' || key === '__proto__') throw notWritten();
      map[key] = this.read();
    }
    this.depth--;
    return map;
  }

  private enter(): void {
    if (++this.depth > MAX_DEPTH) throw notWritten();
  }

  private text(length: number): string {
    const start = this.take(length);
    const ascii = length <= SMALL_STRING ? shortAscii(this.source, start, this.at) : undefined;
    return ascii ?? this.source.toString('utf8', start, this.at);
  }

  /** A copy: the application may change it. */
  private bytes(length: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.source.subarray(this.take(length), this.at));
  }

  private unsigned8(): number {
    const value = this.source[this.at++];
    if (value === undefined) throw notWritten();
    return value;
  }

  private unsigned16(): number {
    return this.source.readUInt16BE(this.take(2));
  }

  private unsigned32(): number {
    return this.source.readUInt32BE(this.take(4));
  }

  /** Where the next so many bytes begin. */
  private take(bytes: number): number {
    const start = this.at;
    this.at += bytes;
    if (this.at > this.source.length) throw notWritten();
    return start;
  }
}

/** The text between, or undefined where it is not ASCII. */
function shortAscii(source: Buffer, start: number, end: number): string | undefined {
  let text = '';
  let at = start;
  for (; at + 4 <= end; at += 4) {
    const [a, b, c, d] = [source[at], source[at + 1], source[at + 2], source[at + 3]] as [
      number,
      number,
      number,
      number,
    ];
    if ((a | b | c | d) >= 0x80) return undefined;
    text += String.fromCharCode(a, b, c, d);
  }
  for (; at < end; at++) {
    const unit = source[at] as number;
    if (unit >= 0x80) return undefined;
    text += String.fromCharCode(unit);
  }
  return text;
}

function notWritten(): Error {
  return new Error('unexpected content');
}
