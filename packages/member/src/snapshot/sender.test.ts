import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Index, MemberId, Term } from '@conclave/core';
import type { SnapshotStore } from '@conclave/storage';
import type { Timers } from '../environment.ts';
import type { PeerMessage } from '../peer/message.ts';
import { bounds } from '../settings.ts';
import { SnapshotSender } from './sender.ts';

const member = 2 as MemberId;
const term = 1 as Term;

/** A sender with a clock that is moved by hand, and a store whose snapshots have ten chunks. */
class Bench {
  nowMs = 0;
  exports = 0;
  released = 0;
  readonly sent: PeerMessage[] = [];
  readonly outcomes: string[] = [];
  readonly sender: SnapshotSender;
  #timers: { readonly atMs: number; readonly run: () => void }[] = [];

  constructor() {
    const timers: Timers = {
      after: (delayMs, run) => {
        const timer = { atMs: this.nowMs + delayMs, run };
        this.#timers.push(timer);
        return () => {
          this.#timers = this.#timers.filter((one) => one !== timer);
        };
      },
      soon: (run) => run(),
    };
    const log = { info: () => {}, warn: () => {}, error: () => {} };
    const clock = { nowMs: () => this.nowMs, wallMs: () => 0 };
    this.sender = new SnapshotSender(
      () => this.#store(),
      { clock, timers, log },
      {
        send: (_to, message) => this.sent.push(message),
        progressed: (token) => this.outcomes.push(`${token} goes on`),
        sent: (token, index) => this.outcomes.push(`${token} sent ${index}`),
        failed: (token) => this.outcomes.push(`${token} failed`),
      },
    );
  }

  #store(): SnapshotStore {
    const id = `s${++this.exports}`;
    const configuration = { voters: [], votersOutgoing: [], learners: [], learnersNext: [], leaseReads: false };
    const made = {
      meta: { id, position: { index: 10 as Index, term }, configuration },
      async *chunks(from = 0) {
        for (let at = from; at < 10; at++) yield Uint8Array.of(at);
      },
      release: async () => {
        this.released++;
      },
    };
    return {
      exports: [],
      staging: null,
      export: async () => made,
      stage: async () => Promise.reject(new Error('none')),
    };
  }

  async settle(): Promise<void> {
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  }

  async advance(durationMs: number): Promise<void> {
    const endMs = this.nowMs + durationMs;
    for (;;) {
      const due = this.#timers.filter(({ atMs }) => atMs <= endMs).toSorted((a, b) => a.atMs - b.atMs)[0];
      if (due === undefined) break;
      this.#timers = this.#timers.filter((one) => one !== due);
      this.nowMs = due.atMs;
      due.run();
      await this.settle();
    }
    this.nowMs = endMs;
  }

  async begin(token: number): Promise<void> {
    this.sender.begin({ token, member, atLeast: 10 as Index }, term);
    await this.settle();
  }

  async hear(next: number, more: { readonly done?: boolean; readonly refusal?: string } = {}): Promise<void> {
    const { done = false, refusal = null } = more;
    this.sender.progress(member, { type: 'snapshotProgress', id: `s${this.exports}`, next, done, refusal });
    await this.settle();
  }

  get chunks(): number[] {
    return this.sent.flatMap((message) => (message.type === 'snapshotChunk' ? [message.number] : []));
  }
}

test('chunks leave one interval apart, and no further ahead of the receiver than the window', async () => {
  const bench = new Bench();
  await bench.begin(1);
  assert.deepEqual(
    bench.sent.map(({ type }) => type),
    ['snapshotOffer'],
  );
  await bench.hear(0);
  assert.deepEqual(bench.chunks, [0]);
  await bench.advance(bounds.snapshotChunkIntervalMs);
  assert.deepEqual(bench.chunks, [0, 1]);
  await bench.advance(10 * bounds.snapshotChunkIntervalMs);
  assert.equal(bench.chunks.length, bounds.snapshotWindowChunks);
  await bench.hear(1);
  assert.equal(bench.chunks.length, bounds.snapshotWindowChunks + 1);
});

test('what was lost with a link is sent again from where the receiver is', async () => {
  const bench = new Bench();
  await bench.begin(1);
  await bench.hear(0);
  await bench.advance(10 * bounds.snapshotChunkIntervalMs);
  bench.sent.length = 0;
  // Nothing is heard: it asks.
  await bench.advance(bounds.snapshotRepeatMs);
  assert.deepEqual(
    bench.sent.map(({ type }) => type),
    ['snapshotOffer'],
  );
  await bench.hear(1);
  await bench.advance(10 * bounds.snapshotChunkIntervalMs);
  assert.deepEqual(bench.chunks, [1, 2, 3, 4]);
});

