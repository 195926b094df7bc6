import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Index, Input, SnapshotMeta, Term } from '@conclave/core';
import { type Checkpoint, StateMachine } from '@conclave/state-machine';
import type { Applier } from '../applier.ts';
import { type Checkpointer, encodeDigest } from '../checkpointer.ts';
import type { Environment, Timers } from '../environment.ts';
import type { PeerLinks } from '../peer/links.ts';
import { Snapshots } from './snapshots.ts';

const configuration = { voters: [], votersOutgoing: [], learners: [], learnersNext: [], leaseReads: false };

function snapshotAt(index: number): SnapshotMeta {
  return { id: `s${index}`, position: { index: index as Index, term: 1 as Term }, configuration };
}

/** A state behind `index` entries that mean nothing, as it is stored. */
function stateAt(index: number): Checkpoint {
  const machine = new StateMachine({ values: { read: () => undefined } });
  machine.reincarnate(1);
  for (let at = 1; at <= index; at++) machine.apply(at, 1, null);
  return machine.takeCheckpoint();
}

test('a snapshot that comes while an earlier one is loaded waits for that load, and is the one that is taken', async () => {
  const gates: (() => void)[] = [];
  let stored = stateAt(10);
  const store = {
    state: {
      get checkpointed() {
        return { position: stored.applied, configuration, digest: encodeDigest(stored.digest) };
      },
      get: () => null,
      async *scan() {
        const { changes } = stored;
        await new Promise<void>((resolve) => gates.push(resolve));
        yield changes.filter(({ value }) => value !== null);
      },
    },
  } as object as Environment['store'];
  const machine = new StateMachine({ values: { read: () => undefined } });
  const applier = { suspend: () => {}, resume: () => {} } as object as Applier;
  const checkpointer = { suspend: async () => {}, resume: () => {} } as object as Checkpointer;
  const timers: Timers = { after: () => () => {}, soon: (run) => run() };
  const log = { info: () => {}, warn: () => {}, error: () => {} };
  const clock = { nowMs: () => 0, wallMs: () => 0 };
  const taken: number[] = [];
  const pushed: Input[] = [];
  const failures: Error[] = [];
  const snapshots = new Snapshots(
    { clock, log, store, timers },
    {} as PeerLinks,
    { machine, applier, checkpointer },
    {
      push: (input) => pushed.push(input),
      replacing: () => {},
      replaced: (index) => taken.push(index),
      failed: (error) => failures.push(error),
    },
  );
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 50; turn++) await Promise.resolve();
  };

  await snapshots.replacing();
  snapshots.replaced(snapshotAt(10));
  await settle();
  let isReady = false;
  const ready = snapshots.replacing().then(() => (isReady = true));
  await settle();
  assert.equal(isReady, false, 'the store would be closed under the load');
  gates.shift()?.();
  await ready;
  assert.deepEqual(taken, [], 'what is overtaken is not taken');

  stored = stateAt(20);
  snapshots.replaced(snapshotAt(20));
  await settle();
  gates.shift()?.();
  await settle();
  assert.deepEqual(failures, []);
  assert.deepEqual(taken, [20]);
  assert.deepEqual(pushed, [{ type: 'restored', id: 's20' }], 'core hears that this member can lead again');
  assert.equal(machine.applied.index, 20);
  assert.equal(snapshots.isReplacing, false);
});
