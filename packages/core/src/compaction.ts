import { assert } from './assertion.ts';
import type { Raft } from './raft.ts';
import type { Index } from './types.ts';

/**
 * A checkpoint of the state machine is durable. The log behind it may go, but for a tail that lets a follower which is a little behind
 * go on without a snapshot, and for what a snapshot under way will be continued from. The next persist job says so.
 */
export function checkpointed(raft: Raft, index: Index): void {
  // One of the state that a snapshot has replaced meanwhile.
  if (index <= raft.checkpointed) return;
  assert(index <= raft.log.applied, `a checkpoint at ${index}, beyond ${raft.log.applied}, which is applied`);
  raft.checkpointed = index;
  raft.configurations.forgetBefore(index);
  const { log, options } = raft;
  const tail = Math.min(index, log.indexBeforeTail(options.keptLogEntries, options.keptLogBytes));
  const target = Math.min(tail, neededByStreams(raft, index)) as Index;
  if (target > log.base.index) log.compactTo(target);
}

function neededByStreams(raft: Raft, index: Index): Index {
  const { log, options, progress } = raft;
  const needed = Math.min(index, ...[...progress.values()].map((peer) => peer.snapshot?.atLeast ?? index));
  // A stream that takes for ever must not fill the disk: it will be followed by another one.
  return Math.max(needed, log.indexBeforeTail(Number.POSITIVE_INFINITY, options.keptForSnapshotBytes)) as Index;
}
