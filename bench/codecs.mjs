/**
 * `npm run bench:codecs`: our MessagePack beside msgpackr (with its native part where it is installed) and
 * @msgpack/msgpack, on what sessions hold. The codecs take turns; the figures are medians, in nanoseconds a call.
 */
import { Decoder, Encoder } from '@msgpack/msgpack';
import { Packr } from 'msgpackr';
import console from 'node:console';
import process from 'node:process';
import { packMessage } from '../dist/codecs/message-pack-writer.js';
import { unpackMessage } from '../dist/codecs/message-pack-reader.js';
import { cartOf } from './lib/session-data.js';

const ROUNDS = 31;
const NANOSECONDS_A_TURN = 10_000_000;

const packr = new Packr({ useRecords: false, variableMapSize: true, moreTypes: false, copyBuffers: true });
const encoder = new Encoder({ useBigInt64: true });
const decoder = new Decoder({ useBigInt64: true });
/** Each answer is memory of its own, as a session keeps it. */
const codecs = {
  ours: { encode: packMessage, decode: unpackMessage },
  msgpackr: { encode: (value) => new Uint8Array(packr.pack(value)), decode: (bytes) => packr.unpack(bytes) },
  '@msgpack/msgpack': {
    encode: (value) => encoder.encode(value),
    decode: (bytes) => decoder.decode(bytes),
  },
};
const values = {
  'a number': 7,
  'a name': 'user-4711',
  'a user': { id: 'u-42', name: 'Ann Smith', roles: ['reader', 'writer'] },
  'a tagged Date': { $date: 1_700_000_000_000 },
  'a cart of 1 KiB': cartOf(1),
  'a cart of 10 KiB': cartOf(10),
  'a text of 5 kB': { text: 'x'.repeat(5000) },
  'not ASCII': { text: 'ü€'.repeat(50) },
};

const rows = Object.entries(values).flatMap(([what, value]) =>
  ['encode', 'decode'].map((operation) => ({ what, operation, ...compare(value, operation) })),
);
console.log(process.version);
console.table(rows);

function compare(value, operation) {
  const calls = Object.entries(codecs).map(([name, codec]) => {
    const input = operation === 'encode' ? value : codec.encode(value);
    return { name, times: [], call: () => codec[operation](input) };
  });
  const count = Math.ceil(NANOSECONDS_A_TURN / Math.max(50, timeOf(calls[0].call, 1000)));
  for (let round = 0; round < ROUNDS; round += 1) {
    for (let turn = 0; turn < calls.length; turn += 1) {
      const { times, call } = calls[(turn + round) % calls.length];
      times.push(timeOf(call, count));
    }
  }
  return Object.fromEntries(calls.map(({ name, times }) => [name, Math.round(median(times))]));
}

function timeOf(call, count) {
  const start = process.hrtime.bigint();
  for (let index = 0; index < count; index += 1) call();
  return Number(process.hrtime.bigint() - start) / count;
}

function median(times) {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)];
}
