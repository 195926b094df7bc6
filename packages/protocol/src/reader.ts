// Reads MessagePack as the schema walks over it: no tree in between, no scan before. Foreign bytes decide nothing here but the values that the
// schema asks for: how deep and how many, the schema says; a length is believed only as far as there are bytes; maps, floats and extensions
// (with which a general decoder lets the sender define records, dates and shared references) are not part of this protocol, and refused.
import { plain } from './plain.ts';
import { SchemaViolation } from './schema/type.ts';

const nothing = new Uint8Array(0);
const maxSafeHigh = 0x1f_ffff;
const wordSize = 0x1_0000_0000;
/** A text of so many bytes is made one character at a time, if it is ASCII: a decoder costs more than that. */
const maxShortText = 24;

/** Of Node and of browsers; the types of both would bring in everything else that they have. */
declare const TextDecoder: new (
  label: 'utf-8',
  options: { fatal: true; ignoreBOM: true },
) => { decode(bytes: Uint8Array): string };

/** Refuses what is no UTF-8; the mark of the byte order in front is left where it is, for the schema to refuse. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** What a token begins, as a complaint names it. */
function kindOfToken(token: number): string {
  if (isIntegerToken(token)) return 'number';
  if (token < 0x90 || token >= 0xde) return 'a map';
  if (token < 0xa0 || token >= 0xdc) return 'an array';
  if (token < 0xc0 || token >= 0xd9) return 'string';
  if (token === 0xc0) return 'null';
  if (token === 0xc1) return 'the unused byte 0xc1';
  if (token < 0xc4) return 'boolean';
  if (token < 0xc7) return 'bytes';
  return token === 0xca || token === 0xcb ? 'a floating-point number' : 'an extension';
}

function isIntegerToken(token: number): boolean {
  return token < 0x80 || token >= 0xe0 || (token >= 0xcc && token <= 0xd3);
}

/** Throws `SchemaViolation` for whatever is not what it was asked for. */
export class Reader {
  #bytes: Uint8Array = nothing;
  #at = 0;
  #end = 0;

  /** From the first byte up to `end`. */
  begin(bytes: Uint8Array, end: number = bytes.length): this {
    this.#bytes = plain(bytes);
    this.#at = 0;
    this.#end = Math.min(end, bytes.length);
    return this;
  }

  /** Bytes walked over since `begin`. */
  get offset(): number {
    return this.#at;
  }

  /** Nothing may follow. */
  finish(): void {
    const left = this.#end - this.#at;
    if (left > 0) throw new SchemaViolation(`${left} bytes behind the value`);
  }

  /** Whether null comes next, which is walked over then. */
  isNull(): boolean {
    if (this.#peek() !== 0xc0) return false;
    this.#at++;
    return true;
  }

  null(where: string): void {
    if (!this.isNull()) throw this.#unwanted(where);
  }

  boolean(): boolean {
    const token = this.#peek();
    if (token !== 0xc2 && token !== 0xc3) throw this.#unwanted('where a boolean belongs');
    this.#at++;
    return token === 0xc3;
  }

  /** Safe, and negative only for who sends something that no field takes. */
  integer(where = 'where an integer belongs'): number {
    const token = this.#peek();
    if (token < 0x80) {
      this.#at++;
      return token;
    }
    if (token >= 0xe0) {
      this.#at++;
      return token - 0x100;
    }
    if (token < 0xcc || token > 0xd3) throw this.#unwanted(where);
    this.#at++;
    const width = 1 << (token & 3);
    const value = width === 8 ? this.#long() : this.#number(width);
    // A 64-bit integer below zero is beyond the safe ones already.
    const isNegative = token >= 0xd0 && width < 8 && value >= 2 ** (8 * width - 1);
    return isNegative ? value - 2 ** (8 * width) : value;
  }

  /** Whether an integer comes next. */
  get isInteger(): boolean {
    return isIntegerToken(this.#peek());
  }

  /** How many elements follow. Each takes a byte at least, so that what is announced and not there is refused before anything is made of it. */
  array(where = 'where an array belongs'): number {
    const token = this.#peek();
    if (token < 0x90 || (token >= 0xa0 && token !== 0xdc && token !== 0xdd)) throw this.#unwanted(where);
    this.#at++;
    const count = token < 0xa0 ? token & 0x0f : this.#number(token === 0xdc ? 2 : 4);
    const left = this.#end - this.#at;
    if (count > left) throw new SchemaViolation(`${count} elements announced, ${left} bytes left`);
    return count;
  }

  /** A view. */
  bytes(): Uint8Array {
    const token = this.#peek();
    if (token < 0xc4 || token > 0xc6) throw this.#unwanted('where bytes belong');
    this.#at++;
    const start = this.#skip(this.#number(1 << (token - 0xc4)));
    return this.#bytes.subarray(start, this.#at);
  }

  /** `check` is told its length in bytes before it is made. */
  text(check: (length: number) => void): string {
    const token = this.#peek();
    const isShort = token >= 0xa0 && token < 0xc0;
    if (!isShort && (token < 0xd9 || token > 0xdb)) throw this.#unwanted('where a text belongs');
    this.#at++;
    const length = isShort ? token & 0x1f : this.#number(1 << (token - 0xd9));
    const start = this.#skip(length);
    check(length);
    return (length <= maxShortText ? this.#ascii(start) : null) ?? this.#decoded(start);
  }

  /** Null: it is not. */
  #ascii(start: number): string | null {
    let text = '';
    for (let at = start; at < this.#at; at++) {
      const unit = this.#bytes[at]!;
      if (unit >= 0x80) return null;
      text += String.fromCharCode(unit);
    }
    return text;
  }

  #decoded(start: number): string {
    try {
      return utf8.decode(this.#bytes.subarray(start, this.#at));
    } catch {
      throw new SchemaViolation('a text that is no UTF-8');
    }
  }

  #skip(length: number): number {
    const start = this.#at;
    const left = this.#end - start;
    if (length > left) throw new SchemaViolation(`${length} bytes announced, ${left} left`);
    this.#at = start + length;
    return start;
  }

  #long(): number {
    const high = this.#number(4);
    const low = this.#number(4);
    if (high > maxSafeHigh) throw new SchemaViolation(`an integer beyond the safe ones, ${Number.MAX_SAFE_INTEGER}`);
    return high * wordSize + low;
  }

  #number(width: number): number {
    if (width > this.#end - this.#at) throw new SchemaViolation('bytes end inside a value');
    let value = 0;
    for (let left = width; left > 0; left--) value = value * 0x100 + this.#bytes[this.#at++]!;
    return value;
  }

  #peek(): number {
    if (this.#at >= this.#end) throw new SchemaViolation('bytes end where a value was expected');
    return this.#bytes[this.#at]!;
  }

  #unwanted(where: string): SchemaViolation {
    return new SchemaViolation(`${kindOfToken(this.#peek())} ${where}`);
  }
}
