import { encodeConfiguration, isJoint, isVoter, noContext } from './configuration.ts';
import { changed, left } from './configuration-change.ts';
import { maxContextBytes } from './options.ts';
import { appendOwn } from './own-log.ts';
import type { Raft } from './raft.ts';
import { resign } from './transfer.ts';
import {
  type ConfigurationChange,
  EntryKind,
  type Failure,
  type Index,
  type MemberId,
  type ProposalId,
} from './types.ts';

/** Raft §6, with both majorities from the first change to the last. In force here as soon as it is appended. */
export function changeConfiguration(
  raft: Raft,
  id: ProposalId,
  change: ConfigurationChange,
  context: Uint8Array,
): void {
  const refused = notNow(raft) ?? notLikeThis(raft, change, context);
  if (refused !== null) {
    raft.outbox.failed.push({ what: 'change', id, ...refused, leaderHint: raft.leader });
    return;
  }
  const next = changed(raft.configuration, change);
  if ('reason' in next) raft.outbox.failed.push({ what: 'change', id, ...next, leaderHint: raft.leader });
  else raft.outbox.accepted.push({ id, index: appendConfiguration(raft, next, context), term: raft.term });
}

type Refused = Pick<Failure, 'reason' | 'detail'>;

function notNow(raft: Raft): Refused | null {
  const { configuration, configurations, log } = raft;
  if (raft.role !== 'leader') return { reason: 'not-leader', detail: null };
  if (raft.transfer !== null) return { reason: 'transferring', detail: null };
  // Before that it is not known which changes of earlier leaders stand (Ongaro on raft-dev, 2015).
  if (log.termAt(log.committed) !== raft.term) return { reason: 'no-commit-in-term', detail: null };
  const isPending = isJoint(configuration) || configurations.latestIndex > log.committed;
  return isPending ? { reason: 'config-pending', detail: null } : null;
}

function notLikeThis(raft: Raft, change: ConfigurationChange, context: Uint8Array): Refused | null {
  if (context.byteLength > maxContextBytes) {
    const detail = `a context of ${context.byteLength} bytes is longer than ${maxContextBytes}`;
    return { reason: 'invalid-change', detail };
  }
  const learners = (change.promote ?? []).filter((member) => raft.configuration.learners.includes(member));
  const behind = learners.find((member) => !isCaughtUp(raft, member));
  return behind === undefined
    ? null
    : { reason: 'not-caught-up', detail: `member ${behind} lacks too much of the log` };
}

/**
 * A learner may vote when it was heard of within an election time, and durably holds everything that this leader's log held at some
 * moment within the last one: as a voter it would not keep entries from being committed for longer than an election does
 * (thesis §4.2.1, whose rounds the progress keeps).
 */
export function isCaughtUp(raft: Raft, member: MemberId): boolean {
  const progress = raft.progress.get(member);
  const since = raft.now - raft.options.electionMs;
  if (progress === undefined || progress.state !== 'replicate' || progress.lastContact < since) return false;
  return progress.match >= raft.log.lastIndex || progress.heldAsOf >= since;
}

function appendConfiguration(raft: Raft, configuration: Raft['configuration'], context: Uint8Array): Index {
  return appendOwn(raft, EntryKind.Configuration, encodeConfiguration({ configuration, context }));
}

/** Once the joint configuration is committed, whoever leads leaves it: also a leader that found it in its log. Done once an output. */
export function leaveJoint(raft: Raft): void {
  const { configuration, configurations, log } = raft;
  if (raft.role !== 'leader' || !isJoint(configuration) || configurations.latestIndex > log.committed) return;
  if (log.termAt(log.committed) === raft.term) appendConfiguration(raft, left(configuration), noContext);
}

/** Done once an output, after everybody was told what is committed: who has left, or lost the vote, need not be led by it, nor follow. */
export function dismiss(raft: Raft): void {
  if (raft.role !== 'leader') return;
  const { configuration, configurations, log, options } = raft;
  for (const [member, { leaving, match, sentCommit }] of raft.progress) {
    if (leaving === null) continue;
    const knows = match >= leaving.index && sentCommit >= leaving.index;
    if (knows || raft.now - leaving.since > 2 * options.electionMs) raft.progress.delete(member);
  }
  // A leader that is no voter any more leads, uncounted, until the configuration without it is committed (Raft §6).
  const isSettled = !isJoint(configuration) && configurations.latestIndex <= log.committed;
  if (isSettled && !isVoter(configuration, options.id)) resign(raft);
}
