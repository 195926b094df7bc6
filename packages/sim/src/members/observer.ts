import type { KeyValue, Operation, Result } from '@conclave/protocol';
import type { SimulatedClient } from './client.ts';
import type { MemberHost } from './host.ts';
import type { AppliedEntry, Oracle } from './oracle.ts';

/** One operation of a client, from when it was first sent to when its fate is known. */
export interface Call {
  readonly id: number;
  readonly client: SimulatedClient;
  readonly operation: Operation;
  readonly kind: 'mutation' | 'linearizable' | 'local';
  /** Of a local read. */
  readonly minRevision: number;
  /** What the call writes, if it writes a value: no other call writes the same. */
  readonly value: string | null;
  /** Largest revision that any client had been told of by an acknowledgement when it began. */
  floor: number;
}

/** What the invariants get to see. Each implements what it needs. */
export interface MemberObserver {
  readonly name: string;
  applied?(applied: AppliedEntry): void;
  called?(call: Call): void;
  /** The cluster answered. */
  answered?(call: Call, result: Result): void;
  /** The cluster said that it had no effect. */
  refused?(call: Call): void;
  /** A client believes from now on that it holds. */
  held?(client: SimulatedClient, lock: string, fence: number): void;
  watchEvents?(watch: WatchRecord, revision: number, events: readonly string[]): void;
  watchSnapshot?(watch: WatchRecord, revision: number, entries: readonly KeyValue[]): void;
  watchProgress?(watch: WatchRecord, revision: number): void;
  ended?(oracle: Oracle, hosts: readonly MemberHost[]): void;
}

/** One watcher over all its connections. */
export interface WatchRecord {
  readonly name: string;
  readonly selects: (key: string) => boolean;
  /** Every event below was delivered. */
  next: number;
}
