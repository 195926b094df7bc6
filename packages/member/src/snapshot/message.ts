import type { SnapshotMeta, Term } from '@conclave/core';

/** A leader has a snapshot for a member whose log it cannot continue. Said again when nothing is heard: it harms nothing. */
export interface SnapshotOffer {
  readonly type: 'snapshotOffer';
  readonly term: Term;
  readonly meta: SnapshotMeta;
}

/** Chunks come in order over one lane, a few ahead of what was taken. */
export interface SnapshotChunk {
  readonly type: 'snapshotChunk';
  readonly id: string;
  readonly number: number;
  readonly bytes: Uint8Array;
}

/** All chunks were sent. */
export interface SnapshotEnd {
  readonly type: 'snapshotEnd';
  readonly id: string;
  readonly chunks: number;
}

/** What the receiver has: the answer to everything above. */
export interface SnapshotProgress {
  readonly type: 'snapshotProgress';
  readonly id: string;
  /** The chunk that it wants next. */
  readonly next: number;
  /** Complete and durable. */
  readonly done: boolean;
  /** It cannot take this snapshot, and why. */
  readonly refusal: string | null;
}

export type SnapshotMessage = SnapshotOffer | SnapshotChunk | SnapshotEnd | SnapshotProgress;
