// The formats of this package are big-endian throughout: keys must sort as numbers do, and one order is easier to remember.

const wordSize = 2 ** 32;

/** Writes fields one behind the other into a buffer of known size. Overrunning it is a defect and throws. */
export class FieldWriter {
  readonly buffer: Buffer;
  #at = 0;

  constructor(bytes: number) {
    this.buffer = Buffer.allocUnsafe(bytes);
  }

  get offset(): number {
    return this.#at;
  }

  u8(value: number): this {
    this.#at = this.buffer.writeUInt8(value, this.#at);
    return this;
  }

  u16(value: number): this {
    this.#at = this.buffer.writeUInt16BE(value, this.#at);
    return this;
  }

  u32(value: number): this {
    this.#at = this.buffer.writeUInt32BE(value, this.#at);
    return this;
  }

  /** A safe integer: terms and indices are numbers, not BigInt (DESIGN §4). */
  u64(value: number): this {
    if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${value} is not an unsigned safe integer`);
    return this.u32(Math.floor(value / wordSize)).u32(value % wordSize);
  }

  bytes(value: Uint8Array): this {
    this.buffer.set(value, this.#at);
    this.#at += value.length;
    return this;
  }
}

/** Reads fields one behind the other. A field that reaches beyond the end throws a RangeError, which a decoder takes as damage. */
export class FieldReader {
  readonly #buffer: Buffer;
  #at: number;

  constructor(bytes: Uint8Array, at = 0) {
    this.#buffer = asBuffer(bytes);
    this.#at = at;
  }

  get offset(): number {
    return this.#at;
  }

  get left(): number {
    return this.#buffer.length - this.#at;
  }

  u8(): number {
    return this.#buffer.readUInt8(this.#advance(1));
  }

  u16(): number {
    return this.#buffer.readUInt16BE(this.#advance(2));
  }

  u32(): number {
    return this.#buffer.readUInt32BE(this.#advance(4));
  }

  u64(): number {
    const at = this.#advance(8);
    const value = this.#buffer.readUInt32BE(at) * wordSize + this.#buffer.readUInt32BE(at + 4);
    if (!Number.isSafeInteger(value)) throw new RangeError('a number beyond the safe integers');
    return value;
  }

  /** A view, not a copy. */
  bytes(length: number): Buffer {
    const at = this.#advance(length);
    return this.#buffer.subarray(at, at + length);
  }

  #advance(length: number): number {
    const at = this.#at;
    if (length > this.#buffer.length - at) throw new RangeError('a field reaches beyond the end');
    this.#at = at + length;
    return at;
  }
}

/** The same memory under Node's methods. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