test('a snapshot that was taken is reported with its index, and let go', async () => {
  const bench = new Bench();
  await bench.begin(1);
  for (let next = 0; next <= 10; next++) {
    await bench.hear(next);
    await bench.advance(bounds.snapshotChunkIntervalMs);
  }
  assert.deepEqual(bench.sent.at(-1), { type: 'snapshotEnd', id: 's1', chunks: 10 });
  await bench.hear(10, { done: true });
  assert.deepEqual(bench.outcomes, ['1 sent 10']);
  assert.equal(bench.released, 1);
});

test('core hears once a second that the receiver has taken more, and never that it has not', async () => {
  const bench = new Bench();
  await bench.begin(1);
  await bench.hear(0);
  for (let next = 1; next <= 6; next++) {
    await bench.advance(bounds.snapshotReportMs / 2);
    await bench.hear(next);
  }
  assert.deepEqual(bench.outcomes.splice(0), ['1 goes on', '1 goes on', '1 goes on']);
  for (let times = 0; times < 5; times++) {
    await bench.advance(bounds.snapshotReportMs);
    await bench.hear(6);
  }
  assert.deepEqual(bench.outcomes, []);
});

test('a receiver that cannot take it is not offered another one at once', async () => {
  const bench = new Bench();
  await bench.begin(1);
  await bench.hear(0, { refusal: 'no space' });
  assert.deepEqual(bench.outcomes, ['1 failed']);
  await bench.begin(2);
  await bench.advance(bounds.snapshotRetryMs - 1);
  assert.equal(bench.exports, 1);
  await bench.advance(1);
  assert.equal(bench.exports, 2);
});

test('one that is silent for long is given up; all are when leadership is lost', async () => {
  const bench = new Bench();
  await bench.begin(1);
  await bench.advance(bounds.snapshotPatienceMs + bounds.snapshotRepeatMs);
  assert.deepEqual(bench.outcomes, ['1 failed']);
  const other = new Bench();
  await other.begin(1);
  await other.hear(0);
  other.sender.abandon();
  await other.advance(bounds.snapshotPatienceMs * 2);
  assert.deepEqual(other.outcomes, []);
  assert.equal(other.released, 1);
});

test('a stream that core has given up is not continued beside the next one to the same member', async () => {
  const bench = new Bench();
  await bench.begin(1);
  await bench.hear(0);
  await bench.begin(2);
  assert.equal(bench.sender.count, 1);
  assert.equal(bench.released, 1);
});

/** How long a member that refuses whatever it is offered waits for the next offer, time after time. */
async function waits(bench: Bench, times: number, firstToken: number): Promise<number[]> {
  const waited: number[] = [];
  for (let token = firstToken; waited.length < times; token++) {
    const before = bench.exports;
    const sinceMs = bench.nowMs;
    await bench.begin(token);
    while (bench.exports === before) await bench.advance(500);
    waited.push(bench.nowMs - sinceMs);
    await bench.hear(0, { refusal: 'no space' });
  }
  return waited;
}

test('the wait doubles with each refusal, up to a minute', async () => {
  assert.deepEqual(await waits(new Bench(), 7, 1), [0, 5_000, 10_000, 20_000, 40_000, 60_000, 60_000]);
});

test('a member that connects anew is offered one at once, and waits as little as at first when it refuses that, too', async () => {
  const bench = new Bench();
  await waits(bench, 4, 1);
  await bench.begin(5);
  await bench.advance(1_000);
  assert.equal(bench.exports, 4);
  bench.sender.connected(3 as MemberId);
  await bench.settle();
  assert.equal(bench.exports, 4, 'another member');
  bench.sender.connected(member);
  await bench.settle();
  assert.equal(bench.exports, 5);
  await bench.hear(0, { refusal: 'no space' });
  assert.deepEqual(await waits(bench, 2, 6), [5_000, 10_000]);
});

test('who needs another one right behind the one it took waits as well: or an endless row of them would cost the leader everything', async () => {
  const bench = new Bench();
  await bench.begin(1);
  await bench.hear(10, { done: true });
  await bench.begin(2);
  await bench.advance(bounds.snapshotRetryMs - 1);
  assert.equal(bench.exports, 1);
  await bench.advance(1);
  assert.equal(bench.exports, 2);
});

test('a time without any need ends the waiting, and so does another leader', async () => {
  for (const end of ['time', 'leader'] as const) {
    const bench = new Bench();
    await waits(bench, 3, 1);
    await bench.begin(4);
    if (end === 'leader') bench.sender.abandon();
    else {
      await bench.advance(20_000);
      await bench.hear(10, { done: true });
      await bench.advance(40_000 + bounds.snapshotMaxRetryMs + 1);
    }
    assert.deepEqual(await waits(bench, 2, 5), [0, 5_000], end);
  }
});
