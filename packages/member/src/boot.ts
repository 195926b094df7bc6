import type { BootState, Entry, Index } from '@conclave/core';
import { DamagedStateError, StateLoader, StateMachine, type ValueSource } from '@conclave/state-machine';
import type { LogStore, StateStore } from '@conclave/storage';
import { decodeDigest } from './checkpointer.ts';
import type { Store } from './environment.ts';

/** Read from the log at once while starting. */
const bootReadBytes = 8_388_608;

export interface Booted {
  readonly machine: StateMachine;
  readonly boot: BootState;
}

/** From what is on disk to a state machine and what core wants to know. Rejects when anything does not fit together. */
export async function boot(store: Store): Promise<Booted> {
  const machine = await loadState(store);
  const applied = machine.applied.index as Index;
  const { recovered } = store.log;
  if (applied < recovered.base.index) {
    throw new DamagedStateError(`the state ends at ${applied}, and the log begins behind ${recovered.base.index}`);
  }
  const entries = await readEntries(store.log, (applied + 1) as Index, recovered.tail);
  return { machine, boot: { ...recovered, applied, entries } };
}

/** A state machine as of the last checkpoint. Its values are read from whichever state the store has at the time. */
export async function loadState(store: { readonly state: StateStore }): Promise<StateMachine> {
  const values: ValueSource = { read: (key) => store.state.get(key) ?? undefined };
  const { checkpointed } = store.state;
  if (checkpointed === null) return new StateMachine({ values });
  const { digest, position } = checkpointed;
  const loader = new StateLoader({ values, applied: position, digest: decodeDigest(digest) });
  for await (const batch of store.state.scan()) loader.add(batch);
  return loader.finish();
}

async function readEntries(log: LogStore, from: Index, to: Index): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (let next = from; next <= to; next = (from + entries.length) as Index) {
    const batch = await log.read(next, to, bootReadBytes);
    if (batch.length === 0) throw new Error(`the log gave nothing at ${next}, and its tail is ${to}`);
    for (const entry of batch) entries.push(entry);
  }
  return entries;
}
