import type { Index, Millis } from '@conclave/core';
import { ProtocolError } from '@conclave/protocol';
import type { StateMachine } from '@conclave/state-machine';
import type { SnapshotExport, SnapshotStore } from '@conclave/storage';
import type { Barrier } from '../barrier.ts';
import type { Checkpointer } from '../checkpointer.ts';
import { asError } from '../defect.ts';
import type { Cancel, Clock, Timers } from '../environment.ts';
import { bounds } from '../settings.ts';

/** A backup that a client reads. */
interface Backup {
  /** The connection. */
  readonly reader: object;
  export: SnapshotExport | null;
  chunks: AsyncIterator<Uint8Array> | null;
  /** The chunk that is due. */
  next: number;
  isReading: boolean;
  /** Not before then: other work of the member comes first. */
  chunkAtMs: Millis;
  patience: Cancel | null;
}

/**
 * Backups of a running cluster, through any of its members: one at a time, read by a client chunk by chunk. A backup holds everything that was
 * acknowledged to anybody before it was asked for.
 */
export class Backups {
  readonly #snapshots: () => SnapshotStore;
  readonly #machine: StateMachine;
  readonly #barrier: Pick<Barrier, 'wait'>;
  readonly #checkpointer: Pick<Checkpointer, 'cover'>;
  readonly #clock: Clock;
  readonly #timers: Timers;
  #backup: Backup | null = null;

  constructor(
    snapshots: () => SnapshotStore,
    machine: StateMachine,
    barrier: Pick<Barrier, 'wait'>,
    checkpointer: Pick<Checkpointer, 'cover'>,
    { clock, timers }: { readonly clock: Clock; readonly timers: Timers },
  ) {
    this.#snapshots = snapshots;
    this.#machine = machine;
    this.#barrier = barrier;
    this.#checkpointer = checkpointer;
    this.#clock = clock;
    this.#timers = timers;
  }

  /** Chunk `chunk`, or null behind the last. The first one begins a backup. Rejects with ProtocolError. */
  async read(reader: object, chunk: number): Promise<Uint8Array | null> {
    const backup = chunk === 0 ? this.#take(reader) : this.#backup;
    if (backup === null || backup.reader !== reader || backup.next !== chunk || backup.isReading) {
      const message = `chunk ${chunk} is not the next one of a backup that is under way on this connection`;
      throw new ProtocolError('INVALID_ARGUMENT', message);
    }
    backup.isReading = true;
    backup.patience?.();
    try {
      return await this.#next(backup);
    } catch (error) {
      this.#end(backup);
      throw asRefusal(error);
    } finally {
      backup.isReading = false;
    }
  }

  /** The connection is gone. */
  gone(reader: object): void {
    if (this.#backup?.reader === reader) this.#end(this.#backup);
  }

  stop(): void {
    if (this.#backup !== null) this.#end(this.#backup);
  }

  #take(reader: object): Backup {
    const { isReading = false, reader: other = reader } = this.#backup ?? {};
    if (other !== reader || isReading) {
      throw new ProtocolError('OVERLOADED', 'a backup is being taken of this member already; the limit is 1');
    }
    this.stop();
    const waiting = { export: null, chunks: null, next: 0, isReading: false, patience: null };
    this.#backup = { reader, ...waiting, chunkAtMs: this.#clock.nowMs() };
    return this.#backup;
  }

  async #next(backup: Backup): Promise<Uint8Array | null> {
    backup.chunks ??= await this.#begin(backup);
    const waitMs = backup.chunkAtMs - this.#clock.nowMs();
    if (waitMs > 0) await new Promise<void>((resolve) => void this.#timers.after(waitMs, resolve));
    if (this.#backup !== backup) throw ended();
    backup.chunkAtMs = this.#clock.nowMs() + bounds.snapshotChunkIntervalMs;
    const { done, value } = await backup.chunks.next();
    if (this.#backup !== backup) throw ended();
    backup.next++;
    if (done === true) {
      this.#end(backup);
      return null;
    }
    backup.patience = this.#timers.after(bounds.snapshotPatienceMs, () => this.#end(backup));
    return value;
  }

  async #begin(backup: Backup): Promise<AsyncIterator<Uint8Array>> {
    const isConfirmed = await new Promise<boolean>((resolve) => this.#barrier.wait(resolve));
    if (!isConfirmed) throw new ProtocolError('UNAVAILABLE', 'leadership could not be confirmed');
    await this.#checkpointer.cover(this.#machine.applied.index as Index);
    if (this.#backup !== backup) throw ended();
    const made = await this.#snapshots().export();
    if (this.#backup !== backup) {
      await made.release();
      throw ended();
    }
    backup.export = made;
    return made.chunks()[Symbol.asyncIterator]();
  }

  #end(backup: Backup): void {
    if (this.#backup === backup) this.#backup = null;
    backup.patience?.();
    void backup.chunks?.return?.();
    // What cannot be let go is gone with the database.
    backup.export?.release().catch(() => undefined);
    backup.export = null;
  }
}

function ended(): ProtocolError {
  return new ProtocolError('UNAVAILABLE', 'the backup was given up');
}

/** Whatever became of the state under it: the backup is at an end, and the member is not. */
function asRefusal(error: unknown): ProtocolError {
  if (error instanceof ProtocolError) return error;
  const { message } = asError(error);
  const isGone = (error as { readonly code?: unknown }).code === 'closed';
  return new ProtocolError(isGone ? 'UNAVAILABLE' : 'INTERNAL', `the backup ended: ${message}`);
}
