import type { Progress } from './progress.ts';
import { acknowledge, follow, promise, type Raft } from './raft.ts';
import type { Index, MemberId, SnapshotMeta, SnapshotToken, Term } from './types.ts';

/** The peer needs entries that have left the log: it gets the state that they led to (Raft §7). Only one that is there to take it. */
export function sendSnapshot(raft: Raft, member: MemberId, progress: Progress): void {
  if (raft.now - progress.lastContact > raft.options.electionMs) return;
  const token: SnapshotToken = raft.nextToken++;
  progress.beginSnapshot({ token, atLeast: raft.checkpointed, lastProgress: raft.now });
  raft.outbox.snapshotSends.push({ token, member, atLeast: raft.checkpointed });
}

/** Its log goes on behind the snapshot, unless it says otherwise when it gets the next append. */
export function snapshotSent(raft: Raft, token: SnapshotToken, index: Index): void {
  for (const progress of raft.progress.values()) {
    if (progress.snapshot?.token === token) progress.snapshotSent(index, raft.now);
  }
}

/** Tried again when it answers a heartbeat. */
export function snapshotFailed(raft: Raft, token: SnapshotToken): void {
  for (const progress of raft.progress.values()) {
    if (progress.snapshot?.token === token) progress.pause(raft.now);
  }
}

/** However large the state and slow the link: one that arrives bit by bit is waited for. */
export function snapshotProgress(raft: Raft, token: SnapshotToken): void {
  for (const { snapshot } of raft.progress.values()) {
    if (snapshot?.token === token) snapshot.lastProgress = raft.now;
  }
}

/** A driver that never reports would leave the peer behind for ever (etcd #10225). */
export function expireSnapshot(raft: Raft, progress: Progress): void {
  const lastProgress = progress.snapshot?.lastProgress ?? raft.now;
  if (raft.now - lastProgress > raft.options.snapshotDeadlineMs) progress.pause(raft.now);
}

/**
 * What it contains is committed, whoever sent it: it does not matter whether that leader still leads. It replaces the log only if
 * the log does not hold its last entry (Raft §7); then nothing that the log has behind the commit index can stand.
 */
export function snapshotReceived(raft: Raft, snapshot: SnapshotMeta, term: Term): void {
  const { durability, log, outbox } = raft;
  const { position } = snapshot;
  if (term > raft.term) follow(raft, term, null);
  const isNews = raft.role !== 'leader' && position.index > log.committed;
  if (!isNews || durability.isInstalling || log.matches(position)) {
    if (isNews && log.matches(position)) log.commitTo(position.index);
    outbox.discarded.push(snapshot.id);
    return;
  }
  install(raft, snapshot);
}

/** Of an earlier one this says nothing: another has taken its place meanwhile. */
export function restored(raft: Raft, id: string): void {
  if (raft.restoring === id) raft.restoring = null;
}

function install(raft: Raft, snapshot: SnapshotMeta): void {
  const { durability, log } = raft;
  const { index } = snapshot.position;
  // A campaign asked for votes with a log that is gone.
  if (raft.role !== 'follower') follow(raft, raft.term, null);
  durability.stageSnapshot(snapshot, log.committed);
  raft.restoring = snapshot.id;
  log.replaceBy(snapshot.position);
  raft.configurations.replaced(index, snapshot.configuration);
  raft.checkpointed = index;
  // The log may end earlier now than what was acknowledged in an earlier term: the pair goes along, as with any truncation.
  acknowledge(raft, index);
  if (raft.leader === null) return;
  const { audience, leader: to, options, term } = raft;
  promise(raft, { type: 'appendAccepted', from: options.id, to, term, match: index, audience });
}
