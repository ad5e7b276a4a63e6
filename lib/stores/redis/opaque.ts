/** Buffers that show nothing of what they hold to who makes text of them. */
class Opaque extends Uint8Array {
  override toString(): string {
    return '?';
  }

  toJSON(): string {
    return '?';
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '?';
  }
}
// A class cannot extend Buffer, which is a function that makes objects of a class of its own.
Object.setPrototypeOf(Opaque.prototype, Buffer.prototype as object);

/**
 * An argument of a command that says nothing of itself. Tracing tools write arguments as text into spans: ioredis's own
 * tracing channel and OpenTelemetry's instrumentation take all those of EVALSHA for harmless, session values included. ioredis
 * sends a Buffer as its bytes, so only they reach Redis; whoever makes text of this one gets `?`.
 */
export function opaque(value: Uint8Array | string): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value;
  // A view of its own over the same memory: what the caller holds stays as it is.
  return new Opaque(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength) as unknown as Buffer;
}
