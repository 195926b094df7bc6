// What core says of what it was given, each to the part of the member that gave it.
import type { Output } from '@conclave/core';
import type { Barrier } from './barrier.ts';
import { changeId, type MembershipOffice } from './membership/office.ts';
import type { Mutations } from './mutations.ts';
import type { Transfers } from './transfers.ts';

export function passAccepted(accepted: Output['accepted'], mutations: Mutations, office: MembershipOffice): void {
  if (accepted.some(({ id }) => id === changeId)) office.accepted();
  mutations.accepted(accepted);
}

export interface Refusable {
  readonly barrier: Barrier;
  readonly mutations: Mutations;
  readonly office: MembershipOffice;
  readonly transfers: Transfers;
}

export function passFailed(failed: Output['failed'], { barrier, mutations, office, transfers }: Refusable): void {
  for (const failure of failed) {
    const { detail, id, reason, what } = failure;
    if (what === 'read') barrier.refused(id);
    else if (what === 'change') office.refused({ reason, detail });
    else if (what === 'transfer') transfers.failed(failure);
    else mutations.refused(id, reason === 'overloaded' || reason === 'transferring' ? reason : 'not-leader');
  }
}
