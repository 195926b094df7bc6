import { assert, fail } from './assertion.ts';
import { sizeOf } from './log.ts';
import type { AppendAccepted, AppendRejected } from './message.ts';
import type { Progress } from './progress.ts';
import { reachedByQuorum } from './quorum.ts';
import { type Raft, send } from './raft.ts';
import { expireSnapshot, sendSnapshot } from './snapshot.ts';
import type { Entry, Index, LoadToken, MemberId } from './types.ts';

/** Sends every peer what it may be sent. Done once an output, so that many proposals leave in one append. */
export function replicate(raft: Raft): void {
  for (const [member, progress] of raft.progress) {
    if (progress.state === 'snapshot') expireSnapshot(raft, progress);
    else if (needsSnapshot(raft, progress)) sendSnapshot(raft, member, progress);
    else sendEntries(raft, member, progress);
    if (progress.audience) noticeCommit(raft, member, progress);
  }
}

/** What it needs next is not in the log any more, or what comes before it: an append could not be checked there. */
function needsSnapshot({ log }: Raft, progress: Progress): boolean {
  return progress.next <= log.base.index && !(progress.state === 'probe' && progress.probeSent);
}

function sendEntries(raft: Raft, member: MemberId, progress: Progress): void {
  if (progress.next <= raft.log.base.index) return;
  while (progress.next <= raft.log.lastIndex && progress.mayReceive(raft.options)) {
    const entries = raft.log.slice(progress.next, raft.options.maxAppendBytes);
    if (entries === null) load(raft, progress);
    else sendAppend(raft, member, progress, entries);
  }
}

function sendAppend(raft: Raft, to: MemberId, progress: Progress, entries: readonly Entry[]): void {
  const { log, options, term } = raft;
  const prevIndex = (progress.next - 1) as Index;
  const prevTerm = log.termAt(prevIndex);
  const last = entries.at(-1);
  assert(
    prevTerm !== null && last !== undefined && entries[0]?.index === progress.next,
    `append from ${progress.next}`,
  );
  send(raft, { type: 'append', from: options.id, to, term, prevIndex, prevTerm, commit: log.committed, entries });
  progress.sentCommit = Math.min(log.committed, last.index) as Index;
  progress.sent(
    last.index,
    entries.reduce((sum, entry) => sum + sizeOf(entry), 0),
    raft.now,
  );
}

/** Where somebody waits for it, a commit is heard of at once, also when no append is due. */
function noticeCommit(raft: Raft, to: MemberId, progress: Progress): void {
  const commit = Math.min(raft.log.committed, progress.match) as Index;
  if (commit <= progress.sentCommit) return;
  progress.sentCommit = commit;
  send(raft, { type: 'commitNotice', from: raft.options.id, to, term: raft.term, commit });
}

function load(raft: Raft, progress: Progress): void {
  const token: LoadToken = raft.nextToken++;
  progress.loading = token;
  raft.outbox.loads.push({ token, from: progress.next, maxBytes: raft.options.maxAppendBytes });
}

/** The storage has read old entries; whoever asked may have moved on meanwhile. */
export function entriesLoaded(raft: Raft, token: LoadToken, entries: readonly Entry[]): void {
  for (const [member, progress] of raft.progress) {
    if (progress.loading !== token) continue;
    progress.loading = null;
    // Asking again at once would turn a storage that fails into a loop at full speed.
    if (entries[0]?.index !== progress.next) progress.pause(raft.now);
    // The log was cut meanwhile: `replicate` sees to it.
    else if (progress.next <= raft.log.base.index) continue;
    else if (progress.mayReceive(raft.options)) sendAppend(raft, member, progress, entries);
  }
}

export function handleAppendAccepted(raft: Raft, message: AppendAccepted): void {
  const progress = raft.progress.get(message.from);
  if (progress === undefined) return;
  if (message.match > raft.log.lastIndex)
    fail(`member ${message.from} acknowledged ${message.match}, beyond ${raft.log.lastIndex}`);
  progress.heard(raft.now);
  progress.audience = message.audience;
  progress.accepted(message.match, { base: raft.log.base.index, last: raft.log.lastIndex }, raft.now);
  advanceCommit(raft);
}

/**
 * The peer's log parts from ours at or before `rejected`. It named the last place at which the logs could agree as far as it can tell
 * from the term we sent; we skip, in turn, everything of ours that cannot agree with the term it has there.
 */
export function handleAppendRejected(raft: Raft, message: AppendRejected): void {
  const progress = raft.progress.get(message.from);
  if (progress === undefined) return;
  progress.heard(raft.now);
  if (progress.isStaleRejection(message.rejected)) return;
  // Below the base nothing can be compared any more; the log cannot be continued there either.
  const common = raft.log.terms.lastAtMost(message.hintIndex, message.hintTerm);
  const next = Math.min(message.rejected, message.hintIndex + 1, common.index + 1);
  progress.probeFrom(Math.max(next, progress.match + 1) as Index);
}

/** Something that was sent to `member` is known to be lost. */
export function unreachable(raft: Raft, member: MemberId): void {
  const progress = raft.progress.get(member);
  if (progress?.state === 'replicate') progress.probeFrom((progress.match + 1) as Index);
}

/** Raft §5.3 and §5.4.2: committed is what a majority holds durably, if it is of this term; everything before it is with it. */
export function advanceCommit(raft: Raft): void {
  const { configuration, durability, log, options, progress } = raft;
  const reached = reachedByQuorum(configuration, (member) =>
    member === options.id ? durability.durableIndex : (progress.get(member)?.match ?? 0),
  ) as Index;
  if (reached > log.committed && log.termAt(reached) === raft.term) log.commitTo(reached);
}
