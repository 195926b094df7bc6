import type { WatchBatch } from './batch.ts';

interface Buffered {
  readonly batch: WatchBatch;
  readonly bytes: number;
}

interface Reader {
  resolve(result: IteratorResult<WatchBatch, void>): void;
  reject(error: unknown): void;
}

/** Batches between the connection and the application. Its bound is kept by credit: what is not taken is not sent. */
export class BatchBuffer {
  #batches: Buffered[] = [];
  #readers: Reader[] = [];
  #bytes = 0;
  #end: { readonly error: unknown } | null = null;
  readonly #taken: (bytes: number) => void;

  /** `taken`: so many bytes were worked off. */
  constructor(taken: (bytes: number) => void) {
    this.#taken = taken;
  }

  get bytes(): number {
    return this.#bytes;
  }

  add(batch: WatchBatch, bytes: number): void {
    if (this.#end !== null) return;
    const reader = this.#readers.shift();
    if (reader !== undefined) {
      this.#taken(bytes);
      return reader.resolve({ done: false, value: batch });
    }
    // Of several words of progress the last one says it all.
    if (batch.type === 'progress' && this.#batches.at(-1)?.batch.type === 'progress') this.#batches.pop();
    this.#batches.push({ batch, bytes });
    this.#bytes += bytes;
  }

  async next(): Promise<IteratorResult<WatchBatch, void>> {
    const first = this.#batches.shift();
    if (first !== undefined) {
      this.#bytes -= first.bytes;
      this.#taken(first.bytes);
      return { done: false, value: first.batch };
    }
    if (this.#end === null) {
      return new Promise((resolve, reject) => {
        this.#readers.push({ resolve, reject });
      });
    }
    const { error } = this.#end;
    // Told once; whoever asks again is told that there is nothing more.
    this.#end = { error: undefined };
    if (error === undefined) return { done: true, value: undefined };
    throw error;
  }

  /** What was buffered can still be taken; then `error`, or the end. */
  finish(error: unknown): void {
    if (this.#end !== null) return;
    const [first, ...others] = this.#readers;
    this.#readers = [];
    this.#end = { error: first === undefined ? error : undefined };
    if (error === undefined) first?.resolve({ done: true, value: undefined });
    else first?.reject(error);
    for (const reader of others) reader.resolve({ done: true, value: undefined });
  }

  /** What was buffered goes: nobody wants it any more. */
  discard(): void {
    this.#batches = [];
    this.#bytes = 0;
    this.finish(undefined);
    this.#end = { error: undefined };
  }
}
