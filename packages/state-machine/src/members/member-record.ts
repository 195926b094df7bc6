import type { MemberDescription } from '@conclave/protocol';

export type Role = MemberDescription['role'];

/** What a member of the cluster is to be, and where it is found. One that was removed stays on record, so that its id means it for ever. */
export class MemberRecord {
  readonly table = 'member';
  readonly id: number;
  role: Role;
  name: string;
  clientUrl: string;
  peerUrl: string;
  /** Of the secret that it must show to whoever meets it for the first time. Null: a founding member, or removed. */
  joinSecretHash: Uint8Array | null;

  high = 0;
  low = 0;
  stored = false;

  constructor(
    id: number,
    role: Role,
    name: string,
    clientUrl: string,
    peerUrl: string,
    joinSecretHash: Uint8Array | null,
  ) {
    this.id = id;
    this.role = role;
    this.name = name;
    this.clientUrl = clientUrl;
    this.peerUrl = peerUrl;
    this.joinSecretHash = joinSecretHash;
  }
}

/** What concerns the cluster as a whole; one record, as soon as there are members. */
export class ClusterRecord {
  readonly table = 'cluster';
  /** Every id below it was given out, or is none. 0: no members are on record yet. */
  nextMember = 0;
  leaseReads = false;
  /** Nothing newer than this command version is proposed. */
  level = 1;
  /** Log index of the last change of a member: of two members with different tables the one with the larger index knows better. */
  changedAt = 0;

  high = 0;
  low = 0;
  stored = false;

  get isSeeded(): boolean {
    return this.nextMember > 0;
  }
}
