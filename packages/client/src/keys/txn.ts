import {
  type Compare,
  isReadOnly,
  type Relation,
  type Revision,
  type Txn,
  type TxnOperation,
  type TxnResult as WireResult,
} from '@conclave/protocol';
import type { WriteOptions } from '../call.ts';
import type { ClientCore } from '../client-core.ts';
import { ConclaveError } from '../error.ts';
import type { Guard } from '../lock/hold.ts';
import type { Session } from '../session/session.ts';
import { toBytes } from '../text.ts';
import { type Entry, entryOf, entryOrNull } from './entry.ts';
import type { Key, KeySpace, Selector } from './key-space.ts';
import { rangeOperation } from './read.ts';

/** A key that does not exist compares as version, create, mod and lease 0; of its value every compare fails but `!=`. */
export type TxnCompare =
  | {
      readonly key: Key;
      readonly target: 'version' | 'create' | 'mod' | 'lease';
      readonly op: Relation;
      readonly value: number;
    }
  | { readonly key: Key; readonly target: 'value'; readonly op: Relation; readonly value: string | Uint8Array }
  /** `lock.guard()`: the lock is held under this very fence. */
  | Guard;

export interface TxnGet {
  readonly get: Key;
}
export interface TxnList {
  readonly list: Selector;
  readonly limit?: number;
  readonly reverse?: boolean;
}
export interface TxnPut {
  readonly put: Key;
  readonly value: string | Uint8Array;
  readonly session?: Session;
  readonly lease?: number;
  readonly previous?: boolean;
}
export interface TxnDelete {
  readonly delete: Selector;
  readonly previous?: boolean;
}
export type TxnStep = TxnGet | TxnList | TxnPut | TxnDelete;

/** What one step answers. */
export type TxnStepResult<S> = S extends TxnGet
  ? Entry | null
  : S extends TxnList
    ? { readonly entries: readonly Entry[]; readonly more: boolean; readonly count: number }
    : S extends TxnPut
      ? { readonly previous: Entry | null }
      : S extends TxnDelete
        ? { readonly deleted: number; readonly previous: readonly Entry[] }
        : never;

export type TxnResults<Steps extends readonly TxnStep[]> = {
  readonly [At in keyof Steps]: TxnStepResult<Steps[At]>;
};

export interface TxnRequest<Then extends readonly TxnStep[], Else extends readonly TxnStep[]> {
  /** All must hold for `then` to run; with none, it runs. */
  readonly if?: readonly TxnCompare[];
  readonly then: Then;
  readonly else?: Else;
}

export type TxnDone<Then extends readonly TxnStep[], Else extends readonly TxnStep[]> =
  | { readonly branch: 'then'; readonly ok: true; readonly revision: Revision; readonly results: TxnResults<Then> }
  | { readonly branch: 'else'; readonly ok: false; readonly revision: Revision; readonly results: TxnResults<Else> };

export async function txn<const Then extends readonly TxnStep[], const Else extends readonly TxnStep[]>(
  core: ClientCore,
  space: KeySpace,
  request: TxnRequest<Then, Else>,
  options: WriteOptions,
): Promise<TxnDone<Then, Else>> {
  const operation: Txn = {
    type: 'txn',
    compares: (request.if ?? []).map((compare) => compareOf(compare, space)),
    then: request.then.map((step) => operationOf(step, space)),
    else: (request.else ?? []).map((step) => operationOf(step, space)),
  };
  const result = isReadOnly(operation)
    ? (await core.query('txn', operation, options)).result
    : await core.mutate('txn', operation, options);
  const steps: readonly TxnStep[] = result.succeeded ? request.then : (request.else ?? []);
  const results = steps.map((step, at) => resultOf(step, result.results[at], space));
  // The shape of the results is that of the steps, one by one; the compiler cannot follow the loop.
  return {
    branch: result.succeeded ? 'then' : 'else',
    ok: result.succeeded,
    revision: result.revision,
    results,
  } as TxnDone<Then, Else>;
}

function compareOf(compare: TxnCompare, space: KeySpace): Compare {
  if (compare.target === 'lock') return compare;
  const key = space.key(compare.key);
  if (compare.target === 'value') {
    return { target: 'value', key, relation: compare.op, operand: toBytes(compare.value) };
  }
  return { target: compare.target, key, relation: compare.op, operand: compare.value };
}

function operationOf(step: TxnStep, space: KeySpace): TxnOperation {
  if ('get' in step) return rangeOperation({ key: space.key(step.get), end: null });
  if ('list' in step) {
    const order = step.reverse === true ? 'descending' : 'ascending';
    return rangeOperation(space.range(step.list), { limit: step.limit ?? 0, order });
  }
  if ('put' in step) {
    const lease = step.session?.id ?? step.lease ?? null;
    const { previous = false, value } = step;
    return { type: 'put', key: space.key(step.put), value: toBytes(value), lease, returnPrevious: previous };
  }
  if ('delete' in step) {
    return { type: 'delete', range: space.range(step.delete), returnPrevious: step.previous ?? false };
  }
  throw new ConclaveError('INVALID_ARGUMENT', 'txn: a step is a get, list, put or delete');
}

function resultOf(
  step: TxnStep,
  result: WireResult['results'][number] | undefined,
  space: KeySpace,
): TxnStepResult<TxnGet> | TxnStepResult<TxnList> | TxnStepResult<TxnPut> | TxnStepResult<TxnDelete> {
  if (result?.type === 'put') return { previous: entryOrNull(result.previous, space) };
  if (result?.type === 'delete') {
    return { deleted: result.deleted, previous: result.previous.map((one) => entryOf(one, space)) };
  }
  if (result === undefined) throw new ConclaveError('PROTOCOL', 'txn: a step has no result', { outcome: 'unknown' });
  if ('get' in step) return entryOrNull(result.entries[0], space);
  return { entries: result.entries.map((one) => entryOf(one, space)), more: result.more, count: result.count };
}
