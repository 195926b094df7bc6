// Any sequence of jobs, cuts, checkpoints, snapshots and reopens against the simplest thing that could be right: an array and a map.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Entry, PersistJob } from '@conclave/core';
import * as fc from 'fast-check';
import { Bench, type Implementation } from './bench.ts';
import { bytes, entries, entry, founders, index, job, plain, position, text } from './entries.ts';

type Step =
  | { readonly kind: 'persist'; readonly jobs: readonly JobPlan[] }
  | {
      readonly kind: 'checkpoint';
      readonly advance: number;
      readonly changes: readonly (readonly [number, number | null])[];
    }
  | { readonly kind: 'reopen' }
  /** Another member's state, this many entries behind the end. */
  | { readonly kind: 'snapshot'; readonly ahead: number; readonly finished: boolean };

/** Fractions and counts, because what is possible depends on the log so far. */
interface JobPlan {
  readonly newTerm: boolean;
  readonly vote: boolean;
  /** How far back, of what is not committed, the job begins. */
  readonly back: number;
  readonly count: number;
  readonly bytes: number;
  readonly commit: number;
  /** How far of what the state has the log is cut in front. */
  readonly cut: number;
}

const fraction = fc.double({ min: 0, max: 1, noNaN: true });
const jobPlan: fc.Arbitrary<JobPlan> = fc.record({
  newTerm: fc.boolean(),
  vote: fc.boolean(),
  back: fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, fraction),
  count: fc.nat(12),
  bytes: fc.oneof({ weight: 6, arbitrary: fc.nat(300) }, { weight: 1, arbitrary: fc.nat(400_000) }),
  commit: fraction,
  cut: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fraction),
});
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('persist' as const),
      jobs: fc.array(jobPlan, { minLength: 1, maxLength: 4 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('checkpoint' as const),
      advance: fraction,
      changes: fc.array(fc.tuple(fc.nat(20), fc.option(fc.nat(1000))), { maxLength: 8 }),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'reopen' as const }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('snapshot' as const),
      ahead: fc.integer({ min: 1, max: 9 }),
      finished: fc.boolean(),
    }),
  },
);

class Model {
  /** From entry 1 on, also what was cut off. */
  log: Entry[] = [];
  base = position(0, 0);
  term = 1;
  vote: number | null = null;
  commit = 0;
  acknowledged = { term: 0, index: 0 };
  applied = 0;
  records = new Map<string, string>();

  /** The job that the plan means here, and its effect. */
  take(plan: JobPlan): PersistJob {
    const back = Math.floor(plan.back * (this.log.length - this.commit));
    // Who replaces entries is a later leader.
    if (plan.newTerm || back > 0) {
      this.term++;
      this.vote = null;
    }
    if (plan.vote) this.vote ??= 2;
    const keep = this.log.length - back;
    const added = Array.from({ length: plan.count }, (_, at) => entry(keep + at + 1, this.term, plan.bytes));
    this.log = [...this.log.slice(0, keep), ...added];
    this.commit = Math.max(this.commit, Math.floor(plan.commit * this.log.length));
    this.acknowledged = { term: this.term, index: this.log.length };
    const cut = Math.min(Math.floor(plan.cut * this.applied), keep);
    if (cut > this.base.index) this.base = position(cut, this.log[cut - 1]!.term);
    return job({
      base: this.base,
      term: this.term,
      commit: this.commit,
      entries: added,
      tail: this.log.length,
      acknowledged: { term: this.term as never, index: index(this.log.length) },
      ...(this.vote === null ? {} : { vote: this.vote }),
    });
  }
}

export function modelClaims(implementation: Implementation): void {
  test('any sequence of jobs, cuts, checkpoints, snapshots and reopens gives what a plain array gives', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { minLength: 1, maxLength: 12 }), async (steps) => {
        const bench = await Bench.start(implementation);
        try {
          const model = new Model();
          for (const each of steps) await run(each, bench, model, implementation);
          await bench.reopen();
          await compare(bench, model);
        } finally {
          await bench.stop();
        }
      }),
      { numRuns: implementation.modelRuns },
    );
  });
}

