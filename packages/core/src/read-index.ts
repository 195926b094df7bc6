import { heartbeat } from './leader.ts';
import { holdsLease } from './lease.ts';
import type { ReadIndexRequest, ReadIndexResponse } from './message.ts';
import { reachedByQuorum } from './quorum.ts';
import { type Raft, send } from './raft.ts';
import type { Round } from './reads.ts';
import type { ReadId } from './types.ts';

/** Asks for an index at which a read that begins now may be served. */
export function readIndex(raft: Raft, id: ReadId): void {
  const { reads } = raft;
  if (raft.leader === null) refuse(raft, id, 'not-leader');
  else if (reads.localCount >= raft.options.maxWaitingReads) refuse(raft, id, 'overloaded');
  else if (raft.role === 'leader') reads.waiting.push(id);
  else reads.unasked.push(id);
}

function refuse(raft: Raft, id: ReadId, reason: 'not-leader' | 'overloaded'): void {
  raft.outbox.failed.push({ what: 'read', id, reason, detail: null, leaderHint: raft.leader });
}

/** Starts the round that everything waiting shares, or asks the leader for one. Done once an output. */
export function advanceReads(raft: Raft): void {
  if (raft.role === 'leader') startRound(raft);
  else askLeader(raft);
}

function startRound(raft: Raft): void {
  const { log, options, reads } = raft;
  if (!reads.hasWaiting) return;
  // Until an entry of this term is committed, this leader does not know the commit index (Raft §8); a single member neither.
  if (log.termAt(log.committed) !== raft.term) return;
  if (holdsLease(raft)) {
    answer(raft, { index: log.committed, ...reads.takeWaiting() });
    return;
  }
  if (reads.rounds.length >= options.maxReadRounds) return;
  reads.startRound(heartbeat(raft), log.committed);
  confirmRounds(raft);
}

/** A majority answered a round: this was the leader when the round began, and nobody had committed more. */
export function confirmRounds(raft: Raft): void {
  const { configuration, options, progress, reads } = raft;
  if (raft.role !== 'leader' || reads.rounds.length === 0) return;
  const confirmed = reachedByQuorum(configuration, (member) =>
    member === options.id ? reads.sequence : (progress.get(member)?.readSequence ?? 0),
  );
  for (const round of reads.takeConfirmed(confirmed)) answer(raft, round);
}

function answer(raft: Raft, { index, local, requests }: Pick<Round, 'index' | 'local' | 'requests'>): void {
  for (const id of local) raft.outbox.reads.push({ id, index });
  for (const { member: to, request } of requests)
    send(raft, { type: 'readIndexResponse', from: raft.options.id, to, term: raft.term, request, index });
}

function askLeader(raft: Raft): void {
  const { options, reads } = raft;
  if (reads.unasked.length === 0 || reads.asked.size >= options.maxReadRounds) return;
  const request = reads.nextRequest();
  reads.asked.set(request, reads.unasked);
  reads.unasked = [];
  if (reads.asked.size === 1) reads.retryDeadline = raft.now + options.heartbeatMs;
  ask(raft, request);
}

/** A request or its answer may have been lost. */
export function readTimeout(raft: Raft): void {
  raft.reads.retryDeadline = raft.now + raft.options.heartbeatMs;
  for (const request of raft.reads.asked.keys()) ask(raft, request);
}

function ask(raft: Raft, request: number): void {
  if (raft.leader === null) return;
  send(raft, { type: 'readIndexRequest', from: raft.options.id, to: raft.leader, term: raft.term, request });
}

export function handleReadIndexRequest(raft: Raft, message: ReadIndexRequest): void {
  const { options, progress, reads, role } = raft;
  if (role === 'leader') reads.addRequest(message.from, message.request, progress.size * options.maxReadRounds);
}

export function handleReadIndexResponse(raft: Raft, message: ReadIndexResponse): void {
  const { reads } = raft;
  for (const id of reads.asked.get(message.request) ?? []) raft.outbox.reads.push({ id, index: message.index });
  reads.asked.delete(message.request);
  if (reads.asked.size === 0) reads.retryDeadline = Number.POSITIVE_INFINITY;
}
