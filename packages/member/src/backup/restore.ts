import type { Configuration, LogPosition } from '@conclave/core';
import { StateLoader, type StateMachine } from '@conclave/state-machine';
import type { SnapshotHead, StateChange, StateRecord, StateStore } from '@conclave/storage';
import { loadState } from '../boot.ts';
import { decodeDigest } from '../checkpointer.ts';
import { writeState } from './replay.ts';

type Batches = AsyncIterable<readonly StateRecord[]>;

/** Reads a snapshot through, and its digest must be right. Keeps no value: the state can be described, and not be read from. */
export async function verifySnapshot({ digest, meta }: SnapshotHead, records: Batches): Promise<StateMachine> {
  const values = { read: () => undefined };
  const loader = new StateLoader({ values, applied: meta.position, digest: decodeDigest(digest) });
  for await (const batch of records) loader.add(batch);
  return loader.finish();
}

/** Records that one checkpoint deletes. */
const sweptAtOnce = 10_000;

export interface Restored {
  readonly head: SnapshotHead;
  readonly records: Batches;
  /** More than that of the snapshot. */
  readonly incarnation: number;
  /** The founders of the new cluster. */
  readonly configuration: Configuration;
}

/**
 * Fills an empty state with a snapshot and makes a new cluster's out of it. Everything in it follows from the snapshot and the founders: whoever
 * restores the same gets the same state, byte for byte, so that members which were restored apart agree.
 */
export async function restoreState(
  state: StateStore,
  { configuration, head, incarnation, records }: Restored,
): Promise<StateMachine> {
  const { digest, meta } = head;
  const position: LogPosition = meta.position;
  for await (const batch of records) {
    const changes: readonly StateChange[] = batch;
    await state.checkpoint({ position, configuration, digest, changes });
  }
  const machine = await loadState({ state });
  machine.reincarnate(head.savedAtMs, incarnation);
  await writeState(state, machine, configuration);
  // Nobody can read or watch from before the restore: what only history would need goes now.
  while (!machine.sweep(sweptAtOnce).done) await writeState(state, machine, configuration);
  await writeState(state, machine, configuration);
  return machine;
}
