// What two stores and an anchor must agree on before a member may speak.
import type { Index, TermRun } from '@conclave/core';
import type { Member } from './directory/member-file.ts';
import { describeIdentity, sameIdentity } from './identity.ts';
import type { LogMeta } from './log/meta.ts';
import { termAt } from './log/term-runs.ts';
import { brokenPledge, type Pledge } from './pledge.ts';
import type { CheckpointRecord } from './state/checkpoint-record.ts';
import type { Identity, RecoveredLog } from './storage.ts';
import { StorageError } from './storage-error.ts';

type MetaOfLog = Pick<LogMeta, 'base' | 'tail' | 'hardState' | 'acknowledged' | 'configuration' | 'stateGeneration'>;

/** Whether a part of the directory belongs to its member file. */
export function refuseForeign(part: string, found: Identity & { readonly storeUuid: string }, member: Member): void {
  if (!sameIdentity(found, member)) {
    throw new StorageError(
      'wrong-member',
      `The ${part} belongs to ${describeIdentity(found)}, and the directory to ${describeIdentity(member)}`,
    );
  }
  refuseOtherStore(part, found.storeUuid, member);
}

function refuseOtherStore(part: string, storeUuid: string, member: Member): void {
  if (storeUuid === member.storeUuid) return;
  throw new StorageError(
    'wrong-member',
    `The ${part} is of store ${storeUuid}, and the directory is ${member.storeUuid}`,
  );
}

/** The log against its anchor. */
export function refuseRegressed(meta: Pick<LogMeta, 'hardState' | 'acknowledged'>, anchor: Pledge): void {
  const { term, vote } = meta.hardState;
  const broken = brokenPledge({ term, vote, acknowledged: meta.acknowledged }, anchor);
  if (broken !== null) throw new StorageError('lost-acknowledged', `The log lost something: ${broken}`);
}

/** The log against the state. Returns what core is told. */
export function reconcile(
  meta: MetaOfLog,
  terms: readonly TermRun[],
  record: CheckpointRecord,
  member: Member,
): RecoveredLog {
  refuseOtherStore('state', record.storeUuid, member);
  if (record.generation !== meta.stateGeneration) {
    throw new StorageError(
      'corrupt',
      `The state is of generation ${record.generation}, and the log expects ${meta.stateGeneration}`,
    );
  }
  const { base, tail, hardState, acknowledged, configuration } = meta;
  const applied = record.checkpoint?.position ?? { index: 0, term: 0 };
  if (applied.index > tail) {
    throw new StorageError(
      'lost-acknowledged',
      `The log lost something: it ends with entry ${tail}, and the state has applied entry ${applied.index}`,
    );
  }
  if (applied.index < base.index) {
    throw new StorageError(
      'corrupt',
      `The state lost something: it has applied entry ${applied.index}, and the log begins behind ${base.index}`,
    );
  }
  const term = termAt(terms, base, applied.index as Index);
  if (term !== applied.term) {
    throw new StorageError(
      'corrupt',
      `The state has applied entry ${applied.index} of term ${applied.term}, and in the log it is of term ${term}`,
    );
  }
  // The stored commit index is a hint that only travels with the next write; what was applied was committed. One beyond the tail
  // is what a leader told about entries that are not here yet.
  const commit = Math.min(Math.max(hardState.commit, applied.index), tail) as Index;
  const inForce = record.checkpoint?.configuration ?? configuration;
  return { hardState: { ...hardState, commit }, acknowledged, base, configuration: inForce, terms, tail };
}