async function run(step: Step, bench: Bench, model: Model, implementation: Implementation): Promise<void> {
  const { log, state } = bench.storage;
  switch (step.kind) {
    case 'persist':
      await log.persist(step.jobs.map((plan) => model.take(plan)));
      return;
    case 'checkpoint': {
      model.applied += Math.floor(step.advance * (model.commit - model.applied));
      const term = model.log[model.applied - 1]?.term ?? 0;
      const changes = step.changes.map(([key, value]) => [`k${key}`, value === null ? null : `v${value}`] as const);
      for (const [key, value] of changes) {
        if (value === null) model.records.delete(key);
        else model.records.set(key, value);
      }
      await state.checkpoint({
        position: position(model.applied, term),
        configuration: founders,
        digest: bytes(`${model.applied}`),
        changes: changes.map(([key, value]) => ({ key: bytes(key), value: value === null ? null : bytes(value) })),
      });
      return;
    }
    case 'snapshot':
      await receive(step, bench, model, implementation);
      return;
    case 'reopen':
      await bench.reopen();
      await compare(bench, model);
      return;
  }
}

/** Everything up to the end of this log and some entries beyond it, of a later term; or the attempt alone. */
async function receive(
  { ahead, finished }: Extract<Step, { kind: 'snapshot' }>,
  bench: Bench,
  model: Model,
  implementation: Implementation,
): Promise<void> {
  const source = await Bench.start(implementation);
  const at = model.log.length + ahead;
  const term = model.term + 1;
  const log = [...model.log, ...entries(model.log.length + 1, at, term, 10)];
  const records = new Map([
    [`k${at}`, 'snapshot'],
    ['shared', `${at}`],
  ]);
  await source.storage.log.persist([job({ term, commit: at, entries: log })]);
  await source.storage.state.checkpoint({
    position: position(at, term),
    configuration: founders,
    digest: bytes(`${at}`),
    changes: [...records].map(([key, value]) => ({ key: bytes(key), value: bytes(value) })),
  });
  const exported = await source.storage.snapshots.export();
  const staging = await bench.storage.snapshots.stage(exported.meta);
  for await (const chunk of exported.chunks()) await staging.write(chunk);
  await staging.finish();
  await source.stop();
  if (!finished) return;
  const acknowledged = { term: term as never, index: index(at) };
  await bench.storage.log.persist([job({ term, commit: at, tail: at, acknowledged, snapshot: exported.meta })]);
  Object.assign(model, {
    log,
    term,
    vote: null,
    commit: at,
    acknowledged,
    applied: at,
    base: position(at, term),
    records,
  });
}

async function compare(bench: Bench, model: Model): Promise<void> {
  const { log, state } = bench.storage;
  const { recovered } = log;
  assert.equal(recovered.tail, model.log.length);
  assert.deepEqual(recovered.base, model.base);
  const behind = model.log.slice(model.base.index);
  const first = index(model.base.index + 1);
  const found = behind.length === 0 ? [] : await log.read(first, recovered.tail, Number.MAX_SAFE_INTEGER);
  assert.deepEqual(plain(found), behind);
  const terms = behind.filter((each, at) => each.term !== behind[at - 1]?.term);
  assert.deepEqual(
    recovered.terms,
    terms.map((each) => ({ term: each.term, first: each.index })),
  );
  assert.deepEqual(recovered.acknowledged, model.acknowledged);
  assert.equal(recovered.hardState.commit, model.commit);
  if (model.log.length > 0) assert.equal(recovered.hardState.vote, model.vote);
  const records: [string | null, string | null][] = [];
  for await (const batch of state.scan())
    records.push(...batch.map(({ key, value }) => [text(key), text(value)] as [string, string]));
  assert.deepEqual(
    records,
    [...model.records].toSorted(([a], [b]) => (a < b ? -1 : 1)),
  );
}
