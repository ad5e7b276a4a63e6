/**
 * An argument of a command that says nothing of itself. Tracing tools write arguments as text into spans: ioredis's own
 * tracing channel and OpenTelemetry's instrumentation take all those of EVALSHA for harmless, session values included. ioredis
 * sends a Buffer as its bytes, so only they reach Redis; whoever makes text of this one gets `?`.
 */
export function opaque(value: Uint8Array | string): Buffer {
  const bytes =
    typeof value === 'string'
      ? Buffer.from(value)
      : // A view of its own over the same memory: what the caller holds stays as it is.
        Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return Object.defineProperties(bytes, CONCEALED);
}

const conceal = { value: () => '?' };
const CONCEALED: PropertyDescriptorMap = {
  toString: conceal,
  toJSON: conceal,
  [Symbol.for('nodejs.util.inspect.custom')]: conceal,
};
