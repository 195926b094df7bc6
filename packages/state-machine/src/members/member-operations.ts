import {
  type ClusterLevel,
  type ClusterSet,
  type ClusterSetResult,
  limits,
  type MemberAdd,
  type MemberAddResult,
  type MemberRoleChange,
  type MemberRoleResult,
  type MemberSeed,
  type MemberUpdate,
  type MemberUpdateResult,
  ProtocolError,
} from '@conclave/protocol';
import type { Draft } from '../apply/draft.ts';
import { limitExceeded } from '../keys/plan.ts';
import type { State } from '../state.ts';
import { MemberRecord, type Role } from './member-record.ts';

/** Ids are unsigned 32-bit integers, and never used twice. */
const maxMemberId = 0xffff_ffff;

/** Only the first of all seeds counts: a leader that was deposed before its own was committed may have a successor with another. */
export function memberSeed(state: State, draft: Draft, { members }: MemberSeed): void {
  const ids = new Set(members.map(({ member }) => member));
  const isSound = ids.size === members.length && members.some(({ role }) => role === 'voter');
  if (state.cluster.isSeeded || !isSound) return;
  for (const { clientUrl, member, name, peerUrl, role } of members.toSorted((a, b) => a.member - b.member)) {
    put(state, new MemberRecord(member, role, name, clientUrl, peerUrl, null));
    state.cluster.nextMember = member + 1;
  }
  changed(state, draft);
}

export function memberAdd(state: State, draft: Draft, operation: MemberAdd): MemberAddResult {
  const { clientUrl, joinSecretHash, name, peerUrl, role } = operation;
  mustBeSeeded(state);
  mustHaveRoom(state, role);
  mustBeFree(state, null, clientUrl, peerUrl);
  const id = state.cluster.nextMember;
  if (id > maxMemberId) throw limitExceeded('as many members were added as there are ids', maxMemberId);
  put(state, new MemberRecord(id, role, name ?? `member-${id}`, clientUrl, peerUrl, joinSecretHash.slice()));
  state.cluster.nextMember = id + 1;
  changed(state, draft);
  return { type: 'memberAdd', member: id };
}

export function memberUpdate(state: State, draft: Draft, operation: MemberUpdate): MemberUpdateResult {
  mustBeSeeded(state);
  const record = present(state, operation.member);
  const { clientUrl = record.clientUrl, name = record.name, peerUrl = record.peerUrl } = withoutNulls(operation);
  mustBeFree(state, record, clientUrl, peerUrl);
  if (clientUrl === record.clientUrl && name === record.name && peerUrl === record.peerUrl) {
    return { type: 'memberUpdate', changed: false };
  }
  Object.assign(record, { clientUrl, name, peerUrl });
  state.ledger.touch(record);
  changed(state, draft);
  return { type: 'memberUpdate', changed: true };
}

export function memberRole(state: State, draft: Draft, { member, role }: MemberRoleChange): MemberRoleResult {
  mustBeSeeded(state);
  const known = state.members.get(member);
  // Removed by an earlier sending, or by somebody else: it is what was asked for.
  if (role === 'removed' && (known?.role === 'removed' || wasGiven(state, member, known))) {
    return { type: 'memberRole', changed: false };
  }
  const record = present(state, member);
  if (record.role === role) return { type: 'memberRole', changed: false };
  if (record.role === 'voter' && count(state, 'voter') === 1) {
    throw new ProtocolError('INVALID_ARGUMENT', `member ${member} is the last voter: nobody would vote any more`);
  }
  if (role !== 'removed') mustHaveRoom(state, role);
  record.role = role;
  if (role === 'removed') record.joinSecretHash = null;
  state.ledger.touch(record);
  forgetOldest(state);
  changed(state, draft);
  return { type: 'memberRole', changed: true };
}

export function clusterSet(state: State, draft: Draft, { leaseReads }: ClusterSet): ClusterSetResult {
  mustBeSeeded(state);
  if (leaseReads === null || leaseReads === state.cluster.leaseReads) return { type: 'clusterSet', changed: false };
  state.cluster.leaseReads = leaseReads;
  changed(state, draft);
  return { type: 'clusterSet', changed: true };
}

/** All members know the commands of this level: from now on they may stand in the log. */
export function clusterLevel(state: State, draft: Draft, { level }: ClusterLevel): void {
  if (!state.cluster.isSeeded || level <= state.cluster.level) return;
  state.cluster.level = level;
  changed(state, draft);
}

function put(state: State, record: MemberRecord): void {
  state.members.set(record.id, record);
  state.ledger.touch(record);
}

function changed(state: State, draft: Draft): void {
  state.cluster.changedAt = draft.index;
  state.ledger.touch(state.cluster);
  draft.membersChanged = true;
}

/** The lowest ids go first: so on every member it is the same ones. */
function forgetOldest(state: State): void {
  let surplus = count(state, 'removed') - limits.maxRemovedMembers;
  for (const record of state.members.values()) {
    if (surplus <= 0) return;
    if (record.role !== 'removed') continue;
    surplus -= 1;
    state.members.delete(record.id);
    state.ledger.drop(record);
  }
}

function wasGiven(state: State, member: number, known: MemberRecord | undefined): boolean {
  return known === undefined && member < state.cluster.nextMember;
}

function present(state: State, member: number): MemberRecord {
  const record = state.members.get(member);
  if (record !== undefined && record.role !== 'removed') return record;
  const was = record !== undefined || wasGiven(state, member, record);
  throw new ProtocolError('NOT_FOUND', was ? `member ${member} was removed` : `there is no member ${member}`);
}

function mustBeSeeded(state: State): void {
  if (state.cluster.isSeeded) return;
  // Not UNAVAILABLE: an answer of apply is remembered, and asking again under the same identity would bring it again.
  throw new ProtocolError('NOT_FOUND', 'the founding members are not on record yet: ask again in a moment');
}

function mustHaveRoom(state: State, role: 'voter' | 'learner'): void {
  const max = role === 'voter' ? limits.maxVoters : limits.maxLearners;
  if (count(state, role) >= max) throw limitExceeded(`the cluster has as many ${role}s as it may`, max);
}

function mustBeFree(state: State, own: MemberRecord | null, clientUrl: string, peerUrl: string): void {
  for (const { clientUrl: client, id, peerUrl: peer, role } of state.members.values()) {
    if (role === 'removed' || id === own?.id) continue;
    const taken = [clientUrl, peerUrl].find((url) => url === client || url === peer);
    if (taken !== undefined) throw new ProtocolError('INVALID_ARGUMENT', `${taken} is the address of member ${id}`);
  }
  if (clientUrl !== peerUrl) return;
  throw new ProtocolError('INVALID_ARGUMENT', `${clientUrl}: clients and peers need an address each`);
}

function count(state: State, wanted: Role): number {
  let found = 0;
  for (const { role } of state.members.values()) if (role === wanted) found += 1;
  return found;
}

function withoutNulls({ clientUrl, name, peerUrl }: MemberUpdate): {
  readonly clientUrl?: string;
  readonly name?: string;
  readonly peerUrl?: string;
} {
  return {
    ...(clientUrl === null ? {} : { clientUrl }),
    ...(name === null ? {} : { name }),
    ...(peerUrl === null ? {} : { peerUrl }),
  };
}
