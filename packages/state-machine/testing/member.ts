// What a member is to the state machine: a log in front of it, a store of records behind it.
import { type CommandHeader, commandVersion, encodeCommand, encodeOperation, type Operation } from '@conclave/protocol';
import type { Applied } from '../src/apply/apply.ts';
import type { Change } from '../src/checkpoint/ledger.ts';
import { StateLoader, type StateRecord } from '../src/checkpoint/load.ts';
import type { ValueSource } from '../src/keys/values.ts';
import { type Checkpoint, StateMachine } from '../src/state-machine.ts';
import { hex } from './plain.ts';

/** The state store: records in the order of their keys. */
export class Store implements ValueSource {
  readonly records: Map<string, StateRecord> = new Map();
  reads = 0;

  read(key: Uint8Array): Uint8Array | undefined {
    this.reads += 1;
    return this.records.get(hex(key))?.value;
  }

  write(changes: readonly Change[]): void {
    for (const { key, value } of changes) {
      if (value === null) this.records.delete(hex(key));
      else this.records.set(hex(key), { key, value });
    }
  }

  sorted(): StateRecord[] {
    return [...this.records.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, record]) => record);
  }

  copy(): Store {
    const copy = new Store();
    for (const [key, record] of this.records) copy.records.set(key, record);
    return copy;
  }
}

export interface LogEntry {
  readonly term: number;
  readonly command: Uint8Array | null;
}

export type Header = Partial<Omit<CommandHeader, 'version'>>;

export function command(operation: Operation | Uint8Array, header: Header = {}): Uint8Array {
  const full: CommandHeader = {
    version: commandVersion,
    clusterTimeMs: 0,
    wallTimeMs: 0,
    identity: { by: 'none' },
    author: null,
    reason: null,
    ...header,
  };
  return encodeCommand(full, operation instanceof Uint8Array ? operation : encodeOperation(operation));
}

export class Member {
  store: Store = new Store();
  machine: StateMachine = new StateMachine({ values: this.store });
  /** The last checkpoint that is durable. */
  saved: Checkpoint | null = null;
  term = 1;
  #inFlight: Checkpoint | null = null;

  apply({ term, command: data }: LogEntry): Applied {
    return this.machine.apply(this.machine.applied.index + 1, term, data);
  }

  do(operation: Operation | Uint8Array, header: Header = {}): Applied {
    return this.apply({ term: this.term, command: command(operation, header) });
  }

  /** Taken, and on its way to the disk. */
  beginCheckpoint(): void {
    this.finishCheckpoint();
    this.#inFlight = this.machine.takeCheckpoint();
  }

  finishCheckpoint(): void {
    const taken = this.#inFlight;
    if (taken === null) return;
    this.#inFlight = null;
    this.store.write(taken.changes);
    this.machine.checkpointDurable(taken.token);
    this.saved = taken;
  }

  checkpoint(): Checkpoint {
    this.beginCheckpoint();
    this.finishCheckpoint();
    return this.saved!;
  }

  /** What a crash leaves: the records of the last durable checkpoint. Answers the index from which the log is replayed. */
  restart(batch = 7): number {
    const { saved } = this;
    this.#inFlight = null;
    if (saved === null) {
      this.machine = new StateMachine({ values: this.store });
      return 0;
    }
    const loader = new StateLoader({ values: this.store, applied: saved.applied, digest: saved.digest });
    const records = this.store.sorted();
    for (let at = 0; at < records.length; at += batch) loader.add(records.slice(at, at + batch));
    this.machine = loader.finish();
    return saved.applied.index;
  }
}
