import type { MemberDescription, MemberListResult } from '@conclave/protocol';
import type { State } from '../state.ts';

/** What a member has to know of the others. */
export interface Membership {
  /** 0: no members are on record yet. Otherwise every id below it was given out. */
  readonly nextMember: number;
  /** Log index of the last change. */
  readonly changedAt: number;
  readonly leaseReads: boolean;
  /** Nothing newer than this command version is proposed. */
  readonly level: number;
  /** In the order of their ids; removed ones too. */
  readonly members: readonly (MemberDescription & { readonly joinSecretHash: Uint8Array | null })[];
}

export function listMembers(state: State): MemberListResult {
  return { type: 'members', leaseReads: state.cluster.leaseReads, members: describe(state) };
}

export function membershipOf(state: State): Membership {
  const { changedAt, leaseReads, level, nextMember } = state.cluster;
  const members = describe(state).map((one) => ({
    ...one,
    joinSecretHash: state.members.get(one.member)?.joinSecretHash ?? null,
  }));
  return { nextMember, changedAt, leaseReads, level, members };
}

/** In the order of their ids: only a seed puts several in, and sorts them. */
function describe({ members }: State): MemberDescription[] {
  return [...members.values()].map(({ clientUrl, id: member, name, peerUrl, role }) => ({
    member,
    name,
    clientUrl,
    peerUrl,
    role,
  }));
}
