import { limits, ProtocolError, type Txn, type TxnOperation, type TxnResult } from '@conclave/protocol';
import type { Draft } from '../apply/draft.ts';
import { maxTxnAnswerBytes } from '../bounds.ts';
import type { State } from '../state.ts';
import { allHold } from './compare.ts';
import { Plan, type PlannedDelete, type PlannedPut } from './plan.ts';
import { runDelete, runPut } from './put-delete.ts';
import { readRange } from './range.ts';

/** Compares, plans all of one branch, and only then runs it: reads see what earlier operations of the branch wrote. */
export function txn(state: State, draft: Draft, operation: Txn): TxnResult {
  const succeeded = allHold(state, operation.compares);
  const branch = succeeded ? operation.then : operation.else;
  const plan = new Plan(state);
  const planned = branch.map((step) => planStep(plan, step));
  let room = maxTxnAnswerBytes - plan.previousBytes;
  const results = branch.map((step, i): TxnResult['results'][number] => {
    switch (step.type) {
      case 'put':
        return runPut(state, draft, step, planned[i] as PlannedPut);
      case 'delete':
        return runDelete(state, draft, step, planned[i] as PlannedDelete);
      case 'range': {
        const maxBytes = Math.min(room, limits.maxRangeBytes);
        const read = readRange(state, step, draft.revision, draft.reached, maxBytes, false);
        room -= read.bytes;
        return read.result;
      }
    }
  });
  return { type: 'txn', revision: draft.reached, succeeded, results };
}

/** A transaction that only reads, asked as a query. */
export function queryTxn(state: State, operation: Txn): TxnResult {
  const succeeded = allHold(state, operation.compares);
  const { revision } = state.counters;
  let room = maxTxnAnswerBytes;
  const results = (succeeded ? operation.then : operation.else).map((step) => {
    if (step.type !== 'range') {
      throw new ProtocolError('INVALID_ARGUMENT', `a transaction with a ${step.type} changes keys: it is no query`);
    }
    const read = readRange(state, step, revision, revision, Math.min(room, limits.maxRangeBytes), false);
    room -= read.bytes;
    return read.result;
  });
  return { type: 'txn', revision, succeeded, results };
}

function planStep(plan: Plan, step: TxnOperation): PlannedPut | PlannedDelete | null {
  switch (step.type) {
    case 'put':
      return plan.put(step);
    case 'delete':
      return plan.delete(step);
    case 'range':
      // Members could disagree about what is compacted (etcd#18667): the protocol refuses it, and so do we.
      if (step.revision === null) return null;
      throw new ProtocolError('INVALID_ARGUMENT', 'a read inside a transaction is of now');
  }
}
