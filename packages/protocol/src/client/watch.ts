// Watches: many on one connection, each with its own flow control, so that a slow one delays no other.
import { limits } from '../limits.ts';
import type { KeyRange, Revision } from '../operation.ts';
import { boolean, bytes, choice, integer, nullable } from '../schema/primitive.ts';
import { type CaseTable, list, type Union, union } from '../schema/structure.ts';
import type { Type } from '../schema/type.ts';
import * as shared from '../schema/vocabulary.ts';
import { type ErrorBody, errorBody } from './request.ts';
import { wireLimits } from './wire-limits.ts';

export type WatchStart =
  /** Everything behind the revision that `watchCreated` names. */
  | { readonly at: 'now' }
  /** Everything from this revision on, itself included: to resume, the last one seen plus one. It may lie in the future. */
  | { readonly at: 'revision'; readonly revision: Revision }
  /** What there is, then everything behind it. */
  | { readonly at: 'snapshot' };

export interface WatchCreate {
  readonly type: 'watchCreate';
  /** Chosen by the client, unique among the watches of this connection that have not ended. */
  readonly watch: number;
  /** An event is sent when its key is in one of them, once. */
  readonly selectors: readonly KeyRange[];
  readonly from: WatchStart;
  /** Leave the values out. */
  readonly keysOnly: boolean;
  /** Send what was there before, where history still has it. */
  readonly previous: boolean;
  readonly events: 'all' | 'put' | 'delete';
  /** At least this often a quiet watch says how far it is. Null: never. */
  readonly progressMs: number | null;
  /** When `from` was compacted: end with COMPACTED, or begin anew with a snapshot. */
  readonly onCompaction: 'error' | 'resync';
  /** Bytes that may be sent before the first `watchCredit`. */
  readonly creditBytes: number;
}

/** The client has worked off so many bytes of this watch, and grants them again. */
export interface WatchCredit {
  readonly type: 'watchCredit';
  readonly watch: number;
  readonly bytes: number;
}

/** Answered by `watchEnded` without an error. */
export interface WatchCancel {
  readonly type: 'watchCancel';
  readonly watch: number;
}

export interface WatchCreated {
  readonly type: 'watchCreated';
  readonly watch: number;
  /** What the member had applied. Events up to it are sent only if `from` asks for them. */
  readonly revision: Revision;
}

/** One revision, for all watches that are named: exactly those of its events that each of them selects. */
export interface WatchEvents {
  readonly type: 'watchEvents';
  readonly watches: readonly number[];
  /** The revision goes on in the next `watchEvents` for the same watches: `bytes` are one piece of the encoded events. */
  readonly more: boolean;
  /** Encoded `RevisionEvents`, or a piece of them. */
  readonly bytes: Uint8Array;
}

export interface WatchSnapshot {
  readonly type: 'watchSnapshot';
  readonly watch: number;
  readonly revision: Revision;
  /** Encoded entries, in the order of their keys. */
  readonly entries: Uint8Array;
}

/** The snapshot is complete, also when it was empty. Events behind `revision` follow. */
export interface WatchSynced {
  readonly type: 'watchSynced';
  readonly watch: number;
  readonly revision: Revision;
}

/** Every event up to this revision was sent before. */
export interface WatchProgress {
  readonly type: 'watchProgress';
  readonly watches: readonly number[];
  readonly revision: Revision;
}

export interface WatchEnded {
  readonly type: 'watchEnded';
  readonly watch: number;
  /** Null: the client cancelled it. COMPACTED carries `oldest` and `revision`. */
  readonly error: ErrorBody | null;
}

export const watchStart: Union<WatchStart> = union<WatchStart, 'at'>('WatchStart', 'at', {
  now: { tag: 0, fields: {} },
  revision: { tag: 1, fields: { revision: integer('revision', 1) } },
  snapshot: { tag: 2, fields: {} },
});

export const watchId: Type<number> = integer('watch id', 1, 0xffff_ffff);
const watchIds = list(watchId, wireLimits.maxWatchesPerConnection);
const creditBytes = integer('bytes', 1, wireLimits.maxCreditBytes);
const fragment = bytes('events', 1, wireLimits.maxEventFragmentBytes);

const entriesBytes = bytes('entries', 1, limits.maxResponseBytes);

export const watchCreateCase: CaseTable<WatchCreate, 'type'> = {
  tag: 7,
  fields: {
    watch: watchId,
    selectors: list(shared.keyRange, wireLimits.maxSelectorsPerWatch),
    from: watchStart,
    keysOnly: boolean,
    previous: boolean,
    events: choice<WatchCreate['events']>('events', { all: 0, put: 1, delete: 2 }),
    progressMs: nullable(integer('ms', wireLimits.minProgressMs, wireLimits.maxProgressMs)),
    onCompaction: choice<WatchCreate['onCompaction']>('on compaction', { error: 0, resync: 1 }),
    creditBytes,
  },
};

export const watchCreditCase: CaseTable<WatchCredit, 'type'> = {
  tag: 8,
  fields: { watch: watchId, bytes: creditBytes },
};

export const watchCancelCase: CaseTable<WatchCancel, 'type'> = { tag: 9, fields: { watch: watchId } };

export const watchCreatedCase: CaseTable<WatchCreated, 'type'> = {
  tag: 71,
  fields: { watch: watchId, revision: shared.revision },
};

export const watchEventsCase: CaseTable<WatchEvents, 'type'> = {
  tag: 72,
  fields: { watches: watchIds, more: boolean, bytes: fragment },
};

export const watchSnapshotCase: CaseTable<WatchSnapshot, 'type'> = {
  tag: 73,
  fields: { watch: watchId, revision: shared.revision, entries: entriesBytes },
};

export const watchSyncedCase: CaseTable<WatchSynced, 'type'> = {
  tag: 74,
  fields: { watch: watchId, revision: shared.revision },
};

export const watchProgressCase: CaseTable<WatchProgress, 'type'> = {
  tag: 75,
  fields: { watches: watchIds, revision: shared.revision },
};

export const watchEndedCase: CaseTable<WatchEnded, 'type'> = {
  tag: 76,
  fields: { watch: watchId, error: nullable(errorBody) },
};
