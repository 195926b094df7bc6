// What the operations on the cluster's members do to the model.
import { type Mutation, ProtocolError, type Result } from '@conclave/protocol';
import type { Model, ModelMember } from './model.ts';

type OnMembers = Extract<
  Mutation,
  { type: 'memberAdd' | 'memberUpdate' | 'memberRole' | 'clusterSet' | 'memberSeed' | 'clusterLevel' }
>;

const room = { voter: 9, learner: 32 };
const removedKept = 64;

export function runOnMembers(model: Model, operation: OnMembers): Result | null {
  if (operation.type === 'memberSeed') {
    const ids = operation.members.map(({ member }) => member);
    const isSound = new Set(ids).size === ids.length && operation.members.some(({ role }) => role === 'voter');
    if (model.nextMember === 0 && isSound) settle(model, operation.members, Math.max(...ids) + 1);
    return null;
  }
  if (operation.type === 'clusterLevel') {
    if (model.nextMember === 0 || operation.level <= model.level) return null;
    model.level = operation.level;
    settle(model, model.members, model.nextMember);
    return null;
  }
  if (model.nextMember === 0) throw new ProtocolError('NOT_FOUND', '');
  switch (operation.type) {
    case 'memberAdd': {
      const { clientUrl, peerUrl, role } = operation;
      const member = model.nextMember;
      const added = { member, name: operation.name ?? `member-${member}`, clientUrl, peerUrl, role };
      if (size(model, role) >= room[role]) throw new ProtocolError('LIMIT_EXCEEDED', '');
      mustBeFree(model, added);
      settle(model, [...model.members, added], member + 1);
      return { type: 'memberAdd', member };
    }
    case 'memberUpdate': {
      const was = present(model, operation.member);
      const is: ModelMember = {
        ...was,
        name: operation.name ?? was.name,
        clientUrl: operation.clientUrl ?? was.clientUrl,
        peerUrl: operation.peerUrl ?? was.peerUrl,
      };
      mustBeFree(model, is);
      return { type: 'memberUpdate', changed: replace(model, was, is) };
    }
    case 'memberRole': {
      const { member, role } = operation;
      const known = model.members.find((one) => one.member === member);
      const isGone = known === undefined ? member < model.nextMember : known.role === 'removed';
      if (role === 'removed' && isGone) return { type: 'memberRole', changed: false };
      const was = present(model, member);
      if (was.role === 'voter' && role !== 'voter' && size(model, 'voter') === 1) {
        throw new ProtocolError('INVALID_ARGUMENT', '');
      }
      if (was.role !== role && role !== 'removed' && size(model, role) >= room[role]) {
        throw new ProtocolError('LIMIT_EXCEEDED', '');
      }
      return { type: 'memberRole', changed: replace(model, was, { ...was, role }) };
    }
    case 'clusterSet': {
      const changed = operation.leaseReads !== null && operation.leaseReads !== model.leaseReads;
      if (changed) {
        model.leaseReads = !model.leaseReads;
        settle(model, model.members, model.nextMember);
      }
      return { type: 'clusterSet', changed };
    }
  }
}

function replace(model: Model, was: ModelMember, is: ModelMember): boolean {
  if (JSON.stringify(was) === JSON.stringify(is)) return false;
  settle(
    model,
    model.members.map((one) => (one === was ? is : one)),
    model.nextMember,
  );
  return true;
}

function settle(model: Model, members: readonly ModelMember[], next: number): void {
  const sorted = members.toSorted((a, b) => a.member - b.member);
  const kept = new Set(sorted.filter(({ role }) => role === 'removed').slice(-removedKept));
  model.members = sorted.filter((one) => one.role !== 'removed' || kept.has(one));
  model.nextMember = next;
  model.membersChangedAt = model.index;
}

function present(model: Model, member: number): ModelMember {
  const found = model.members.find((one) => one.member === member && one.role !== 'removed');
  if (found === undefined) throw new ProtocolError('NOT_FOUND', '');
  return found;
}

function mustBeFree(model: Model, wanted: ModelMember): void {
  const others = model.members.filter(({ member, role }) => role !== 'removed' && member !== wanted.member);
  const taken = new Set(others.flatMap(({ clientUrl, peerUrl }) => [clientUrl, peerUrl]));
  if (taken.has(wanted.clientUrl) || taken.has(wanted.peerUrl) || wanted.clientUrl === wanted.peerUrl) {
    throw new ProtocolError('INVALID_ARGUMENT', '');
  }
}

function size(model: Model, wanted: ModelMember['role']): number {
  return model.members.filter(({ role }) => role === wanted).length;
}
