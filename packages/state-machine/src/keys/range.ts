import { type KeyValue, limits, ProtocolError, type Range, type RangeResult, type Revision } from '@conclave/protocol';
import { overheadBytes } from '../bounds.ts';
import type { State } from '../state.ts';
import { spanOf } from './key-bytes.ts';
import { type KeyNode, type KeyVersion, VersionKind, versionAt } from './key-version.ts';
import { entryOf, valueOf } from './values.ts';

/** The state as it was at `operation.revision`, or is. Throws FUTURE_REVISION and COMPACTED. */
export function queryRange(state: State, operation: Range): RangeResult {
  const { revision } = state.counters;
  const at = operation.revision ?? revision;
  checkReadable(state, at);
  return readRange(state, operation, at, at, limits.maxRangeBytes, true).result;
}

export function checkReadable(state: State, revision: Revision): void {
  const { counters } = state;
  if (revision > counters.revision) {
    throw new ProtocolError(
      'FUTURE_REVISION',
      `revision ${revision} is not written yet; the store is at ${counters.revision}`,
      'not-applied',
      { revision: counters.revision },
    );
  }
  if (revision < counters.compacted) {
    throw new ProtocolError(
      'COMPACTED',
      `revision ${revision} was compacted; ${counters.compacted} is the oldest that can be read`,
      'not-applied',
      { revision: counters.compacted },
    );
  }
}

export interface RangeRead {
  readonly result: RangeResult;
  /** Weight of the entries given. */
  readonly bytes: number;
}

/**
 * `at`: the newest versions to be seen. `label`: the revision that the answer names. Entries are given up to `maxBytes`; with
 * `atLeastOne` the first is given however large it is, so that a caller who pages always gets on.
 */
export function readRange(
  state: State,
  operation: Range,
  at: Revision,
  label: Revision,
  maxBytes: number,
  atLeastOne: boolean,
): RangeRead {
  const maxEntries = operation.countOnly
    ? 0
    : operation.limit === 0
      ? limits.maxRangeEntries
      : Math.min(operation.limit, limits.maxRangeEntries);
  const page = new Page(state, operation, maxEntries, maxBytes, atLeastOne);
  const span = spanOf(operation.range);
  const single = operation.range.end === null;
  let count = 0;
  const visit = (node: KeyNode): void => {
    const version = versionAt(node, at);
    if (version === null || version.kind !== VersionKind.Put) return;
    count += 1;
    page.offer(node, version);
  };
  if (single) {
    const node = state.keys.get(span.low);
    if (node !== undefined) visit(node);
  } else if (operation.order === 'ascending' || operation.countOnly) {
    state.keys.forEach(span, visit);
  } else {
    state.keys.forEachDescending(span, (node) => {
      visit(node);
      return !page.full;
    });
    // The rest is only counted, which the other direction does faster.
    if (page.full) count = countLiving(state, operation, at);
  }
  const more = !operation.countOnly && count > page.entries.length;
  return {
    result: { type: 'range', revision: label, entries: page.entries, more, count },
    bytes: page.bytes,
  };
}

function countLiving(state: State, operation: Range, at: Revision): number {
  let count = 0;
  state.keys.forEach(spanOf(operation.range), (node) => {
    const version = versionAt(node, at);
    if (version !== null && version.kind === VersionKind.Put) count += 1;
  });
  return count;
}

class Page {
  readonly entries: KeyValue[] = [];
  bytes = 0;
  full: boolean;
  readonly #state: State;
  readonly #operation: Range;
  readonly #maxEntries: number;
  readonly #maxBytes: number;
  readonly #atLeastOne: boolean;

  constructor(state: State, operation: Range, maxEntries: number, maxBytes: number, atLeastOne: boolean) {
    this.#state = state;
    this.#operation = operation;
    this.#maxEntries = maxEntries;
    this.#maxBytes = maxBytes;
    this.#atLeastOne = atLeastOne;
    this.full = maxEntries === 0;
  }

  offer(node: KeyNode, version: KeyVersion): void {
    if (this.full) return;
    const withValue = this.#sendsValue(version);
    const bytes = overheadBytes + node.key.length + (withValue ? version.valueBytes : 0);
    const first = this.#atLeastOne && this.entries.length === 0;
    if (this.bytes + bytes > this.#maxBytes && !first) {
      this.full = true;
      return;
    }
    this.bytes += bytes;
    this.entries.push(entryOf(node, version, withValue ? valueOf(this.#state.values, node, version) : null));
    if (this.entries.length === this.#maxEntries) this.full = true;
  }

  #sendsValue(version: KeyVersion): boolean {
    const { keysOnly, modifiedSince } = this.#operation;
    return !keysOnly && (modifiedSince === null || version.revision > modifiedSince);
  }
}
