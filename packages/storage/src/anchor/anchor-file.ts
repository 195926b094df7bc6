// A second, independent memory of what this member has promised, outside LevelDB. LevelDB takes a log whose end was cut off, or
// an old copy of itself, for a healthy database (study/reliability.md §0, 4–6); the anchor knows better.
import { writeSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { anchorSyncPeriodMs } from '../bounds.ts';
import { isErrno } from '../directory/errno.ts';
import { noPledge, type Pledge } from '../pledge.ts';
import type { Identity } from '../storage.ts';
import { StorageError } from '../storage-error.ts';
import { decodeSlot, encodeSlot, type Slot, slotBytes } from './slot.ts';

/** Each slot in a physical sector of its own (4 KiB on today's disks), so that no write can tear both. */
const slotOffsets = [0, 4096] as const;
const fileBytes = 8192;
const fileMode = 0o600;

/** Makes the file, durably but for its directory entry. Overwrites what an interrupted initialisation left. */
export async function createAnchor(path: string, owner: Identity & { readonly storeUuid: string }): Promise<void> {
  const bytes = Buffer.alloc(fileBytes);
  for (const [which, offset] of slotOffsets.entries()) {
    bytes.set(encodeSlot({ ...owner, sequence: which, pledge: noPledge }), offset);
  }
  const file = await open(path, 'w', fileMode);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** One writer, one write at a time. */
export class AnchorFile {
  readonly #file: FileHandle;
  readonly #now: () => number;
  #newest: Slot;
  /** Which slot the next write goes to: never the one that was synced last, so that one good slot survives anything. */
  #target: number;
  #durable: Pledge;
  #syncedAt: number;
  #dirty = false;

  private constructor(file: FileHandle, newest: Slot, target: number, now: () => number) {
    this.#file = file;
    this.#now = now;
    this.#newest = newest;
    this.#target = target;
    this.#durable = newest.pledge;
    this.#syncedAt = now();
  }

  /** Rejects with `corrupt` when there is no file or no readable slot: then nobody knows what was promised. */
  static async open(path: string, now: () => number): Promise<AnchorFile> {
    const file = await openExisting(path);
    try {
      const slots = await Promise.all(slotOffsets.map(async (offset) => readSlot(file, offset)));
      const [first, second] = slots;
      const newest = first && second ? (first.sequence > second.sequence ? first : second) : (first ?? second);
      if (!newest) throw new StorageError('corrupt', 'Both slots of the anchor file are damaged');
      // A process that was killed may have left the newest slot in the page cache alone; the other one is about to be overwritten.
      await file.datasync();
      return new AnchorFile(file, newest, newest === first ? 1 : 0, now);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  get newest(): Slot {
    return this.#newest;
  }

  /** Whether something was written that no sync has covered yet. */
  get dirty(): boolean {
    return this.#dirty;
  }

  /**
   * Synced when term or vote changed, or when the last sync is older than the period; otherwise left to the page cache. Into that it is written
   * on this thread: half a kilobyte is copied in microseconds, while a way through the thread pool stood in every acknowledgement for
   * a tenth of its time (docs/decisions/anchor-write.md).
   */
  async write(pledge: Pledge): Promise<void> {
    const slot = { ...this.#newest, sequence: this.#newest.sequence + 1, pledge };
    const bytesWritten = writeSync(this.#file.fd, encodeSlot(slot), 0, slotBytes, slotOffsets[this.#target]);
    if (bytesWritten !== slotBytes)
      throw new Error(`only ${bytesWritten} of ${slotBytes} bytes of the anchor were written`);
    this.#newest = slot;
    this.#dirty = true;
    const promised = pledge.term !== this.#durable.term || pledge.vote !== this.#durable.vote;
    if (promised || this.#now() - this.#syncedAt >= anchorSyncPeriodMs) await this.sync();
  }

  async sync(): Promise<void> {
    if (!this.#dirty) return;
    await this.#file.datasync();
    this.#dirty = false;
    this.#durable = this.#newest.pledge;
    this.#syncedAt = this.#now();
    this.#target = 1 - this.#target;
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

async function openExisting(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r+');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) throw new StorageError('corrupt', 'The anchor file is missing', { cause: error });
    throw error;
  }
}

async function readSlot(file: FileHandle, offset: number): Promise<Slot | null> {
  const bytes = Buffer.alloc(slotBytes);
  const { bytesRead } = await file.read(bytes, 0, slotBytes, offset);
  return decodeSlot(bytes.subarray(0, bytesRead));
}
