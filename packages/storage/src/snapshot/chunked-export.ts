import { maxSnapshotChunkBytes } from '../bounds.ts';
import { Lane } from '../lane.ts';
import type { SnapshotExport, StateRecord } from '../storage.ts';
import { assertUse, StorageError } from '../storage-error.ts';
import { ChunkKind, type Crc32, chunkHeaderBytes, sealChunk, viewOf } from './chunk.ts';
import { encodeHead, encodeTrailer, type SnapshotHead, type SnapshotTrailer } from './head.ts';

/** Where records come from: one consistent view of a state. */
export interface RecordSource {
  /** Some of the records at or behind a key, in order, at least one unless there is none. */
  read(from: Uint8Array): Promise<readonly StateRecord[]>;
  release(): Promise<void>;
}

/** Where a chunk begins. Everything in it follows from this and the view, so that it can be made again. */
interface Mark {
  /** Of the chunk before. */
  readonly crc: number;
  /** The next record is the first at or behind this key. */
  readonly from: Uint8Array;
  /** Bytes of its value that chunks before hold. */
  readonly sent: number;
  /** In chunks before, whole or begun. */
  readonly passed: SnapshotTrailer;
}

/** Behind the header: how many bytes of the chunk before's last value stand first. */
const restBytes = 4;
const recordHeaderBytes = 8;
const firstRecordOffset: number = chunkHeaderBytes + restBytes;
const start: Uint8Array = new Uint8Array(0);

/**
 * Chunks out of records. The payload of a chunk of records: `rest u32`, so many bytes that end or continue the last value of the chunk
 * before; then records `{ key length u32, value length u32, key, value }`, of which the last may be cut inside its value. Only a record that
 * is larger than a chunk is cut.
 */
export class ChunkedExport implements SnapshotExport {
  readonly meta: SnapshotHead['meta'];
  readonly #head: SnapshotHead;
  readonly #source: RecordSource;
  readonly #crc32: Crc32;
  readonly #released: () => void;
  readonly #lane = new Lane();
  /** One for each chunk that was made, and for the next one. */
  readonly #marks: Mark[] = [{ crc: 0, from: start, sent: 0, passed: { records: 0, bytes: 0 } }];
  /** The trailer's number, once it is known. */
  #last: number | null = null;
  /** Read, and not sent: the records at or behind `from`. */
  #ahead: { readonly from: Uint8Array; readonly records: readonly StateRecord[] } | null = null;
  #open = true;

  constructor(head: SnapshotHead, source: RecordSource, crc32: Crc32, released: () => void) {
    this.meta = head.meta;
    this.#head = head;
    this.#source = source;
    this.#crc32 = crc32;
    this.#released = released;
  }

  async *chunks(from = 0): AsyncGenerator<Uint8Array, void, void> {
    assertUse(
      from >= 0 && from < this.#marks.length,
      `chunk ${from} of which only ${this.#marks.length - 1} were made`,
    );
    for (let number = from; this.#last === null || number <= this.#last; number++) {
      yield await this.#lane.run(async () => this.#make(number));
    }
  }

  async release(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    this.#ahead = null;
    this.#released();
    await this.#lane.idle();
    await this.#source.release();
  }

  async #make(number: number): Promise<Uint8Array> {
    if (!this.#open) throw new StorageError('closed', 'The export of this snapshot was released');
    const mark = this.#marks[number]!;
    const made = number === 0 ? this.#headChunk(mark) : ((await this.#recordsChunk(mark)) ?? this.#trailerChunk(mark));
    const crc = sealChunk(made.frame, made.kind, number, mark.crc, this.#crc32);
    if (made.kind === ChunkKind.Trailer) this.#last = number;
    else this.#marks[number + 1] ??= { ...made.next, crc };
    return made.frame;
  }

  #headChunk(mark: Mark): Made {
    return { kind: ChunkKind.Head, frame: encodeHead(this.#head), next: mark };
  }

  #trailerChunk(mark: Mark): Made {
    return { kind: ChunkKind.Trailer, frame: encodeTrailer(mark.passed), next: mark };
  }

  /** Null when there is no record left. */
  async #recordsChunk({ from, sent, passed }: Mark): Promise<Made | null> {
    const chunk = new RecordsChunk();
    let { records, bytes } = passed;
    let next = from;
    let begun = sent;
    for (;;) {
      const batch = await this.#read(next);
      if (batch.length === 0) return chunk.empty ? null : chunkOf(chunk, { from: next, sent: 0, records, bytes });
      for (const [at, { key, value }] of batch.entries()) {
        const reached = chunk.add(key, value, begun);
        // Counted where it begins.
        if (reached !== null && begun === 0) {
          records++;
          bytes += key.length + value.length;
        }
        if (reached === value.length) {
          begun = 0;
          continue;
        }
        if (reached !== null) next = key;
        else if (at > 0) next = behind(batch[at - 1]!.key);
        this.#ahead = { from: next, records: at === 0 ? batch : batch.slice(at) };
        return chunkOf(chunk, { from: next, sent: reached ?? begun, records, bytes });
      }
      next = behind(batch.at(-1)!.key);
    }
  }

  async #read(from: Uint8Array): Promise<readonly StateRecord[]> {
    const ahead = this.#ahead;
    this.#ahead = null;
    return ahead !== null && ahead.from === from ? ahead.records : this.#source.read(from);
  }
}

interface Next extends SnapshotTrailer {
  readonly from: Uint8Array;
  readonly sent: number;
}

/** A chunk before its header is filled in, and where the next one begins. */
interface Made {
  readonly kind: ChunkKind;
  readonly frame: Uint8Array;
  readonly next: Omit<Mark, 'crc'>;
}

function chunkOf(chunk: RecordsChunk, { from, sent, records, bytes }: Next): Made {
  return { kind: ChunkKind.Records, frame: chunk.frame, next: { from, sent, passed: { records, bytes } } };
}

/** The first key behind this one. */
function behind(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return next;
}

class RecordsChunk {
  readonly #bytes: Uint8Array = new Uint8Array(maxSnapshotChunkBytes);
  readonly #view: DataView = viewOf(this.#bytes);
  #at = firstRecordOffset;

  get empty(): boolean {
    return this.#at === firstRecordOffset;
  }

  get frame(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }

  /** Returns how far into the value the chunks reach now; null when nothing of the record fits. `sent`: how far they did before. */
  add(key: Uint8Array, value: Uint8Array, sent: number): number | null {
    const room = this.#bytes.length - this.#at;
    if (sent > 0) {
      const rest = Math.min(room, value.length - sent);
      this.#view.setUint32(chunkHeaderBytes, rest);
      this.#put(value.subarray(sent, sent + rest));
      return sent + rest;
    }
    const headBytes = recordHeaderBytes + key.length;
    const whole = headBytes + value.length;
    const tooLarge = whole > this.#bytes.length - firstRecordOffset;
    if (whole > room && (!tooLarge || headBytes >= room)) return null;
    this.#view.setUint32(this.#at, key.length);
    this.#view.setUint32(this.#at + 4, value.length);
    this.#at += recordHeaderBytes;
    this.#put(key);
    const part = Math.min(value.length, this.#bytes.length - this.#at);
    this.#put(value.subarray(0, part));
    return part;
  }

  #put(bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }
}
