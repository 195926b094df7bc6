import { type Configuration, decodeConfiguration, EntryKind, type Index, type LogPosition } from '@conclave/core';
import type { StateMachine } from '@conclave/state-machine';
import type { StateStore, Storage } from '@conclave/storage';
import { loadState } from '../boot.ts';
import { encodeDigest } from '../checkpointer.ts';

/** Read from the log at once. */
const readBytes = 8_388_608;

/** What a member that does not run holds. */
export interface Replayed {
  readonly machine: StateMachine;
  /** In force behind the last entry. */
  readonly configuration: Configuration;
}

/**
 * The state as it is behind entry `until`: loaded from the last checkpoint, its digest verified, and the log applied to it. Rejects when
 * something does not fit together, and does nothing to the store. A checkpoint that is further along stays so.
 */
export async function replay(store: Pick<Storage, 'log' | 'state'>, until: Index): Promise<Replayed> {
  const machine = await loadState(store);
  let { configuration } = store.log.recovered;
  let next = machine.applied.index + 1;
  while (next <= until) {
    const entries = await store.log.read(next as Index, until, readBytes);
    if (entries.length === 0) throw new Error(`the log gave nothing at ${next}, and goes on to ${until}`);
    for (const { data, index, kind, term } of entries) {
      machine.apply(index, term, kind === EntryKind.Command ? data : null);
      if (kind === EntryKind.Configuration) configuration = decodeConfiguration(data).configuration;
    }
    next += entries.length;
  }
  return { machine, configuration };
}

/** Writes what `machine` has beyond the last checkpoint of the state that it was loaded from. */
export async function writeState(
  state: StateStore,
  machine: StateMachine,
  configuration: Configuration,
): Promise<void> {
  const { applied, changes, digest, token } = machine.takeCheckpoint();
  await state.checkpoint({ position: applied as LogPosition, configuration, digest: encodeDigest(digest), changes });
  machine.checkpointDurable(token);
}
