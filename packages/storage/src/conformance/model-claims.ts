// Any sequence of jobs, checkpoints and reopens against the simplest thing that could be right: an array and a map.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Entry, PersistJob } from '@conclave/core';
import * as fc from 'fast-check';
import { Bench, type Implementation } from './bench.ts';
import { bytes, entry, founders, index, job, plain, position, text } from './entries.ts';

type Step =
  | { readonly kind: 'persist'; readonly jobs: readonly JobPlan[] }
  | {
      readonly kind: 'checkpoint';
      readonly advance: number;
      readonly changes: readonly (readonly [number, number | null])[];
    }
  | { readonly kind: 'reopen' };

/** Fractions and counts, because what is possible depends on the log so far. */
interface JobPlan {
  readonly newTerm: boolean;
  readonly vote: boolean;
  /** How far back, of what is not committed, the job begins. */
  readonly back: number;
  readonly count: number;
  readonly bytes: number;
  readonly commit: number;
}

const fraction = fc.double({ min: 0, max: 1, noNaN: true });
const jobPlan: fc.Arbitrary<JobPlan> = fc.record({
  newTerm: fc.boolean(),
  vote: fc.boolean(),
  back: fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, fraction),
  count: fc.nat(12),
  bytes: fc.oneof({ weight: 6, arbitrary: fc.nat(300) }, { weight: 1, arbitrary: fc.nat(400_000) }),
  commit: fraction,
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
);

class Model {
  log: Entry[] = [];
  term = 1;
  vote: number | null = null;
  commit = 0;
  acknowledged = { term: 0, index: 0 };
  applied = 0;
  readonly records = new Map<string, string>();

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
    return job({
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
  test('any sequence of jobs, checkpoints and reopens gives what a plain array gives', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { minLength: 1, maxLength: 12 }), async (steps) => {
        const bench = await Bench.start(implementation);
        try {
          const model = new Model();
          for (const each of steps) await run(each, bench, model);
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

async function run(step: Step, bench: Bench, model: Model): Promise<void> {
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
    case 'reopen':
      await bench.reopen();
      await compare(bench, model);
      return;
  }
}

async function compare(bench: Bench, model: Model): Promise<void> {
  const { log, state } = bench.storage;
  const { recovered } = log;
  assert.equal(recovered.tail, model.log.length);
  const found = model.log.length === 0 ? [] : await log.read(index(1), recovered.tail, Number.MAX_SAFE_INTEGER);
  assert.deepEqual(plain(found), model.log);
  const terms = model.log.filter((each, at) => each.term !== model.log[at - 1]?.term);
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
