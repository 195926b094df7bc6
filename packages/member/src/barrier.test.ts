import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Index } from '@conclave/core';
import { Barrier } from './barrier.ts';

function barrier(applied = 0): {
  readonly barrier: Barrier;
  readonly asked: number[];
  readonly clock: { nowMs: number };
} {
  const clock = { nowMs: 100 };
  const asked: number[] = [];
  const readIndex = (): number => asked.push(asked.length + 1);
  return {
    barrier: new Barrier({ readIndex }, applied as Index, { nowMs: () => clock.nowMs, wallMs: () => 0 }),
    asked,
    clock,
  };
}

test('all who ask in one turn share a round; who asks when it has begun gets the next', () => {
  const { asked, barrier: it } = barrier();
  const done: string[] = [];
  it.wait(() => done.push('a'));
  it.wait(() => done.push('b'));
  it.turnBegins();
  it.wait(() => done.push('c'));
  assert.deepEqual(asked, [1, 2]);
  it.readable([{ id: 1, index: 0 as Index }]);
  assert.deepEqual(done, ['a', 'b']);
});

test('nobody goes on before the state has reached the index', () => {
  const { barrier: it } = barrier(4);
  const done: boolean[] = [];
  it.wait((confirmed) => done.push(confirmed));
  it.turnBegins();
  it.readable([{ id: 1, index: 6 as Index }]);
  it.appliedTo(5 as Index);
  assert.deepEqual(done, []);
  it.appliedTo(6 as Index);
  assert.deepEqual(done, [true]);
});

test('a refused round tells all who shared it, and an answer nobody asked for is a defect', () => {
  const { barrier: it } = barrier();
  const done: boolean[] = [];
  it.wait((confirmed) => done.push(confirmed));
  it.wait((confirmed) => done.push(confirmed));
  it.turnBegins();
  it.refused(1);
  assert.deepEqual(done, [false, false]);
  assert.throws(() => it.refused(1), /nobody asked/);
});

test('when the member stops, nobody waits any more, whether the round was confirmed or not, and nobody begins to', () => {
  const { barrier: it } = barrier(4);
  const done: string[] = [];
  it.wait((confirmed) => done.push(`parked ${confirmed}`));
  it.turnBegins();
  it.readable([{ id: 1, index: 6 as Index }]);
  it.wait((confirmed) => done.push(`asked ${confirmed}`));
  it.abandon();
  it.wait((confirmed) => done.push(`late ${confirmed}`));
  assert.deepEqual(done.toSorted(), ['asked false', 'late false', 'parked false']);
});

test('the state is as new as the beginning of the newest round that it has reached', () => {
  const { barrier: it, clock } = barrier(4);
  assert.deepEqual([it.askedMs, it.confirmedMs], [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]);
  for (const nowMs of [110, 120, 130, 140]) {
    clock.nowMs = nowMs;
    it.turnBegins();
    it.wait(() => {});
  }
  clock.nowMs = 200;
  assert.equal(it.askedMs, 140);
  it.readable([
    { id: 2, index: 4 as Index },
    { id: 1, index: 4 as Index },
    { id: 3, index: 6 as Index },
  ]);
  it.refused(4);
  assert.equal(it.confirmedMs, 120);
  it.appliedTo(6 as Index);
  assert.equal(it.confirmedMs, 130);
});
