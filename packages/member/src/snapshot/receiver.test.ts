import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Index, MemberId, SnapshotMeta, Term } from '@conclave/core';
import type { SnapshotStore } from '@conclave/storage';
import type { PeerMessage } from '../peer/message.ts';
import { SnapshotReceiver } from './receiver.ts';

const leader = 2 as MemberId;
const term = 1 as Term;
const configuration = { voters: [], votersOutgoing: [], learners: [], learnersNext: [], leaseReads: false };

function metaAt(index: number): SnapshotMeta {
  return { id: `s${index}`, position: { index: index as Index, term }, configuration };
}

/** A receiver of a member that has applied what it is told, and a store that takes any snapshot. */
class Bench {
  applied = 0;
  readonly happened: string[] = [];
  readonly receiver: SnapshotReceiver;

  constructor() {
    const store: SnapshotStore = {
      exports: [],
      staging: null,
      export: async () => Promise.reject(new Error('none')),
      stage: async (meta) => {
        this.happened.push(`stages ${meta.id}`);
        const staging = {
          meta,
          next: 0,
          finished: false,
          write: async () => {},
          finish: async () => {
            await Promise.resolve();
            staging.finished = true;
          },
          abort: async () => void this.happened.push(`aborts ${meta.id}`),
        };
        return staging;
      },
    };
    this.receiver = new SnapshotReceiver(
      () => store,
      () => this.applied,
      { info: () => {}, warn: () => {}, error: () => {} },
      {
        send: (_to, message) => this.happened.push(said(message)),
        fellBehind: () => this.happened.push('fell behind'),
        received: ({ id }) => this.happened.push(`received ${id}`),
      },
    );
  }

  async offer(index: number): Promise<void> {
    this.receiver.take(leader, { type: 'snapshotOffer', term, meta: metaAt(index) });
    await this.settle();
  }

  async settle(): Promise<void> {
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  }

  apply(index: number): void {
    this.applied = index;
    this.receiver.appliedTo(index);
  }

  takeHappened(): string[] {
    return this.happened.splice(0);
  }
}

function said(message: PeerMessage): string {
  return message.type === 'snapshotProgress'
    ? `${message.id} ${message.done ? 'is there' : message.next}`
    : message.type;
}

test('an offer of what has been applied already leaves an idle member ready, and its sender hears that it is there', async () => {
  const bench = new Bench();
  bench.apply(10);
  for (const index of [9, 10]) {
    await bench.offer(index);
    assert.equal(bench.receiver.isBehind, false, `offered ${index}`);
    assert.deepEqual(bench.takeHappened(), [`s${index} is there`]);
  }
  await bench.offer(11);
  assert.equal(bench.receiver.isBehind, true);
  assert.deepEqual(bench.takeHappened(), ['fell behind', 'stages s11', 's11 0']);
});

test('an offer that is said again after the log went past it ends the transfer, and what is staged of it goes', async () => {
  const bench = new Bench();
  await bench.offer(5);
  bench.apply(6);
  assert.equal(bench.receiver.isBehind, false);
  bench.takeHappened();
  await bench.offer(5);
  assert.equal(bench.receiver.isBehind, false);
  assert.deepEqual(bench.takeHappened(), ['aborts s5', 's5 is there']);
});

test('a late offer of less does not touch a newer one that is being taken', async () => {
  const bench = new Bench();
  bench.apply(5);
  await bench.offer(20);
  bench.takeHappened();
  await bench.offer(5);
  assert.equal(bench.receiver.isBehind, true);
  assert.deepEqual(bench.takeHappened(), ['s5 is there']);
  await bench.offer(20);
  assert.deepEqual(bench.takeHappened(), ['s20 0'], 'it goes on where it was');
});

test('what core was told of stays as it is until core says what becomes of it: another offer is not answered, and is taken when it comes again', async () => {
  for (const end of ['installed', 'discarded'] as const) {
    const bench = new Bench();
    await bench.offer(5);
    bench.takeHappened();
    bench.receiver.take(leader, { type: 'snapshotEnd', id: 's5', chunks: 0 });
    // While the end is being synced: that of the next leader.
    await bench.offer(9);
    assert.deepEqual(bench.takeHappened(), ['received s5', 's5 is there']);
    await bench.offer(9);
    bench.applied = 5;
    await bench.offer(5);
    assert.deepEqual(bench.takeHappened(), ['s5 is there']);
    if (end === 'installed') bench.receiver.installed();
    else bench.receiver.discard('s5');
    await bench.settle();
    bench.takeHappened();
    await bench.offer(9);
    assert.deepEqual(bench.takeHappened(), ['fell behind', 'stages s9', 's9 0'], end);
  }
});
