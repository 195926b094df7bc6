// The canonical text of everything that core says and is. All golden output of scenarios comes from here.

import {
  type Configuration,
  decodeConfiguration,
  type Entry,
  EntryKind,
  type Failure,
  type Leadership,
  type LogPosition,
  type Message,
  type PersistJob,
  type RaftStatus,
} from '@conclave/core';
import type { DiskImage } from '../disk.ts';

/** `term/index`, as etcd writes it. */
export function describePosition({ index, term }: LogPosition): string {
  return `${term}/${index}`;
}

function describeEntry(entry: Entry): string {
  return `${describePosition(entry)} ${describeData(entry)}`;
}

function describeData({ data, kind }: Entry): string {
  if (kind === EntryKind.Noop) return 'noop';
  if (kind === EntryKind.Configuration) return describeConfiguration(decodeConfiguration(data).configuration);
  const text = new TextDecoder().decode(data);
  return text.length <= 12 ? text : `${text.slice(0, 12).replace(/\.+$/, '')}… (${data.byteLength} bytes)`;
}

export function describeEntries(entries: readonly Entry[]): string {
  return `[${entries.map(describeEntry).join(', ')}]`;
}

/** Joint: `voters=(1,2,4)+(1,2,3)`, the incoming ones first. */
export function describeConfiguration(configuration: Configuration): string {
  const { leaseReads, learners, learnersNext, voters, votersOutgoing } = configuration;
  const parts = [`voters=(${voters.join(',')})`];
  if (votersOutgoing.length > 0) parts[0] += `+(${votersOutgoing.join(',')})`;
  if (learners.length > 0) parts.push(`learners=(${learners.join(',')})`);
  if (learnersNext.length > 0) parts.push(`learners-next=(${learnersNext.join(',')})`);
  if (leaseReads) parts.push('lease-reads=on');
  return parts.join(' ');
}

export function describeMessage(message: Message): string {
  return `${message.from}->${message.to} ${nameOf(message)} term=${message.term}${describeBody(message)}`;
}

/** As scenarios write it: `append-accepted`. */
export function nameOf({ type }: Message): string {
  return type.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function describeBody(message: Message): string {
  switch (message.type) {
    case 'preVote':
      return ` for-term=${message.campaignTerm} last=${message.lastTerm}/${message.lastIndex}${message.transfer ? ' transfer' : ''}`;
    case 'preVoteResponse':
      return ` for-term=${message.campaignTerm} ${message.granted ? 'granted' : 'refused'}`;
    case 'vote':
      return ` last=${message.lastTerm}/${message.lastIndex}${message.transfer ? ' transfer' : ''}`;
    case 'voteResponse':
      return message.granted ? ' granted' : ' refused';
    case 'append':
      return ` prev=${message.prevTerm}/${message.prevIndex} commit=${message.commit} ${describeEntries(message.entries)}`;
    case 'appendAccepted':
      return ` match=${message.match}${message.audience ? '' : ' no-audience'}`;
    case 'appendRejected':
      return ` rejected=${message.rejected} hint=${message.hintTerm}/${message.hintIndex}`;
    case 'heartbeat':
      return ` round=${message.readSequence} commit=${message.commit}`;
    case 'heartbeatResponse':
      return ` round=${message.readSequence}${message.canLead ? '' : ' cannot-lead'}`;
    case 'commitNotice':
      return ` commit=${message.commit}`;
    case 'readIndexRequest':
      return ` request=${message.request}`;
    case 'readIndexResponse':
      return ` request=${message.request} index=${message.index}`;
    case 'timeoutNow':
      return ` last=${message.lastIndex}`;
  }
}

/** One atomic write. `acknowledged` is the pair that goes with it. */
export function describeJob(job: PersistJob): string {
  const { acknowledged, base, entries, hardState, sequence, snapshot, tail } = job;
  const parts = [`write #${sequence}:`, `term=${hardState.term}`, `vote=${hardState.vote ?? '-'}`];
  parts.push(`acknowledged=${acknowledged.index}@${acknowledged.term}`);
  if (base.index > 0) parts.push(`base=${describePosition(base)}`);
  if (snapshot !== null) parts.push(`snapshot=${describePosition(snapshot.position)}`);
  parts.push(`tail=${tail}`);
  if (entries.length > 0) parts.push(describeEntries(entries));
  return parts.join(' ');
}

export function describeLeadership({ leader, role, term }: Leadership): string {
  const of = role === 'follower' ? ` leader=${leader ?? '-'}` : '';
  return `${role} term=${term}${of}`;
}

export function describeFailure({ detail, leaderHint, reason, what }: Failure, name: string): string {
  const hint = reason === 'not-leader' || reason === 'leadership-lost' ? ` leader=${leaderHint ?? '-'}` : '';
  return `${what} ${name} refused: ${reason}${hint}${detail === null ? '' : ` (${detail})`}`;
}

export function describeStatus(status: RaftStatus): string {
  const { applied, base, committed, durable, lastIndex, vote } = status;
  const log = base.index > 0 ? ` base=${describePosition(base)}` : '';
  const numbers = `vote=${vote ?? '-'}${log} last=${lastIndex} durable=${durable} committed=${committed} applied=${applied}`;
  return `${describeLeadership(status)} ${numbers} ${describeConfiguration(status.configuration)}`;
}

export function describeProgress({ peers }: RaftStatus): string[] {
  return peers.map(
    ({ id, inFlight, match, next, state }) => `${id} ${state} match=${match} next=${next} in-flight=${inFlight}`,
  );
}

export function describeImage({ acknowledged, base, checkpoint, entries, hardState }: DiskImage): string {
  const { term, vote } = hardState;
  const log = base.index > 0 ? ` base=${describePosition(base)}` : '';
  const state = checkpoint.position.index > 0 ? ` state=${describePosition(checkpoint.position)}` : '';
  return `disk: term=${term} vote=${vote ?? '-'} acknowledged=${acknowledged.index}@${acknowledged.term}${state}${log} ${describeEntries(entries)}`;
}
