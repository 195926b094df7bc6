import type { Configuration, Index, LogPosition } from '@conclave/core';
import { ProtocolError } from '@conclave/protocol';
import type { Checkpoint, CheckpointToken, Digest, StateMachine } from '@conclave/state-machine';
import type { StateStore } from '@conclave/storage';
import { asError } from './defect.ts';
import type { Cancel, Timers } from './environment.ts';
import { bounds } from './settings.ts';

const digestBytes = 12;

export function encodeDigest({ count, high, low }: Digest): Uint8Array {
  const bytes = new Uint8Array(digestBytes);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, count);
  view.setUint32(4, high);
  view.setUint32(8, low);
  return bytes;
}

export function decodeDigest(bytes: Uint8Array): Digest {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { count: view.getUint32(0), high: view.getUint32(4), low: view.getUint32(8) };
}

interface Awaited {
  readonly index: Index;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Brings the state store up to date in the background: nobody's answer waits for it, because the log remembers what it lacks. */
export class Checkpointer {
  readonly #machine: StateMachine;
  readonly #store: () => StateStore;
  readonly #timers: Timers;
  readonly #configurationAt: (index: Index) => Configuration | null;
  readonly #durable: (index: Index) => void;
  readonly #failed: (error: Error) => void;
  #bytes = 0;
  #entries = 0;
  #timer: Cancel | null = null;
  #running: Promise<void> | null = null;
  #suspended = false;
  #stopped = false;
  /** Who waits for a checkpoint that holds an entry. */
  #waiting: Awaited[] = [];

  constructor(
    machine: StateMachine,
    store: () => StateStore,
    timers: Timers,
    configurationAt: (index: Index) => Configuration | null,
    durable: (index: Index) => void,
    failed: (error: Error) => void,
  ) {
    this.#machine = machine;
    this.#store = store;
    this.#timers = timers;
    this.#configurationAt = configurationAt;
    this.#durable = durable;
    this.#failed = failed;
  }

  /** An entry was applied. */
  note(bytes: number): void {
    this.#bytes += bytes;
    this.#entries++;
  }

  /** A slice of entries was applied: the state is between two entries. */
  consider(): void {
    if (this.#entries === 0 || this.#running !== null || this.#suspended || this.#stopped) return;
    if (this.#bytes >= bounds.checkpointBytes) this.#begin();
    else
      this.#timer ??= this.#timers.after(bounds.checkpointIntervalMs, () => {
        this.#timer = null;
        const isFree = this.#running === null && !this.#suspended && !this.#stopped;
        if (isFree && this.#entries > 0) this.#begin();
      });
  }

  /** Resolves when a durable checkpoint holds entry `index`, which was applied. Rejects when the state is replaced, or this member stops. */
  async cover(index: Index): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#waiting.push({ index, resolve, reject });
      if (this.#stopped || this.#suspended) this.#disappoint();
      else this.#hurry();
    });
  }

  /** A checkpoint is durable, or somebody waits for one. */
  #hurry(): void {
    const reached = this.#store().checkpointed?.position.index ?? -1;
    const waiting = this.#waiting;
    this.#waiting = waiting.filter(({ index }) => index > reached);
    for (const { index, resolve } of waiting) if (index <= reached) resolve();
    const isFree = this.#running === null && !this.#suspended && !this.#stopped;
    if (this.#waiting.length > 0 && isFree) this.#begin();
  }

  #disappoint(): void {
    for (const { reject } of this.#waiting.splice(0)) {
      reject(new ProtocolError('UNAVAILABLE', 'this member stops, or takes its state from a snapshot'));
    }
  }

  /** Resolves when the one under way has ended; until `resume` there is no other, because the state is about to be replaced. */
  async suspend(): Promise<void> {
    this.#suspended = true;
    this.#timer?.();
    this.#timer = null;
    this.#bytes = 0;
    this.#entries = 0;
    this.#disappoint();
    await this.#running;
  }

  resume(): void {
    this.#suspended = false;
  }

  /** Waits for the one under way; begins no other. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.();
    this.#disappoint();
    await this.#running;
  }

  #begin(): void {
    this.#timer?.();
    this.#timer = null;
    this.#bytes = 0;
    this.#entries = 0;
    const configuration = this.#configurationAt(this.#machine.applied.index as Index);
    if (configuration === null) return;
    const checkpoint = this.#machine.takeCheckpoint();
    this.#running = this.#write(checkpoint, configuration).then(
      () => this.#written(checkpoint.token, checkpoint.applied.index as Index),
      (error: unknown) => this.#broken(error),
    );
  }

  #written(token: CheckpointToken, index: Index): void {
    this.#running = null;
    this.#machine.checkpointDurable(token);
    this.#durable(index);
    this.#hurry();
    this.consider();
  }

  /** As with the log: what the disk holds now is not known. */
  #broken(error: unknown): void {
    this.#running = null;
    this.#stopped = true;
    this.#disappoint();
    this.#failed(asError(error));
  }

  async #write({ applied, changes, digest }: Checkpoint, configuration: Configuration): Promise<void> {
    await this.#store().checkpoint({
      position: applied as LogPosition,
      configuration,
      digest: encodeDigest(digest),
      changes,
    });
  }
}
