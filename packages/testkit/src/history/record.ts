// What a test records of its clients, so that any checker can judge it. docs/testing.md explains the format; the field names are
// those of the file, one JSON object a line.

export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

/** An object without a member that matters. */
type Nothing = Readonly<Record<string, Json>>;

/** Operations of one transaction share it, so that they may share a revision. */
interface InTransaction {
  readonly txn?: Json;
}

export interface Hold {
  readonly owner: string;
  readonly token: number;
}

/** Null stands for "absent" wherever a value stands. */
export interface OperationShapes {
  readonly get: { in: InTransaction; out: { readonly value: Json; readonly rev?: number } };
  /** A read in a mode that may be stale. */
  readonly get_stale: { in: InTransaction; out: { readonly value: Json } };
  readonly put: {
    in: InTransaction & { readonly value: Json };
    out: { readonly rev?: number; readonly prev?: Json };
  };
  /** `expect: null`: must not exist. `out.value`: what was found, or what was written. */
  readonly cas: {
    in: InTransaction & { readonly expect: Json; readonly value: Json };
    out: { readonly swapped: boolean; readonly rev?: number; readonly value?: Json };
  };
  readonly delete: { in: InTransaction; out: { readonly existed?: boolean; readonly rev?: number } };
  readonly acquire: {
    in: { readonly owner: string; readonly ttl_ns?: number };
    out: { readonly token: number };
  };
  readonly release: { in: Hold; out: { readonly released: boolean } };
  readonly holder: { in: Nothing; out: Partial<Hold> };
  /** The whole session: its key is null. */
  readonly renew: { in: { readonly owner: string }; out: Nothing };
  /** The fenced resource's verdict; `seq` in its own order. */
  readonly use: { in: Hold; out: { readonly accepted: boolean; readonly seq: number } };
}

export type OperationName = keyof OperationShapes;
export type KeyOperationName = 'get' | 'get_stale' | 'put' | 'cas' | 'delete';

export interface Call<Op extends OperationName> {
  readonly client: string;
  readonly op: Op;
  readonly key: Op extends 'renew' ? null : string;
  readonly in: OperationShapes[Op]['in'];
  /** Monotonic nanoseconds, taken before the first byte was sent. */
  readonly call_ns: number;
}

export interface Answered<Op extends OperationName> extends Call<Op> {
  readonly status: 'ok';
  readonly return_ns: number;
  readonly out: OperationShapes[Op]['out'];
}

/** `fail`: it certainly did not take effect and never will. `unknown`: it may take effect at any time after its call, or never. */
export interface Unanswered<Op extends OperationName> extends Call<Op> {
  readonly status: 'fail' | 'unknown';
  readonly return_ns?: number;
  readonly error?: string;
}

export type OperationRecord<Op extends OperationName = OperationName> = Op extends OperationName
  ? Answered<Op> | Unanswered<Op>
  : never;

/** A value that was there before the run. */
export interface InitRecord {
  readonly op: 'init';
  readonly key: string;
  readonly in: { readonly value: Json };
}

/** From `call_ns` on the lease may end: the call of the last acknowledged renewal or acquire, plus the TTL. */
export interface LapseRecord {
  readonly op: 'lapse';
  readonly client?: string;
  readonly key: string;
  /** Without a token: whatever the owner holds, for an acquire whose answer was lost. */
  readonly in: { readonly owner: string; readonly token?: number | null };
  readonly call_ns: number;
  readonly status?: 'unknown';
}

/** The client library told the application that the lock is gone. */
export interface LostRecord {
  readonly op: 'lost';
  readonly client: string;
  readonly key: string;
  readonly in: Hold;
  readonly call_ns: number;
}

/** `client` was killed at `call_ns`. */
export interface CrashRecord {
  readonly op: 'crash';
  readonly client: string;
  readonly call_ns: number;
}

interface Change {
  readonly rev: number;
  readonly key: string;
  readonly type: 'put' | 'delete';
  readonly value?: Json;
}

/** One line of a dump of the final history. `client` names the dump, so that the dumps of all members can be compared. */
export interface EventRecord extends Change {
  readonly op: 'event';
  readonly client?: string;
}

/** A selector is a prefix, or one key, or a range `from` ≤ key < `to`; all keys without any of them. */
export interface WatchRecord {
  readonly op: 'watch';
  readonly watch: string;
  readonly prefix?: string;
  readonly key?: string;
  readonly from?: string;
  readonly to?: string;
  readonly types?: readonly ('put' | 'delete')[];
  readonly start_rev: number;
}

export interface WatchEventRecord extends Change {
  readonly op: 'wevent';
  readonly watch: string;
  /** Events that arrived together. */
  readonly batch?: number;
}

/** Everything up to `rev` has been delivered. */
export interface WatchProgressRecord {
  readonly op: 'wprogress';
  readonly watch: string;
  readonly rev: number;
}

export interface WatchResumeRecord {
  readonly op: 'wresume';
  readonly watch: string;
  readonly start_rev: number;
}

export interface WatchCompactedRecord {
  readonly op: 'wcompacted';
  readonly watch: string;
  readonly compact_rev: number;
}

/** The watch must by now have delivered everything up to `caught_up_rev`. */
export interface WatchEndRecord {
  readonly op: 'wend';
  readonly watch: string;
  readonly caught_up_rev: number;
}

export type WatchStreamRecord =
  | WatchRecord
  | WatchEventRecord
  | WatchProgressRecord
  | WatchResumeRecord
  | WatchCompactedRecord
  | WatchEndRecord;

export type HistoryRecord =
  | OperationRecord
  | InitRecord
  | LapseRecord
  | LostRecord
  | CrashRecord
  | EventRecord
  | WatchStreamRecord;

/** Values are compared as JSON, where the order of an object's members means nothing. */
export function canonical(value: Json): string {
  return JSON.stringify(value, (_, inner: Json) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
