import { changeRole, type Raft, send } from './raft.ts';
import type { Failure, MemberId, TransferId } from './types.ts';

/** Hands leadership over (thesis §3.10): proposals stop, the target gets what it lacks, and is told to stand for election at once. */
export function transferLeader(raft: Raft, id: TransferId, to: MemberId | 'best'): void {
  const target = to === 'best' ? mostCaughtUp(raft) : to;
  const reason = refusal(raft, target);
  if (reason !== null || target === null) {
    raft.outbox.failed.push(failure(raft, id, reason ?? 'invalid-target'));
    return;
  }
  raft.transfer = { id, to: target, deadline: raft.now + raft.options.electionMs, isAsked: false };
}

function refusal(raft: Raft, target: MemberId | null): Failure['reason'] | null {
  if (raft.role !== 'leader') return 'not-leader';
  if (raft.transfer !== null) return 'transferring';
  const mayLead = target !== null && target !== raft.options.id && raft.configuration.voters.includes(target);
  return mayLead ? null : 'invalid-target';
}

/** Done once an output: when the target's disk holds all of the log, it is its turn. */
export function advanceTransfer(raft: Raft): void {
  const { transfer } = raft;
  if (transfer === null || transfer.isAsked) return;
  if (raft.progress.get(transfer.to)?.match !== raft.log.lastIndex) return;
  transfer.isAsked = true;
  askToStand(raft, transfer.to);
}

/** With each heartbeat: what was sent may be lost. */
export function repeatTransfer(raft: Raft): void {
  if (raft.transfer?.isAsked === true) askToStand(raft, raft.transfer.to);
}

/** The target did not make it: going on as leader is better than no leader. */
export function transferTimeout(raft: Raft): void {
  const { transfer } = raft;
  if (transfer === null || raft.now < transfer.deadline) return;
  raft.transfer = null;
  raft.outbox.failed.push(failure(raft, transfer.id, 'transfer-timeout'));
}

/** Stops leading, and names a successor instead of letting everybody wait for an election timeout. */
export function resign(raft: Raft): void {
  const successor = mostCaughtUp(raft);
  if (successor !== null) askToStand(raft, successor);
  changeRole(raft, 'follower', null);
}

function askToStand(raft: Raft, to: MemberId): void {
  // From now on voters may drop their promise at any time, for as long as the request is on its way: no lease again in this term.
  raft.lease.giveUp();
  send(raft, { type: 'timeoutNow', from: raft.options.id, to, term: raft.term });
}

/** Among the voters that were heard of within an election time. */
function mostCaughtUp(raft: Raft): MemberId | null {
  let best: MemberId | null = null;
  let most = -1;
  for (const member of raft.configuration.voters) {
    const progress = raft.progress.get(member);
    if (progress === undefined || raft.now - progress.lastContact > raft.options.electionMs) continue;
    if (progress.match <= most) continue;
    best = member;
    most = progress.match;
  }
  return best;
}

function failure(raft: Raft, id: TransferId, reason: Failure['reason']): Failure {
  return { what: 'transfer', id, reason, detail: null, leaderHint: raft.leader };
}
