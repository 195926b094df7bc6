import type { MemberId } from '@conclave/core';
import { type CommandHeader, type Identity, type Outcome, ProtocolError } from '@conclave/protocol';
import type { Response } from '@conclave/state-machine';
import type { PeerRequestId } from './peer/message.ts';

/**
 * Who waits for a mutation: a client of this member, or another member that has the client. Nobody waits for what a leader proposes by
 * itself (`office`); it is worth nothing when the leader no longer leads.
 */
export type Origin =
  | { readonly from: 'client'; readonly lane: ProposalLane; readonly settle: (outcome: Settled) => void }
  | { readonly from: 'peer'; readonly peer: MemberId; readonly request: PeerRequestId }
  | { readonly from: 'office'; readonly decide: () => Uint8Array | null };

/** Identifies a queue of its own among those from which proposals are taken in turn. */
export type ProposalLane = object;

export type Settled = { readonly response: Response; readonly repeated: boolean } | { readonly error: ProtocolError };

/** What the command's header says beside the times, which the leader adds. */
export type Intent = Pick<CommandHeader, 'author' | 'reason'> & {
  readonly identity: Identity;
  readonly operation: Uint8Array;
  /** It finds what an earlier sending did, although nobody remembers that one: a session names itself by its secret. */
  readonly isIdempotent?: boolean;
};

/** What a mutation counts beside its operation: its identity, its texts, and what is kept of it. */
const envelopeBytes = 256;

/** One mutation on its way into the log. */
export class Mutation {
  readonly intent: Intent;
  readonly origin: Origin;
  /** Monotonic time after which nobody waits any more. */
  readonly deadlineMs: number;
  /** What it counts where bytes are bounded. */
  readonly bytes: number;
  /** How often it was proposed or passed on without anybody having said what came of that: while it is not 0, only apply knows. */
  openAttempts = 0;
  settled = false;

  constructor(intent: Intent, origin: Origin, deadlineMs: number) {
    this.intent = intent;
    this.origin = origin;
    this.deadlineMs = deadlineMs;
    this.bytes = intent.operation.length + envelopeBytes;
  }

  /** Sending it again does no harm. */
  get isRepeatable(): boolean {
    const { identity, isIdempotent = false } = this.intent;
    return identity.by !== 'none' || isIdempotent || this.openAttempts === 0;
  }

  get outcome(): Outcome {
    return this.openAttempts > 0 ? 'unknown' : 'not-applied';
  }

  answer(settled: Settled): void {
    if (this.settled) return;
    this.settled = true;
    if (this.origin.from === 'client') this.origin.settle(settled);
  }

  refuse(
    code: 'DEADLINE_EXCEEDED' | 'OVERLOADED' | 'OUTCOME_UNKNOWN' | 'UNAVAILABLE' | 'NO_SPACE',
    message: string,
  ): void {
    this.answer({ error: new ProtocolError(code, message, this.outcome) });
  }
}
