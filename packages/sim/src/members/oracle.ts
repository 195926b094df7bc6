import { type Entry, EntryKind, type MemberId } from '@conclave/core';
import { type CommandHeader, decodeCommand, decodeOperation, type KeyEvent, type Operation } from '@conclave/protocol';
import { type Applied, type Digest, StateMachine } from '@conclave/state-machine';
import { demand } from '../violation.ts';
import type { Change } from './observer.ts';

/** One entry and what it did, seen at the moment at which the first member had applied it. */
export interface AppliedEntry {
  readonly entry: Entry;
  /** Null for an entry without a command. */
  readonly command: { readonly header: CommandHeader; readonly operation: Operation } | null;
  /** To keys, at `applied.revision`. */
  readonly changes: readonly Change[];
  readonly applied: Applied;
  readonly atMs: number;
}

/** What is not in a checkpoint stays in memory. */
const entriesPerCheckpoint = 64;
const agreement = 'members agree';

/**
 * The one history that all members must have: entries as the first member applied them, run through a state machine of its own. Every other
 * member's entries, at every start of it, must be the same bytes, and every checkpoint must have the digest that the history has there.
 */
export class Oracle {
  readonly log: Entry[] = [];
  /** Of the history's state, where it was asked for. */
  readonly #digests = new Map<number, string>();
  readonly #records = new Map<string, Uint8Array>();
  readonly #machine: StateMachine;
  readonly #listener: (applied: AppliedEntry) => void;
  /** Checkpoints of members that were judged. */
  compared = 0;

  constructor(listener: (applied: AppliedEntry) => void) {
    this.#listener = listener;
    this.#machine = new StateMachine({ values: { read: (key) => this.#records.get(textOf(key)) } });
  }

  get index(): number {
    return this.log.length;
  }

  get revision(): number {
    return this.#machine.revision;
  }

  get compacted(): number {
    return this.#machine.compacted;
  }

  /** `member` has applied `entry`. */
  witness(member: MemberId, entry: Entry, atMs: number): void {
    const known = this.log[entry.index - 1];
    if (known === undefined) return this.#apply(entry, atMs);
    const isSame = known.term === entry.term && known.kind === entry.kind && sameBytes(known.data, entry.data);
    demand(isSame, agreement, () => `entry ${entry.index} of member ${member} is not the one that was applied first`);
  }

  /**
   * `member` has a checkpoint of the state at `index`. Judged if the history is no further, as it is for whoever applied it first; and for all at
   * the end, when nobody lags.
   */
  checkpointed(member: MemberId, index: number, digest: Uint8Array): void {
    const view = new DataView(digest.buffer, digest.byteOffset, digest.byteLength);
    const theirs = describe({ count: view.getUint32(0), high: view.getUint32(4), low: view.getUint32(8) });
    if (index === this.index) this.#checkpoint();
    const ours = this.#digests.get(index);
    if (ours === undefined) return;
    this.compared++;
    demand(ours === theirs, agreement, () => `state ${index} of ${member}: ${theirs}, not ${ours}`);
  }

  /** Digests are made here and not with every entry: a key that is written often is encoded once. */
  #checkpoint(): void {
    const checkpoint = this.#machine.takeCheckpoint();
    for (const { key, value } of checkpoint.changes) {
      if (value === null) this.#records.delete(textOf(key));
      else this.#records.set(textOf(key), value.slice());
    }
    this.#machine.checkpointDurable(checkpoint.token);
    this.#digests.set(this.index, describe(checkpoint.digest));
  }

  #apply(entry: Entry, atMs: number): void {
    demand(entry.index === this.log.length + 1, agreement, () => `entry ${entry.index} behind ${this.log.length}`);
    this.log.push(entry);
    const command = entry.kind === EntryKind.Command ? entry.data : null;
    const applied = this.#machine.apply(entry.index, entry.term, command);
    if (this.index % entriesPerCheckpoint === 0) this.#checkpoint();
    const changes = applied.events?.events.map(changeOf) ?? [];
    this.#listener({ entry, command: command === null ? null : decoded(command), changes, applied, atMs });
  }
}

function decoded(command: Uint8Array): AppliedEntry['command'] {
  const { header, operation } = decodeCommand(command);
  return { header, operation: decodeOperation(operation) };
}

function changeOf(event: KeyEvent): Change {
  if (event.type === 'delete') return { key: textOf(event.key), value: null };
  return { key: textOf(event.entry.key), value: textOf(event.entry.value ?? none) };
}

const none: Uint8Array = new Uint8Array();

export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

function describe({ count, high, low }: Digest): string {
  return `${count}:${high}:${low}`;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a === b || Buffer.compare(a, b) === 0;
}
