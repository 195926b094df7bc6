import { connectionsFor } from '@conclave/load';
import type { Measured, Task } from '../measured.ts';
import { median } from '../statistics.ts';

/** One line of the report: what is compared, and which ratio of ours to etcd's is to be reached. */
interface Criterion {
  readonly work: string;
  readonly better: 'higher' | 'lower';
  /** The least ratio where higher is better, the largest where lower is. */
  readonly target: number;
  readonly of: (measured: Measured) => number;
}

export type SharedTask = Pick<Task, 'work' | 'outstanding' | 'connections'>;

/** One load that both systems are put under, and what is read from it. */
export interface Comparison {
  readonly task: SharedTask;
  readonly criteria: readonly Criterion[];
}

export interface Row {
  readonly work: string;
  readonly ours: number;
  readonly etcd: number;
  /** Of the medians. */
  readonly ratio: number;
  /** The smallest and the largest ratio of two runs that followed each other. */
  readonly min: number;
  readonly max: number;
  readonly target: number;
  readonly better: 'higher' | 'lower';
  readonly met: boolean;
}

const rate = (work: string, target: number): Criterion => {
  return { work, better: 'higher', target, of: ({ perSecond }) => perSecond };
};
const atMost = (work: string, target: number, of: Criterion['of']): Criterion => {
  return { work, better: 'lower', target, of };
};
const third = 1 / 3;

const task = (work: Task['work'], outstanding: number, connections = connectionsFor(outstanding)): SharedTask => {
  return { work, outstanding, connections };
};

/** Writes first: reads are measured on what they left, once it has settled. */
export const comparisons: readonly Comparison[] = [
  {
    task: task('put', 1),
    criteria: [rate('put/s at 1', 1.1), atMost('put p50 ms at 1', 1, ({ p50Ms }) => p50Ms)],
  },
  {
    task: task('put', 64),
    criteria: [rate('put/s at 64', 3), atMost('put p99 ms at 64', third, ({ p99Ms }) => p99Ms)],
  },
  {
    task: task('put', 256),
    criteria: [
      rate('put/s at 256', 3.5),
      atMost('put p99 ms at 256', third, ({ p99Ms }) => p99Ms),
      atMost('server CPU µs per put at 256', 0.4, ({ serverMicrosPerOp }) => serverMicrosPerOp),
    ],
  },
  {
    task: task('put', 1_000),
    criteria: [rate('put/s at 1000', 3.5), atMost('put p99 ms at 1000', third, ({ p99Ms }) => p99Ms)],
  },
  // A client each: a connection and a session of its own.
  { task: task('lock', 128, 128), criteria: [rate('lock+unlock/s with 128 clients', 4)] },
  { task: task('get', 64), criteria: [rate('linearizable get/s at 64', 5)] },
  { task: task('get', 256), criteria: [rate('linearizable get/s at 256', 7)] },
  { task: task('get', 1_000), criteria: [rate('linearizable get/s at 1000', 8)] },
  { task: task('mixed', 256), criteria: [rate('mixed 90/10/s at 256', 5)] },
];

/** `ours[n]` and `etcd[n]` were measured one after the other. */
export function rowsOf({ criteria }: Comparison, ours: readonly Measured[], etcd: readonly Measured[]): Row[] {
  return criteria.map(({ better, of, target, work }) => {
    const a = ours.map(of);
    const b = etcd.map(of);
    const ratios = a.map((value, at) => value / (b[at] ?? Number.NaN));
    const ratio = median(a) / median(b);
    return {
      work,
      ours: rounded(median(a)),
      etcd: rounded(median(b)),
      ratio: rounded(ratio),
      min: rounded(Math.min(...ratios)),
      max: rounded(Math.max(...ratios)),
      target: rounded(target),
      better,
      met: better === 'higher' ? ratio >= target : ratio <= target,
    };
  });
}

function rounded(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}
