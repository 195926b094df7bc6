import type {
  Acknowledged,
  Configuration,
  Entry,
  HardState,
  Index,
  LogPosition,
  MemberId,
  PersistJob,
  SnapshotMeta,
  Term,
} from '@conclave/core';

// Plain numbers into core's branded ones, so that a test reads like what it is about.

export const index = (value: number): Index => value as Index;
export const member = (value: number): MemberId => value as MemberId;

export const position = (at: number, term: number): LogPosition => ({ index: at as Index, term: term as Term });

export const founders: Configuration = {
  voters: [member(1), member(2), member(3)],
  votersOutgoing: [],
  learners: [],
  learnersNext: [],
  leaseReads: false,
};

export function entry(at: number, term: number, bytes = 16): Entry {
  const data = new Uint8Array(bytes).fill((at * 31 + term) % 251);
  return { index: at as Index, term: term as Term, kind: 1, data };
}

/** Entries `from` to `to`, both included. */
export function entries(from: number, to: number, term: number, bytes?: number): Entry[] {
  return Array.from({ length: to - from + 1 }, (_, at) => entry(from + at, term, bytes));
}

export interface JobShape {
  readonly term: number;
  readonly vote?: number;
  readonly commit?: number;
  readonly entries?: readonly Entry[];
  /** Needed when there are no entries. */
  readonly tail?: number;
  /** The tail of the job in its term if absent. */
  readonly acknowledged?: Acknowledged;
  /** That of the snapshot, or the beginning, if absent. */
  readonly base?: LogPosition;
  readonly snapshot?: SnapshotMeta;
}

let sequence = 0;

export function job(shape: JobShape): PersistJob {
  const tail = (shape.tail ?? shape.entries?.at(-1)?.index ?? 0) as Index;
  const term = shape.term as Term;
  const hardState: HardState = {
    term,
    vote: shape.vote === undefined ? null : member(shape.vote),
    commit: (shape.commit ?? 0) as Index,
  };
  sequence++;
  return {
    sequence,
    hardState,
    acknowledged: shape.acknowledged ?? { term, index: tail },
    entries: shape.entries ?? [],
    tail,
    base: shape.base ?? shape.snapshot?.position ?? position(0, 0),
    snapshot: shape.snapshot ?? null,
  };
}

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const text = (value: Uint8Array | null): string | null =>
  value === null ? null : new TextDecoder().decode(value);

/** Data are views into larger buffers; for comparing they are plain. */
export function plain(found: readonly Entry[]): Entry[] {
  return found.map((each) => ({ ...each, data: new Uint8Array(each.data) }));
}
