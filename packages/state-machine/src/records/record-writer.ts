import { hashInto, type Lanes } from './hash.ts';

const initialBytes = 4_096;
const high32 = 0x1_0000_0000;

/** Every text of the state is far shorter: the protocol's limits see to it. */
const maxTextLength = 0xffff;

/** Bytes of the seal at the end of each record. */
export const sealBytes = 8;

/**
 * A typed array of its own costs V8 a microsecond, more than building the record does. All records of a checkpoint are let go together, so
 * they may share what lies behind them; longer ones do not.
 */
const slabBytes = 65_536;
const maxSliceBytes = 4_096;

/** Builds one record at a time in a buffer that it keeps, and hands out exact copies. Integers are big-endian. */
export class RecordWriter {
  #slab: Uint8Array = new Uint8Array(slabBytes);
  #slabUsed = 0;
  #bytes: Uint8Array = new Uint8Array(initialBytes);
  #length = 0;

  begin(): this {
    this.#length = 0;
    return this;
  }

  u8(value: number): this {
    this.#room(1);
    this.#bytes[this.#length++] = value;
    return this;
  }

  u16(value: number): this {
    return this.u8(value >>> 8).u8(value);
  }

  u32(value: number): this {
    this.#room(4);
    this.#put32(value);
    return this;
  }

  /** A safe integer, not negative. */
  u64(value: number): this {
    if (!Number.isSafeInteger(value) || value < 0) throw new Error(`record: ${value} is no counter`);
    this.#room(8);
    this.#put32(Math.floor(value / high32));
    this.#put32(value >>> 0);
    return this;
  }

  /** Length as u32, then the bytes. */
  blob(value: Uint8Array): this {
    this.u32(value.length);
    this.#room(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
    return this;
  }

  /** As `blob`, of a string whose characters stand for one byte each. */
  latin1(value: string): this {
    this.u32(value.length);
    return this.rawLatin1(value);
  }

  rawLatin1(value: string): this {
    this.#room(value.length);
    const bytes = this.#bytes;
    let at = this.#length;
    for (let i = 0; i < value.length; i++) bytes[at++] = value.charCodeAt(i);
    this.#length = at;
    return this;
  }

  /** Number of UTF-16 code units as u16, then each as u16: keeps every string as it is, without an encoder. */
  text(value: string): this {
    if (value.length > maxTextLength) throw new Error(`record: a text of ${value.length} characters`);
    this.u16(value.length);
    for (let i = 0; i < value.length; i++) this.u16(value.charCodeAt(i));
    return this;
  }

  nullableText(value: string | null): this {
    return value === null ? this.u8(0) : this.u8(1).text(value);
  }

  nullableBlob(value: Uint8Array | null): this {
    return value === null ? this.u8(0) : this.u8(1).blob(value);
  }

  /** Appends the hash of `key` and all that was written, and leaves it in `lanes`. */
  seal(key: Uint8Array, lanes: Lanes): this {
    lanes.high = 0;
    lanes.low = 0;
    hashInto(lanes, key, 0, key.length);
    hashInto(lanes, this.#bytes, 0, this.#length);
    return this.u32(lanes.high).u32(lanes.low);
  }

  take(): Uint8Array {
    const written = this.#bytes.subarray(0, this.#length);
    if (written.length > maxSliceBytes) return written.slice();
    if (this.#slabUsed + written.length > slabBytes) {
      this.#slab = new Uint8Array(slabBytes);
      this.#slabUsed = 0;
    }
    const record = this.#slab.subarray(this.#slabUsed, this.#slabUsed + written.length);
    record.set(written);
    this.#slabUsed += written.length;
    return record;
  }

  #put32(value: number): void {
    const bytes = this.#bytes;
    const at = this.#length;
    bytes[at] = value >>> 24;
    bytes[at + 1] = value >>> 16;
    bytes[at + 2] = value >>> 8;
    bytes[at + 3] = value;
    this.#length = at + 4;
  }

  #room(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}
