import { appendOwn } from './own-log.ts';
import { changeRole, type Raft, send } from './raft.ts';
import { EntryKind, type Failure, type MemberId, type TransferId } from './types.ts';

/**
 * A member of which nothing was heard for this part of an election time, which is some heartbeats, is not handed anything: writes would wait
 * for it in vain. Shorter, and a machine under load hands over to nobody.
 */
const silentPart = 0.5;

/**
 * Hands leadership over (thesis §3.10): proposals stop, the target gets what it lacks, and is told to stand for election at once.
 *
 * That request may be delivered late, or twice, when the leader has given the transfer up and leads on. It must not be unseated by it,
 * so a leader that gives up after it has asked appends an entry. A target that has this entry sees that its log is longer than the request
 * says, and drops it. One that has not asks the others before it begins a term, and as soon as a majority has the entry it is refused there.
 */
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
  const others = raft.configuration.voters.filter((member) => member !== raft.options.id);
  if (target === null) return others[0] === undefined ? 'invalid-target' : obstacle(raft, others[0]);
  return others.includes(target) ? obstacle(raft, target) : 'invalid-target';
}

/** Why nothing can be handed to `target` now: writes would stand still for as long as it takes to find out. */
function obstacle(raft: Raft, target: MemberId): 'target-unreachable' | 'target-behind' | null {
  const progress = raft.progress.get(target);
  const silenceMs = silentPart * raft.options.electionMs;
  if (progress === undefined || progress.isCut || raft.now - progress.lastContact > silenceMs)
    return 'target-unreachable';
  const needsSnapshot = progress.state === 'snapshot' || progress.next <= raft.log.base.index;
  return needsSnapshot || !progress.canLead ? 'target-behind' : null;
}

/** Done once an output, before anything is sent: a target that is lost on the way is not waited for. */
export function reviewTransfer(raft: Raft): void {
  const reason = raft.transfer === null ? null : obstacle(raft, raft.transfer.to);
  if (reason !== null) giveUp(raft, reason);
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

export function transferTimeout(raft: Raft): void {
  if (raft.transfer !== null && raft.now >= raft.transfer.deadline) giveUp(raft, 'transfer-timeout');
}

/** The target did not make it: going on as leader is better than no leader. */
function giveUp(raft: Raft, reason: Failure['reason']): void {
  const { transfer } = raft;
  if (transfer === null) return;
  raft.transfer = null;
  raft.outbox.failed.push(failure(raft, transfer.id, reason));
  // It may still be asked: see above.
  if (transfer.isAsked) appendOwn(raft, EntryKind.Noop, new Uint8Array(0));
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
  send(raft, { type: 'timeoutNow', from: raft.options.id, to, term: raft.term, lastIndex: raft.log.lastIndex });
}

/** Among the voters to which leadership could go now. */
function mostCaughtUp(raft: Raft): MemberId | null {
  let best: MemberId | null = null;
  let most = -1;
  for (const member of raft.configuration.voters) {
    const progress = raft.progress.get(member);
    if (progress === undefined || obstacle(raft, member) !== null || progress.match <= most) continue;
    best = member;
    most = progress.match;
  }
  return best;
}

function failure(raft: Raft, id: TransferId, reason: Failure['reason']): Failure {
  return { what: 'transfer', id, reason, detail: null, leaderHint: raft.leader };
}
