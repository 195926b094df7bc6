import { fail } from './assertion.ts';
import type { Append, CommitNotice, Heartbeat } from './message.ts';
import { acknowledge, hearFromLeader, promise, type Raft, send } from './raft.ts';
import type { Index } from './types.ts';

/** Raft §5.3: the consistency check, the repair, and the commit index that comes along. */
export function handleAppend(raft: Raft, message: Append): void {
  hearFromLeader(raft, message.from);
  const { log } = raft;
  const previous = { index: message.prevIndex, term: message.prevTerm };
  // What is committed is equal in both logs: an append that was overtaken may begin in there.
  if (message.prevIndex >= log.committed && !log.matches(previous)) {
    const hint = log.terms.lastAtMost(message.prevIndex, message.prevTerm);
    promise(raft, {
      type: 'appendRejected',
      from: raft.options.id,
      to: message.from,
      term: raft.term,
      rejected: message.prevIndex,
      hintIndex: hint.index,
      hintTerm: hint.term,
    });
    return;
  }
  if (isOverfull(raft, message)) return;
  const match = Math.max(message.prevIndex + message.entries.length, log.committed) as Index;
  appendMissing(raft, message);
  // Not the end of the log: behind `match` there may be entries of an old term that this leader does not have.
  log.commitTo(Math.min(message.commit, match) as Index);
  accept(raft, message, match);
}

/**
 * More is committed here than the state machine has taken, because it loads a snapshot, or is slow. What would come on top of that is as
 * good as lost: it is not acknowledged, and the leader, whose window it leaves full, tries again with its next heartbeat. Only what is
 * committed is counted. It will be applied whatever else arrives, which is not true of the rest: the end of that may be what a new leader
 * must have acknowledged to commit anything.
 */
function isOverfull({ log, options }: Raft, { entries }: Append): boolean {
  const first = log.firstNew(entries);
  if (first === null || first.index <= log.lastIndex) return false;
  return log.backlogBytes > options.maxUnappliedBytes || log.backlogEntries > options.maxUnappliedEntries;
}

/** Cuts the log only where an entry really conflicts: an append that was overtaken must not take back what a later one brought. */
function appendMissing(raft: Raft, { entries }: Append): void {
  const first = raft.log.firstNew(entries);
  if (first === null) return;
  if (first.index <= raft.log.lastIndex) {
    raft.log.truncateFrom(first.index);
    raft.configurations.truncatedFrom(first.index);
  }
  raft.durability.stageEntries(first.index);
  for (const entry of entries) {
    if (entry.index < first.index) continue;
    raft.log.append(entry);
    raft.configurations.appended(entry);
  }
}

function accept(raft: Raft, message: Append, match: Index): void {
  // Usually an entry is being written anyway. If not, the pair alone is: an acknowledgement may leave only when it is on record.
  if (acknowledge(raft, match)) raft.durability.stageHardState();
  const { audience, options, term } = raft;
  promise(raft, { type: 'appendAccepted', from: options.id, to: message.from, term, match, audience });
}

export function handleHeartbeat(raft: Raft, message: Heartbeat): void {
  hearFromLeader(raft, message.from);
  learnCommit(raft, message);
  const { from, readSequence } = message;
  const canLead = raft.restoring === null;
  send(raft, { type: 'heartbeatResponse', from: raft.options.id, to: from, term: raft.term, readSequence, canLead });
}

export function handleCommitNotice(raft: Raft, message: CommitNotice): void {
  hearFromLeader(raft, message.from);
  learnCommit(raft, message);
}

/** The leader names only what this member has acknowledged to it: if the log does not hold it, the disk lost it. */
function learnCommit(raft: Raft, { commit }: Heartbeat | CommitNotice): void {
  if (commit > raft.log.lastIndex)
    fail(
      `the leader knows ${commit} to be in this log, which ends at ${raft.log.lastIndex}: acknowledged entries were lost`,
    );
  if (commit > raft.log.committed) raft.log.commitTo(commit);
}
