/** Reads LevelDB's varints and length-prefixed bytes. Throws a RangeError where the bytes end or make no sense. */
export class VarintCursor {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get atEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  varint(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      if (this.atEnd) throw new RangeError('a number is cut off');
      const byte = this.#bytes[this.#at++]!;
      value += (byte & 0x7f) * scale;
      if (!Number.isSafeInteger(value)) throw new RangeError('a number lies beyond the safe integers');
      if (byte < 0x80) return value;
    }
  }

  take(length: number): Buffer {
    if (length > this.#bytes.length - this.#at) throw new RangeError('bytes are cut off');
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  skip(length: number): void {
    this.take(length);
  }

  skipPrefixed(): void {
    this.skip(this.varint());
  }
}
