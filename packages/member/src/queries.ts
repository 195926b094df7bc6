import { ProtocolError, type Query, type Txn } from '@conclave/protocol';
import type { Response, StateMachine } from '@conclave/state-machine';
import type { Barrier } from './barrier.ts';
import { bounds } from './settings.ts';

export interface PendingQuery {
  /** Identifies the client. */
  readonly lane: object;
  readonly query: Query | Txn;
  readonly consistency: 'linearizable' | 'local';
  readonly minRevision: number;
  /** Monotonic time after which nobody waits any more. */
  readonly deadlineMs: number;
  readonly settle: (answer: { readonly response: Response } | { readonly error: ProtocolError }) => void;
}

/** Reads: behind a barrier when they must be linearizable, and not before the state is as new as the client has seen it elsewhere. */
export class Queries {
  readonly #machine: StateMachine;
  readonly #barrier: Barrier;
  /** Refused for want of a leader: asked again when there is one. */
  #homeless: PendingQuery[] = [];
  /** Confirmed, or local, and waiting for `minRevision`. */
  #early: PendingQuery[] = [];
  readonly #pending = new Set<PendingQuery>();
  #hasLeader = false;

  constructor(machine: StateMachine, barrier: Barrier) {
    this.#machine = machine;
    this.#barrier = barrier;
  }

  submit(pending: PendingQuery): void {
    if (this.#pending.size >= bounds.maxPendingQueries) {
      const message = `${this.#pending.size} reads wait on this member, the limit is ${bounds.maxPendingQueries}`;
      pending.settle({ error: new ProtocolError('OVERLOADED', message) });
      return;
    }
    this.#pending.add(pending);
    if (pending.consistency === 'local') this.#run(pending);
    else this.#confirm(pending);
  }

  #confirm(pending: PendingQuery): void {
    if (!this.#hasLeader) {
      this.#homeless.push(pending);
      return;
    }
    this.#barrier.wait((confirmed) => {
      if (confirmed) this.#run(pending);
      else if (this.#pending.has(pending)) this.#homeless.push(pending);
    });
  }

  #run(pending: PendingQuery): void {
    if (!this.#pending.has(pending)) return;
    if (this.#machine.revision < pending.minRevision) {
      this.#early.push(pending);
      return;
    }
    this.#pending.delete(pending);
    pending.settle({ response: this.#machine.query(pending.query) });
  }

  /** The state has moved on. */
  advanced(): void {
    if (this.#early.length === 0) return;
    const early = this.#early;
    this.#early = [];
    for (const pending of early) this.#run(pending);
  }

  leadership(hasLeader: boolean): void {
    this.#hasLeader = hasLeader;
    if (!hasLeader) return;
    const homeless = this.#homeless;
    this.#homeless = [];
    for (const pending of homeless) this.#confirm(pending);
  }

  /** Reads that core refused although there is a leader (it changed, or was overloaded) are asked again a little later. */
  retry(): void {
    if (this.#hasLeader) this.leadership(true);
  }

  /** Nobody waits any more: without this, readers of a revision that never comes would keep their places after they have gone. */
  clientGone(lane: object): void {
    let gone = 0;
    for (const pending of this.#pending) {
      if (pending.lane !== lane) continue;
      this.#pending.delete(pending);
      gone++;
    }
    if (gone > 0) this.#dropSettled();
  }

  expire(nowMs: number): void {
    for (const pending of this.#pending) {
      if (pending.deadlineMs > nowMs) continue;
      this.#pending.delete(pending);
      const message = this.#hasLeader ? 'it could not be confirmed within its time' : 'there is no leader';
      pending.settle({ error: new ProtocolError(this.#hasLeader ? 'DEADLINE_EXCEEDED' : 'UNAVAILABLE', message) });
    }
    this.#dropSettled();
  }

  #dropSettled(): void {
    this.#homeless = this.#homeless.filter((pending) => this.#pending.has(pending));
    this.#early = this.#early.filter((pending) => this.#pending.has(pending));
  }

  abandon(): void {
    for (const { settle } of this.#pending)
      settle({ error: new ProtocolError('UNAVAILABLE', 'this member is stopping') });
    this.#pending.clear();
    this.#homeless = [];
    this.#early = [];
  }
}
