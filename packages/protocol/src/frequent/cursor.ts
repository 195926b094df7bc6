import { plain } from '../plain.ts';

/** Author and reason are short, and the same from one command to the next. Longer texts are read by the tables. */
const maxTextBytes = 64;

const maxSafeHigh = 0x1f_ffff;
const wordSize = 0x1_0000_0000;
const nothing = new Uint8Array(0);
/** No value begins with it. */
const unused = 0xc1;

/**
 * Walks over bytes that are expected to have one certain shape, and makes its values as it goes: no table in between. It refuses nothing and
 * explains nothing: at the first surprise it has failed, what it returns from then on means nothing, and the general way (`Reader`, by the
 * tables) reads the same bytes anew. So whatever it accepts, that way must accept too, with the same values.
 */
export class Cursor {
  #bytes: Uint8Array = nothing;
  #at = 0;
  #end = 0;
  #failed = true;
  #text = '';

  /** From the first byte up to `end`. */
  begin(bytes: Uint8Array, end: number): this {
    this.#bytes = plain(bytes);
    this.#at = 0;
    this.#end = Math.min(end, bytes.length);
    this.#failed = false;
    return this;
  }

  get failed(): boolean {
    return this.#failed;
  }

  /** Everything was as expected, down to the last byte. */
  get isComplete(): boolean {
    return !this.#failed && this.#at === this.#end;
  }

  /** What was not walked over, beyond `end` as well. */
  rest(): Uint8Array {
    return this.#bytes.subarray(this.#at);
  }

  fail(): void {
    this.#failed = true;
  }

  nil(): void {
    if (this.#token() !== 0xc0) this.#failed = true;
  }

  boolean(): boolean {
    const token = this.#token();
    if (token !== 0xc2 && token !== 0xc3) this.#failed = true;
    return token === 0xc3;
  }

  integer(min: number, max: number = Number.MAX_SAFE_INTEGER): number {
    return this.#integer(this.#token(), min, max);
  }

  nullableInteger(min: number, max: number = Number.MAX_SAFE_INTEGER): number | null {
    const token = this.#token();
    return token === 0xc0 ? null : this.#integer(token, min, max);
  }

  /** An array of so many elements, at most 15. */
  array(count: number): void {
    if (this.#token() !== (0x90 | count)) this.#failed = true;
  }

  /** Number of elements of an array, at most `max`; 0 once it has failed. */
  list(max: number): number {
    const token = this.#token();
    const count = token >= 0x90 && token < 0xa0 ? token & 0x0f : token === 0xdc ? this.#number(2) : max + 1;
    if (count > max) this.#failed = true;
    return this.#failed ? 0 : count;
  }

  /** A view. */
  bytes(min: number, max: number): Uint8Array {
    return this.#binary(this.#token(), min, max);
  }

  nullableBytes(min: number, max: number): Uint8Array | null {
    const token = this.#token();
    return token === 0xc0 ? null : this.#binary(token, min, max);
  }

  /** Of ASCII, and short. One that was read the last time is not made anew. */
  nullableText(maxBytes: number): string | null {
    const token = this.#token();
    if (token === 0xc0) return null;
    const length = token >= 0xa0 && token < 0xc0 ? token & 0x1f : token === 0xd9 ? this.#number(1) : maxTextBytes + 1;
    if (length > maxBytes || length > maxTextBytes || !this.#has(length)) {
      this.#failed = true;
      return null;
    }
    const start = this.#at;
    this.#at += length;
    if (!this.#isKnown(start, length)) this.#text = this.#ascii(start, length);
    return this.#text;
  }

  #isKnown(start: number, length: number): boolean {
    if (this.#text.length !== length) return false;
    for (let i = 0; i < length; i++) if (this.#text.charCodeAt(i) !== this.#bytes[start + i]) return false;
    return true;
  }

  #ascii(start: number, length: number): string {
    let text = '';
    for (let i = 0; i < length; i++) {
      const unit = this.#bytes[start + i]!;
      if (unit >= 0x80) this.#failed = true;
      text += String.fromCharCode(unit);
    }
    // Two bytes above 0x7f are one character, or none: never to be found again as what they are not.
    return this.#failed ? '' : text;
  }

  #binary(token: number, min: number, max: number): Uint8Array {
    const length =
      token === 0xc4 ? this.#number(1) : token === 0xc5 ? this.#number(2) : token === 0xc6 ? this.#number(4) : max + 1;
    if (length < min || length > max || !this.#has(length)) {
      this.#failed = true;
      return nothing;
    }
    const start = this.#at;
    this.#at += length;
    return this.#bytes.subarray(start, this.#at);
  }

  #integer(token: number, min: number, max: number): number {
    const value = token < 0x80 ? token : this.#longInteger(token);
    if (!(value >= min && value <= max)) this.#failed = true;
    return value;
  }

  /** -1, which no field allows, when it is none. */
  #longInteger(token: number): number {
    switch (token) {
      case 0xcc:
        return this.#number(1);
      case 0xcd:
        return this.#number(2);
      case 0xce:
        return this.#number(4);
      case 0xcf:
      case 0xd3: {
        const high = this.#number(4);
        const low = this.#number(4);
        return high > maxSafeHigh ? -1 : high * wordSize + low;
      }
      default:
        return -1;
    }
  }

  #number(width: 1 | 2 | 4): number {
    if (!this.#has(width)) {
      this.#failed = true;
      return 0;
    }
    const bytes = this.#bytes;
    let at = this.#at;
    let value = bytes[at++]!;
    for (let left = width - 1; left > 0; left--) value = value * 0x100 + bytes[at++]!;
    this.#at = at;
    return value;
  }

  #has(length: number): boolean {
    return length <= this.#end - this.#at;
  }

  #token(): number {
    if (this.#at >= this.#end) {
      this.#failed = true;
      return unused;
    }
    return this.#bytes[this.#at++]!;
  }
}

/** Nothing that is read with it nests, so one is enough. */
export const cursor: Cursor = new Cursor();
