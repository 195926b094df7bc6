import { maxSnapshotChunkBytes } from '../bounds.ts';
import { FieldWriter } from '../bytes.ts';
import type { Level } from '../leveldb/open-level.ts';
import type { RecordSource } from '../snapshot/chunked-export.ts';
import type { StateRecord } from '../storage.ts';
import { endOfDataKeys, firstDataKey, keyOfData } from './keys.ts';
import { readFailed, verified } from './verified.ts';

/** How many records an iterator fetches at a time; bounded in bytes as well. */
const recordsAtOnce = 1024;

/**
 * One LevelDB snapshot. An iterator lives for one read: a consumer may stop anywhere and never come back, and an iterator that stays open
 * would keep the snapshot, and the database, from closing.
 */
export class LevelRecordSource implements RecordSource {
  readonly #level: Level;
  /** Of the values' checksums. */
  readonly #seed: number;
  readonly #snapshot: ReturnType<Level['snapshot']>;

  constructor(level: Level, seed: number) {
    this.#level = level;
    this.#seed = seed;
    this.#snapshot = level.snapshot();
  }

  async read(from: Uint8Array): Promise<readonly StateRecord[]> {
    const gte = new FieldWriter(1 + from.length).bytes(firstDataKey).bytes(from).buffer;
    const { iterator } = this.#iterate(gte);
    try {
      const batch = await iterator.nextv(recordsAtOnce);
      return batch.map(([stored, value]) => {
        const key = keyOfData(stored);
        return { key, value: verified(key, value, this.#seed) };
      });
    } catch (error) {
      return readFailed(error);
    } finally {
      await iterator.close();
    }
  }

  async release(): Promise<void> {
    await this.#snapshot.close();
  }

  #iterate(gte: Buffer) {
    try {
      const range = { gte, lt: endOfDataKeys, highWaterMarkBytes: maxSnapshotChunkBytes, fillCache: false };
      return { iterator: this.#level.iterator({ ...range, snapshot: this.#snapshot }) };
    } catch (error) {
      return readFailed(error);
    }
  }
}
