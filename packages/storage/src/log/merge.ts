// Neighbouring persist jobs as one write, and every claim that a job makes about the log checked before anything is written. Pure:
// the memory and the LevelDB store share it.
import type {
  Acknowledged,
  Entry,
  HardState,
  Index,
  LogPosition,
  PersistJob,
  SnapshotMeta,
  TermRun,
} from '@conclave/core';
import { maxEntryBytes, maxPersistBytes } from '../bounds.ts';
import { compareAcknowledged } from '../storage.ts';
import { assertUse, refuseUse } from '../storage-error.ts';
import { runsBefore, runsBehind, runsWith, termAt } from './term-runs.ts';

/** What the store knows of its log without reading it. */
export interface LogHead {
  readonly hardState: HardState;
  readonly acknowledged: Acknowledged;
  readonly base: LogPosition;
  readonly tail: Index;
  readonly terms: readonly TermRun[];
}

export interface LogWrite {
  /** After the write. */
  readonly head: LogHead;
  /** Everything from this index on is replaced by `entries`; null when the log itself does not change. */
  readonly from: Index | null;
  readonly entries: readonly Entry[];
  /** The log was replaced before `entries`: it is empty behind this position, whatever it held. */
  readonly snapshot: SnapshotMeta | null;
}

/** Throws `misuse` when the jobs contradict the log, each other, or the state's last durable checkpoint. */
export function mergeJobs(head: LogHead, checkpointed: LogPosition | null, jobs: readonly PersistJob[]): LogWrite {
  assertUse(jobs.length > 0, 'to persist no job at all');
  let merged: LogWrite = { head, from: null, entries: [], snapshot: null };
  let sequence = -1;
  let bytes = 0;
  for (const job of jobs) {
    if (!(job.sequence > sequence)) refuseUse(`job ${job.sequence} behind job ${sequence}`);
    sequence = job.sequence;
    for (const entry of job.entries) bytes += entry.data.length;
    if (bytes > maxPersistBytes) refuseUse(`more than ${maxPersistBytes} bytes in one batch`);
    if (job.snapshot !== null) merged = replaced(merged.head, checkpointed, job.snapshot);
    merged = addJob(merged, job);
    assertBehindCheckpoint(merged, checkpointed);
  }
  return merged;
}

/** An empty log behind the snapshot. */
function replaced(head: LogHead, checkpointed: LogPosition | null, snapshot: SnapshotMeta): LogWrite {
  const { index, term } = snapshot.position;
  // What was committed or applied here must be in it, or clients would see the state go back.
  const least = Math.max(head.base.index + 1, head.hardState.commit, checkpointed?.index ?? 0);
  assertUse(index >= least, `to replace the log by a snapshot at index ${index}, which must reach ${least}`);
  assertUse(
    term >= (checkpointed?.term ?? 0),
    `a snapshot of term ${term} over a state of term ${checkpointed?.term ?? 0}`,
  );
  const empty: LogHead = { ...head, base: snapshot.position, tail: index, terms: [] };
  return { head: empty, from: (index + 1) as Index, entries: [], snapshot };
}

function addJob({ head, from, entries, snapshot }: LogWrite, job: PersistJob): LogWrite {
  assertPledgeKept(head, job);
  assertBase(head, from, job);
  const first = job.entries[0]?.index ?? ((job.tail + 1) as Index);
  if (!(first <= head.tail + 1)) refuseUse(`entry ${first} behind a log that ends at ${head.tail}`);
  const terms = first <= head.tail ? truncated(head, first) : head.terms;
  assertContiguous(head, terms, first, job);
  const next: LogHead = {
    hardState: job.hardState,
    acknowledged: job.acknowledged,
    base: job.base,
    tail: job.tail,
    terms: runsBehind(runsWith(terms, job.entries), job.base.index, job.tail),
  };
  if (first > head.tail && job.entries.length === 0) return { head: next, from, entries, snapshot };
  if (from === null || first <= from) return { head: next, from: first, entries: job.entries, snapshot };
  return { head: next, from, entries: [...entries.slice(0, first - from), ...job.entries], snapshot };
}

function truncated(head: LogHead, first: Index): readonly TermRun[] {
  assertUse(
    first > head.base.index,
    `to replace entry ${first}, which lies at or before the log's base ${head.base.index}`,
  );
  // A follower that truncates what is committed destroys what clients were told (study/raft.md §5, 18).
  assertUse(first > head.hardState.commit, `to replace entry ${first} when ${head.hardState.commit} is committed`);
  return runsBefore(head.terms, first);
}

/** Where the log begins moves forward only, over entries that are durable and committed. */
function assertBase(head: LogHead, from: Index | null, { base, hardState }: PersistJob): void {
  const durable = from === null ? head.tail : from - 1;
  if (!(base.index >= head.base.index && base.index <= durable))
    refuseUse(`a log that begins behind ${base.index}, of one from ${head.base.index} to ${durable} that is durable`);
  const term = termAt(head.terms, head.base, base.index);
  if (base.term !== term) refuseUse(`entry ${base.index} of term ${base.term} as the base, and it is of term ${term}`);
  if (!(base.index <= hardState.commit))
    refuseUse(`to truncate up to ${base.index} when ${hardState.commit} is committed`);
}

/** What lies in front of the log is in the state, or nowhere (study/raft.md §5, 32). */
function assertBehindCheckpoint({ head, snapshot }: LogWrite, checkpointed: LogPosition | null): void {
  const least = snapshot?.position.index ?? checkpointed?.index ?? 0;
  if (!(head.base.index <= least))
    refuseUse(`to truncate the log up to ${head.base.index} when the state is durable up to ${least}`);
}

function assertPledgeKept(head: LogHead, job: PersistJob): void {
  const { term, vote } = head.hardState;
  const next = job.hardState;
  if (!(next.term >= term)) refuseUse(`term ${next.term} after term ${term}`);
  if (next.term === term && vote !== null && next.vote !== vote)
    refuseUse(`in term ${term} a vote for ${next.vote} after one for ${vote}`);
  if (!(compareAcknowledged(job.acknowledged, head.acknowledged) >= 0))
    refuseUse(
      `to have acknowledged index ${job.acknowledged.index} in term ${job.acknowledged.term} after index ` +
        `${head.acknowledged.index} in term ${head.acknowledged.term}`,
    );
}

function assertContiguous(head: LogHead, terms: readonly TermRun[], first: Index, job: PersistJob): void {
  let term = termAt(terms, head.base, (first - 1) as Index);
  let index: number = first;
  for (const entry of job.entries) {
    if (entry.index !== index) refuseUse(`entry ${entry.index} where ${index} is due`);
    if (!(entry.term >= term)) refuseUse(`entry ${index} of term ${entry.term} behind one of term ${term}`);
    if (entry.data.length > maxEntryBytes) refuseUse(`entry ${index} with ${entry.data.length} bytes of data`);
    term = entry.term;
    index++;
  }
  if (job.tail !== index - 1) refuseUse(`a tail of ${job.tail} after entry ${index - 1}`);
  if (!(term <= job.hardState.term)) refuseUse(`an entry of term ${term} in term ${job.hardState.term}`);
}
