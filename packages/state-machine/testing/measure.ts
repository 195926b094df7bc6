// What an apply, a checkpoint and a load cost. From the root:
//   node --import tsx --conditions=conclave-source --expose-gc packages/state-machine/testing/measure.ts [keys]
import { StateLoader, StateMachine, type StateRecord } from '../src/index.ts';
import { command, Store } from './member.ts';
import { acquire, lock, put, release, session, sessionOpen } from './operations.ts';

const value = 'v'.repeat(256);
const manyKeys = Number(process.argv[2] ?? 1_000_000);
const checkpointEvery = 5_000;

function keyName(i: number): string {
  return `bench/key/${String(i).padStart(8, '0')}`;
}

function puts(keys: number, count: number): void {
  const store = new Store();
  const machine = new StateMachine({ values: store });
  machine.apply(1, 1, command(sessionOpen()));
  const entries: Uint8Array[] = [];
  for (let i = 0; i < count; i++) {
    const sequence = i + 1;
    entries.push(command(put(keyName((i * 7_919) % keys), value), session(1, sequence, Math.max(1, sequence - 50))));
  }
  let checkpoints = 0;
  let longest = 0;
  const cpu = process.cpuUsage();
  const began = performance.now();
  for (let i = 0; i < count; i++) {
    machine.apply(i + 2, 1, entries[i]!);
    if ((i + 1) % checkpointEvery !== 0) continue;
    const from = performance.now();
    const taken = machine.takeCheckpoint();
    const took = performance.now() - from;
    checkpoints += took;
    longest = Math.max(longest, took);
    machine.checkpointDurable(taken.token);
  }
  const total = performance.now() - began;
  const perCpu = process.cpuUsage(cpu).user / count;
  const perPut = ((total - checkpoints) * 1_000) / count;
  const perRecord = (checkpoints * 1_000) / count;
  console.log(
    `put 256 B over ${keys} keys, session: ${perPut.toFixed(2)} us apply, ${perRecord.toFixed(2)} us checkpoint a put` +
      ` (${checkpointEvery} puts: ${longest.toFixed(1)} ms at most); ${perCpu.toFixed(2)} us of processor for both`,
  );
}

function locks(count: number): void {
  const machine = new StateMachine({ values: new Store() });
  machine.apply(1, 1, command(sessionOpen()));
  const name = lock('bench');
  const entries: Uint8Array[] = [];
  for (let i = 0; i < count; i++) {
    const sequence = i * 2 + 1;
    entries.push(command(acquire(name), session(1, sequence, Math.max(1, sequence - 50))));
    entries.push(command(release(sequence, i + 1), session(1, sequence + 1, Math.max(1, sequence - 50))));
  }
  const began = performance.now();
  for (let i = 0; i < entries.length; i++) {
    machine.apply(i + 2, 1, entries[i]!);
    if (i % checkpointEvery === 0) machine.checkpointDurable(machine.takeCheckpoint().token);
  }
  const perPair = ((performance.now() - began) * 1_000) / count;
  console.log(`lock and unlock, session: ${perPair.toFixed(2)} us a pair, checkpoints included`);
}

function load(keys: number): void {
  const batch: StateRecord[] = [];
  let machine = new StateMachine({ values: { read: () => undefined } });
  for (let i = 0; i < keys; i++) {
    machine.apply(i + 1, 1, command(put(keyName(i), value)));
    if ((i + 1) % checkpointEvery !== 0 && i + 1 < keys) continue;
    const taken = machine.takeCheckpoint();
    for (const { key, value: bytes } of taken.changes)
      if (bytes !== null && key[0] !== 1) batch.push({ key, value: bytes });
    machine.checkpointDurable(taken.token);
  }
  const { applied, digest, changes } = machine.takeCheckpoint();
  const records = changes.map(({ key, value: bytes }) => ({ key, value: bytes! })).concat(batch);
  machine = new StateMachine({ values: { read: () => undefined } });
  globalThis.gc?.();
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  const began = performance.now();
  const loader = new StateLoader({ values: { read: () => undefined }, applied, digest });
  let longest = 0;
  for (let at = 0; at < records.length; at += 1_000) {
    const from = performance.now();
    loader.add(records.slice(at, at + 1_000));
    longest = Math.max(longest, performance.now() - from);
  }
  const loaded = loader.finish();
  const took = performance.now() - began;
  globalThis.gc?.();
  globalThis.gc?.();
  const after = process.memoryUsage().heapUsed;
  const perKey = (after - before) / keys;
  console.log(
    `load of ${keys} keys of 256 B: ${(took / 1_000).toFixed(2)} s, 1,000 records ${longest.toFixed(1)} ms at most;` +
      ` index ${perKey.toFixed(0)} B a key (${loaded.revision} revisions)`,
  );
  const from = performance.now();
  while (!loaded.sweep(10_000).done);
  console.log(`sweep without anything to remove: ${(performance.now() - from).toFixed(0)} ms`);
  const all = performance.now();
  loaded.query({
    type: 'range',
    range: { key: new Uint8Array(0), end: new Uint8Array(0) },
    revision: null,
    limit: 0,
    order: 'ascending',
    keysOnly: false,
    countOnly: true,
    modifiedSince: null,
  });
  console.log(`count of all keys: ${(performance.now() - all).toFixed(0)} ms`);
}

puts(10_000, 200_000);
puts(10_000, 300_000);
locks(100_000);
load(manyKeys);
