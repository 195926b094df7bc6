import type { HeartbeatResponse, ReadSequence } from './message.ts';
import { appendOwn, trackMembers } from './own-log.ts';
import type { Progress } from './progress.ts';
import { reachedByQuorum } from './quorum.ts';
import { changeRole, type Raft, send } from './raft.ts';
import { advanceCommit } from './replication.ts';
import { repeatTransfer, resign } from './transfer.ts';
import { EntryKind, type Index, type MemberId, type Proposal } from './types.ts';

export function becomeLeader(raft: Raft): void {
  changeRole(raft, 'leader', raft.options.id);
  trackMembers(raft, (raft.log.lastIndex + 1) as Index);
  raft.lease.begin();
  // Entries of earlier terms are committed only along with one of this term (Raft §5.4.2), so every term opens with one.
  raft.termStart = appendOwn(raft, EntryKind.Noop, new Uint8Array(0));
  raft.heartbeatDeadline = raft.now + raft.options.heartbeatMs;
  heartbeat(raft);
}

export function propose(raft: Raft, items: readonly Proposal[]): void {
  for (const { id, data } of items) {
    const reason = refusal(raft, data.byteLength);
    if (reason === null) {
      const index = appendOwn(raft, EntryKind.Command, data);
      raft.outbox.accepted.push({ id, index, term: raft.term });
    } else {
      raft.outbox.failed.push({ what: 'proposal', id, reason, detail: null, leaderHint: raft.leader });
    }
  }
}

function refusal(raft: Raft, bytes: number): 'not-leader' | 'transferring' | 'overloaded' | null {
  if (raft.role !== 'leader') return 'not-leader';
  if (raft.transfer !== null) return 'transferring';
  const { maxUnappliedBytes, maxUnappliedEntries } = raft.options;
  const { unappliedBytes, unappliedEntries } = raft.log;
  // A single entry above the bound still gets through, alone.
  if (unappliedEntries === 0) return null;
  return unappliedBytes + bytes > maxUnappliedBytes || unappliedEntries >= maxUnappliedEntries ? 'overloaded' : null;
}

/** Time for a heartbeat, and to look whether a majority was heard of within an election time (CheckQuorum, thesis §6.2). */
export function heartbeatTimeout(raft: Raft): void {
  const lastContact = reachedByQuorum(raft.configuration, (member) => contactWith(raft, member));
  if (raft.now - lastContact > raft.options.electionMs) {
    changeRole(raft, 'follower', null);
    return;
  }
  if (isDiskStalled(raft)) {
    resign(raft);
    return;
  }
  raft.heartbeatDeadline = raft.now + raft.options.heartbeatMs;
  heartbeat(raft);
  repeatTransfer(raft);
}

/**
 * The followers' disks can commit without it, but nothing is applied or answered here, and heartbeats would keep everybody from
 * electing a leader that works (hashicorp/raft #503, #614; consul #3552).
 */
function isDiskStalled(raft: Raft): boolean {
  const since = raft.durability.waitingSince;
  return since !== null && raft.now - since > raft.options.electionMs;
}

/** Those of a round of reads come in between and put nothing off: with them, looking after the quorum would wait as well. */
export function heartbeat(raft: Raft): ReadSequence {
  const readSequence = raft.reads.nextSequence();
  raft.lease.sent(readSequence, raft.now);
  for (const [to, progress] of raft.progress) {
    const commit = Math.min(raft.log.committed, progress.match) as Index;
    progress.sentCommit = commit;
    send(raft, {
      type: 'heartbeat',
      from: raft.options.id,
      to,
      term: raft.term,
      commit,
      readSequence,
    });
  }
  return readSequence;
}

export function handleHeartbeatResponse(raft: Raft, message: HeartbeatResponse): void {
  const progress = raft.progress.get(message.from);
  if (progress === undefined) return;
  progress.heard(raft.now);
  progress.canLead = message.canLead;
  if (message.readSequence > progress.readSequence) progress.readSequence = message.readSequence;
  // An append, or its answer, may have been lost with nothing behind it to notice: ask again, within the window or not. Not at every
  // answer: rounds of reads bring them by the thousand, and what left a moment ago is only on its way.
  if (progress.state === 'snapshot') return;
  if (progress.match < raft.log.lastIndex && raft.now - progress.lastActivity >= raft.options.heartbeatMs) {
    progress.lastActivity = raft.now;
    if (progress.state === 'probe' && progress.next <= raft.log.lastIndex) progress.probeSent = false;
    else askForMatch(raft, message.from, progress);
  }
}

/** An append without entries: it is rejected if one before it got lost (etcd's replicate_pause, etcd #14633). */
function askForMatch(raft: Raft, to: MemberId, progress: Progress): void {
  const prevIndex = (progress.next - 1) as Index;
  const prevTerm = raft.log.termAt(prevIndex);
  // It has left the log: a snapshot is due, and nothing to ask.
  if (prevTerm === null) return;
  const { log, options, term } = raft;
  send(raft, { type: 'append', from: options.id, to, term, prevIndex, prevTerm, commit: log.committed, entries: [] });
}

/** The leader's own disk counts like a follower's. */
export function ownDiskAdvanced(raft: Raft): void {
  if (raft.role === 'leader') advanceCommit(raft);
}

function contactWith(raft: Raft, member: MemberId): number {
  return member === raft.options.id ? raft.now : (raft.progress.get(member)?.lastContact ?? Number.NEGATIVE_INFINITY);
}
