import type { MemberId } from '@conclave/core';
import type { Applier } from '../applier.ts';
import type { Reports } from '../cluster-status.ts';
import { asError } from '../defect.ts';
import type { Clock } from '../environment.ts';
import type { Renewals } from '../lease/renewals.ts';
import type { Mutations } from '../mutations.ts';
import type { Pump } from '../pump.ts';
import { bounds } from '../settings.ts';
import type { Snapshots } from '../snapshot/snapshots.ts';
import type { Transfers } from '../transfers.ts';
import type { Door } from './door.ts';
import type { PeerMessage } from './message.ts';

export interface PeerInboxParts {
  readonly clock: Clock;
  readonly pump: Pump;
  readonly applier: Applier;
  readonly door: Door;
  readonly mutations: Mutations;
  readonly renewals: Renewals;
  readonly reports: Reports;
  readonly snapshots: Snapshots;
  readonly transfers: Transfers;
  readonly failed: (error: Error) => void;
}

/** What the other members say, each to the part of this one that it is for. */
export class PeerInbox {
  readonly #parts: PeerInboxParts;

  constructor(parts: PeerInboxParts) {
    this.#parts = parts;
  }

  /** What comes of a message is this member's doing: if it throws, it must not go on. */
  receive(from: MemberId, messages: readonly PeerMessage[]): void {
    try {
      for (const message of messages) this.#take(from, message);
    } catch (error) {
      this.#parts.failed(asError(error));
    }
  }

  #take(from: MemberId, message: PeerMessage): void {
    const { applier, clock, door, mutations, pump, renewals, reports, snapshots, transfers } = this.#parts;
    switch (message.type) {
      case 'raft':
        if (message.message.type === 'appendAccepted') {
          const { match, term } = message.message;
          door.witness(from, { term, index: match });
        }
        if (door.abstention.drops(message.message)) return;
        return pump.push({ type: 'message', message: message.message });
      case 'forward':
        return mutations.forwarded(from, message, clock.nowMs() + bounds.defaultDeadlineMs);
      case 'proposed':
        return mutations.proposed(from, message, applier.appliedIndex);
      case 'declined':
        return mutations.declined(from, message);
      case 'renew':
        return renewals.asked(from, message);
      case 'renewed':
        return renewals.answered(message);
      case 'snapshotOffer':
      case 'snapshotChunk':
      case 'snapshotEnd':
      case 'snapshotProgress':
        return snapshots.handle(from, message);
      case 'handOver':
        return transfers.asked(from, message);
      case 'handOverEnded':
        return transfers.answered(message);
      case 'report':
        return reports.note(from, message, clock.nowMs());
    }
  }
}
