import { assert } from './assertion.ts';
import type { Progress } from './progress.ts';
import type { Raft } from './raft.ts';
import type { Index } from './types.ts';

/**
 * A checkpoint of the state machine is durable. The log behind it may go, but for a tail that lets a follower which is a little behind
 * go on without a snapshot, and for what a snapshot under way will be continued from. The next persist job says so.
 */
export function checkpointed(raft: Raft, index: Index, spareBytes: number): void {
  // One of the state that a snapshot has replaced meanwhile.
  if (index <= raft.checkpointed) return;
  assert(index <= raft.log.applied, `a checkpoint at ${index}, beyond ${raft.log.applied}, which is applied`);
  raft.checkpointed = index;
  raft.configurations.forgetBefore(index);
  const { log, options } = raft;
  const tail = Math.min(index, log.indexBeforeTail(options.keptLogEntries, options.keptLogBytes)) as Index;
  const target = neededByPeers(raft, tail, spareBytes);
  if (target > log.base.index) log.compactTo(target);
}

/**
 * What is sent to them next, if that lies before `tail`: without it a peer that has just been given a snapshot would need another one at
 * once. Within bounds, for one that takes for ever must not fill the disk.
 */
function neededByPeers(raft: Raft, tail: Index, spareBytes: number): Index {
  const { log, options, progress } = raft;
  const { keptForPeersBytes, keptForSnapshotsBytes } = options;
  const forSnapshots = Math.max(keptForPeersBytes, Math.min(keptForSnapshotsBytes, spareBytes));
  let needed = tail;
  for (const peer of progress.values()) {
    const before = neededBy(raft, peer);
    if (before === null || before >= needed) continue;
    const bytes = takesSnapshot(raft, peer) ? forSnapshots : keptForPeersBytes;
    needed = Math.min(needed, Math.max(before, log.indexBeforeTail(Number.POSITIVE_INFINITY, bytes))) as Index;
  }
  for (const peer of progress.values()) if (peer.canLead && peer.match >= tail) peer.catchingUpSince = null;
  return needed;
}

/** From its beginning until the peer, with its new state loaded, has what was written meanwhile; unless it stands still. */
function takesSnapshot({ now, options }: Raft, { catchingUpSince, snapshot }: Progress): boolean {
  if (snapshot !== null) return true;
  return catchingUpSince !== null && now - catchingUpSince <= options.snapshotDeadlineMs;
}

/** Null: nothing, because it is not there, or needs a snapshot anyway. */
function neededBy({ log, now, options }: Raft, peer: Progress): Index | null {
  if (peer.snapshot !== null) return peer.snapshot.atLeast;
  if (now - peer.lastContact > options.electionMs) return null;
  // What was sent ahead may be lost; while it is not known where the logs part, the guess is all there is.
  const before = peer.state === 'replicate' ? peer.match : ((peer.next - 1) as Index);
  return before < log.base.index ? null : before;
}
