/** Numbers are written as they are in memory elsewhere: 64-bit floats hold every safe integer exactly. Lengths are 32 bit. */
const numberBytes = 8;
const lengthBytes = 4;

const initialBytes = 1_024;
/** A buffer that one large frame made larger than this is not kept. */
const maxKeptBytes = 1_048_576;

/** Builds one frame of known fields. Grows by doubling; the finished frame is its own memory. */
export class FrameWriter {
  #bytes = new Uint8Array(initialBytes);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  number(value: number): void {
    this.#reserve(numberBytes);
    this.#view.setFloat64(this.#length, value);
    this.#length += numberBytes;
  }

  count(value: number): void {
    this.#reserve(lengthBytes);
    this.#view.setUint32(this.#length, value);
    this.#length += lengthBytes;
  }

  bytes(value: Uint8Array): void {
    this.count(value.length);
    this.#reserve(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
  }

  /** The frame so far; the writer begins anew. */
  take(): Uint8Array {
    const frame = this.#bytes.slice(0, this.#length);
    this.#length = 0;
    if (this.#bytes.length > maxKeptBytes) {
      this.#bytes = new Uint8Array(initialBytes);
      this.#view = new DataView(this.#bytes.buffer);
    }
    return frame;
  }

  #reserve(more: number): void {
    const needed = this.#length + more;
    if (needed <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }
}

/** A frame of a peer does not say what it should. The link is closed. */
export class PeerProtocolError extends Error {
  override readonly name = 'PeerProtocolError';
}

/** A number's bytes, of which a view of this is the float: a view of each frame costs more than what is read through it. */
const scratch = new Uint8Array(numberBytes);
const scratchView = new DataView(scratch.buffer);

/** Reads what FrameWriter wrote. Every length is checked against what is left before anything is made of it. */
export class FrameReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  /** A frame that comes as a Node Buffer is read as the plain array that it is: whoever takes views of it makes no Buffers. */
  constructor(bytes: Uint8Array) {
    this.#bytes =
      bytes.constructor === Uint8Array ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  byte(): number {
    const at = this.#advance(1);
    return this.#bytes[at] as number;
  }

  /** A safe integer, not negative. */
  number(): number {
    const at = this.#advance(numberBytes);
    const bytes = this.#bytes;
    for (let i = 0; i < numberBytes; i++) scratch[i] = bytes[at + i] as number;
    const value = scratchView.getFloat64(0);
    if (!Number.isSafeInteger(value) || value < 0) throw new PeerProtocolError(`${value} at ${at} is no safe integer`);
    return value;
  }

  /** How many items follow, each of at least `minItemBytes`: never more than fit into what is left. */
  count(minItemBytes: number): number {
    const at = this.#advance(lengthBytes);
    const bytes = this.#bytes;
    for (let i = 0; i < lengthBytes; i++) scratch[i] = bytes[at + i] as number;
    const value = scratchView.getUint32(0);
    if (value * minItemBytes > this.#bytes.length - this.#at) {
      throw new PeerProtocolError(`${value} items at ${at}, ${this.#bytes.length - this.#at} bytes are left`);
    }
    return value;
  }

  /** A view of the frame. */
  bytes(): Uint8Array {
    const length = this.count(1);
    const at = this.#advance(length);
    return this.#bytes.subarray(at, at + length);
  }

  #advance(by: number): number {
    const at = this.#at;
    if (at + by > this.#bytes.length)
      throw new PeerProtocolError(`frame ends at ${this.#bytes.length}, ${by} bytes wanted at ${at}`);
    this.#at = at + by;
    return at;
  }
}
