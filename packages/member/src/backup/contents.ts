import type { StateMachine } from '@conclave/state-machine';

/** What a state holds, for somebody who decides whether it is the right one. */
export interface StateContents {
  /** Log index of the last entry in it. */
  readonly applied: number;
  readonly revision: number;
  /** The oldest revision that can be read. */
  readonly compacted: number;
  readonly incarnation: number;
  readonly keys: number;
  readonly leases: number;
  readonly sessions: number;
  /** Held, by locks and elections alike. */
  readonly holds: number;
}

export function contentsOf(machine: StateMachine): StateContents {
  const { applied, compacted, counts, incarnation, revision } = machine;
  return { applied: applied.index, revision, compacted, incarnation, ...counts };
}
