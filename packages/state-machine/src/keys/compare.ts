import { type Compare, compareBytes, type Relation } from '@conclave/protocol';
import { holdsOf } from '../locks/lock-operations.ts';
import type { State } from '../state.ts';
import { latin1Of } from './key-bytes.ts';
import { type KeyVersion, living } from './key-version.ts';
import { valueOf } from './values.ts';

export function allHold(state: State, compares: readonly Compare[]): boolean {
  return compares.every((compare) => holds(state, compare));
}

function holds(state: State, compare: Compare): boolean {
  if (compare.target === 'lock') {
    return holdsOf(state, compare.name, compare.fence, compare.holder).length > 0;
  }
  const node = state.keys.get(latin1Of(compare.key));
  const version = node === undefined ? null : living(node);
  if (compare.target === 'value') {
    if (node === undefined || version === null) return compare.relation === '!=';
    return related(compareBytes(valueOf(state.values, node, version), compare.operand), compare.relation);
  }
  return related(counterOf(version, compare.target) - compare.operand, compare.relation);
}

function counterOf(version: KeyVersion | null, target: 'version' | 'create' | 'mod' | 'lease'): number {
  if (version === null) return 0;
  switch (target) {
    case 'version':
      return version.version;
    case 'create':
      return version.create;
    case 'mod':
      return version.revision;
    case 'lease':
      return version.lease;
  }
}

function related(difference: number, relation: Relation): boolean {
  switch (relation) {
    case '=':
      return difference === 0;
    case '!=':
      return difference !== 0;
    case '<':
      return difference < 0;
    case '>':
      return difference > 0;
  }
}
