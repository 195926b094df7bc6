import { DamagedStateError } from '../damage.ts';
import { latin1Of } from '../keys/key-bytes.ts';
import { hashInto, type Lanes } from './hash.ts';
import { sealBytes } from './record-writer.ts';

const high32 = 0x1_0000_0000;

/** Takes one record apart. Whatever does not fit is damage. */
export class RecordReader {
  readonly key: Uint8Array;
  /** The seal that was found, and was right. */
  readonly lanes: Lanes = { high: 0, low: 0 };
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #at = 0;

  /** Verifies the seal first: nothing is read out of a damaged record. */
  constructor(key: Uint8Array, bytes: Uint8Array) {
    this.key = key;
    this.#bytes = bytes;
    this.#end = bytes.length - sealBytes;
    if (this.#end < 1) this.#damaged('shorter than a seal');
    hashInto(this.lanes, key, 0, key.length);
    hashInto(this.lanes, bytes, 0, this.#end);
    const high = read32(bytes, this.#end) | 0;
    const low = read32(bytes, this.#end + 4) | 0;
    if (high !== this.lanes.high || low !== this.lanes.low) this.#damaged('its seal does not match');
  }

  u8(): number {
    return this.#bytes[this.#advance(1)]!;
  }

  u16(): number {
    return this.u8() * 256 + this.u8();
  }

  u32(): number {
    return read32(this.#bytes, this.#advance(4));
  }

  u64(): number {
    const at = this.#advance(8);
    const value = read32(this.#bytes, at) * high32 + read32(this.#bytes, at + 4);
    if (!Number.isSafeInteger(value)) this.#damaged('a counter beyond 2^53');
    return value;
  }

  /** A view of the record. */
  blob(): Uint8Array {
    const length = this.u32();
    const at = this.#advance(length);
    return this.#bytes.subarray(at, at + length);
  }

  latin1(): string {
    return latin1Of(this.blob());
  }

  text(): string {
    const length = this.u16();
    let text = '';
    for (let i = 0; i < length; i++) text += String.fromCharCode(this.u16());
    return text;
  }

  nullableText(): string | null {
    return this.u8() === 0 ? null : this.text();
  }

  nullableBlob(): Uint8Array | null {
    return this.u8() === 0 ? null : this.blob();
  }

  expect(condition: boolean, problem: string): asserts condition {
    if (!condition) this.#damaged(problem);
  }

  /** To be called behind the last field. */
  end(): void {
    if (this.#at !== this.#end) this.#damaged(`${this.#end - this.#at} bytes too many`);
  }

  #advance(bytes: number): number {
    const at = this.#at;
    if (at + bytes > this.#end) this.#damaged('ends too early');
    this.#at = at + bytes;
    return at;
  }

  #damaged(problem: string): never {
    throw new DamagedStateError(`record ${hex(this.key)}: ${problem}`);
  }
}

function read32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
