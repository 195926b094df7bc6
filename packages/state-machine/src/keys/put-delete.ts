import type { Delete, DeleteResult, KeyValue, Put, PutResult } from '@conclave/protocol';
import type { Draft } from '../apply/draft.ts';
import type { State } from '../state.ts';
import { type KeyNode, living } from './key-version.ts';
import { Plan, type PlannedDelete, type PlannedPut } from './plan.ts';
import { entryOf, valueOf } from './values.ts';
import { deleteKey, writeKey } from './write.ts';

export function put(state: State, draft: Draft, operation: Put): PutResult {
  return runPut(state, draft, operation, new Plan(state).put(operation));
}

export function deleteKeys(state: State, draft: Draft, operation: Delete): DeleteResult {
  return runDelete(state, draft, operation, new Plan(state).delete(operation));
}

export function runPut(state: State, draft: Draft, operation: Put, { key, node }: PlannedPut): PutResult {
  const previous = operation.returnPrevious && node !== undefined ? present(state, node) : null;
  writeKey(state, draft, key, node, operation.value, operation.lease ?? 0, false);
  return { type: 'put', revision: draft.revision, previous };
}

export function runDelete(state: State, draft: Draft, operation: Delete, { nodes }: PlannedDelete): DeleteResult {
  const previous: KeyValue[] = [];
  if (operation.returnPrevious) {
    for (const node of nodes) {
      const version = living(node)!;
      previous.push(entryOf(node, version, valueOf(state.values, node, version)));
    }
  }
  for (const node of nodes) deleteKey(state, draft, node, 'delete');
  return { type: 'delete', revision: draft.reached, deleted: nodes.length, previous };
}

function present(state: State, node: KeyNode): KeyValue | null {
  const version = living(node);
  return version === null ? null : entryOf(node, version, valueOf(state.values, node, version));
}
