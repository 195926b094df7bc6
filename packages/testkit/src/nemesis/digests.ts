// Whether the state machines of all members have come to the same state: read from their directories when nobody runs any more.
import { EntryKind, type Index, type MemberId } from '@conclave/core';
import { type Digest, StateLoader, StateMachine, type ValueSource } from '@conclave/state-machine';
import { openStorage, type Storage } from '@conclave/storage';

const replayBytes = 8 * 1024 * 1024;
const digestBytes = 12;

export interface Compared {
  /** The log index at which all are compared: the furthest checkpoint of any of them. */
  readonly index: number;
  /** By member. */
  readonly digests: ReadonlyMap<number, string>;
}

/** By member: its directory. None of them may run. */
export async function compareDigests(clusterId: string, directories: ReadonlyMap<number, string>): Promise<Compared> {
  await using opened = new Opened();
  for (const [id, directory] of directories) {
    opened.stores.set(id, await openStorage({ directory, clusterId, memberId: id as MemberId }));
  }
  const checkpoints = [...opened.stores.values()].map(({ state }) => state.checkpointed?.position.index ?? 0);
  const index = Math.max(...checkpoints);
  const digests = new Map<number, string>();
  for (const [id, storage] of opened.stores) digests.set(id, await digestAt(storage, index));
  return { index, digests };
}

class Opened implements AsyncDisposable {
  readonly stores = new Map<number, Storage>();

  async [Symbol.asyncDispose](): Promise<void> {
    for (const storage of this.stores.values()) await storage.close();
  }
}

/** From its checkpoint on, its own log is replayed. */
async function digestAt(storage: Storage, index: number): Promise<string> {
  const machine = await loaded(storage);
  while (machine.applied.index < index) {
    const entries = await storage.log.read((machine.applied.index + 1) as Index, index as Index, replayBytes);
    if (entries.length === 0) return `the log ends at ${storage.log.tail}`;
    for (const { data, index: at, kind, term } of entries)
      machine.apply(at, term, kind === EntryKind.Command ? data : null);
  }
  const { count, high, low } = machine.digest();
  return `${count} records, ${high.toString(16)} ${low.toString(16)}`;
}

async function loaded({ state }: Storage): Promise<StateMachine> {
  const values: ValueSource = { read: (key) => state.get(key) ?? undefined };
  if (state.checkpointed === null) return new StateMachine({ values });
  const { digest, position } = state.checkpointed;
  const loader = new StateLoader({ values, applied: position, digest: digestOf(digest) });
  for await (const batch of state.scan()) loader.add(batch);
  return loader.finish();
}

function digestOf(bytes: Uint8Array): Digest {
  const view = new DataView(bytes.buffer, bytes.byteOffset, digestBytes);
  return { count: view.getUint32(0), high: view.getUint32(4), low: view.getUint32(8) };
}
