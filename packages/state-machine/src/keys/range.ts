import { type KeyValue, limits, ProtocolError, type Range, type RangeResult, type Revision } from '@conclave/protocol';
import { overheadBytes } from '../bounds.ts';
import type { State } from '../state.ts';
import { type Span, spanOf } from './key-bytes.ts';
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
  const visit = (node: KeyNode): boolean => {
    const version = versionAt(node, at);
    if (version !== null && version.kind === VersionKind.Put) page.offer(node, version);
    return !page.full;
  };
  if (operation.range.end === null) return readOne(state, span.low, at, label, page, operation.countOnly);
  if (!page.full) {
    if (operation.order === 'ascending') state.keys.forEach(span, visit);
    else state.keys.forEachDescending(span, visit);
  }
  const count = countAt(state, span, at);
  const more = !operation.countOnly && count > page.entries.length;
  return {
    result: { type: 'range', revision: label, entries: page.entries, more, count },
    bytes: page.bytes,
  };
}

function readOne(state: State, key: string, at: Revision, label: Revision, page: Page, countOnly: boolean): RangeRead {
  const node = state.keys.get(key);
  const version = node === undefined ? null : versionAt(node, at);
  const there = node !== undefined && version !== null && version.kind === VersionKind.Put;
  if (there) page.offer(node, version);
  const count = there ? 1 : 0;
  const more = !countOnly && count > page.entries.length;
  return { result: { type: 'range', revision: label, entries: page.entries, more, count }, bytes: page.bytes };
}

/** The keys that exist now are counted; what changed since `at` is put right. */
function countAt(state: State, span: Span, at: Revision): number {
  const { timeline, keys } = state;
  const first = timeline.find(at + 1);
  if (timeline.length - first > keys.size) return countByWalk(state, span, at);
  let count = state.liveKeys.count(span);
  const seen = new Set<KeyNode>();
  for (let next = first; next < timeline.length; next++) {
    const node = timeline.node(next);
    if (seen.has(node) || node.key < span.low || node.key >= span.high) continue;
    seen.add(node);
    const then = versionAt(node, at);
    if (then !== null && then.kind === VersionKind.Put) count += 1;
    if (node.latest.kind === VersionKind.Put) count -= 1;
  }
  return count;
}

function countByWalk(state: State, span: Span, at: Revision): number {
  let count = 0;
  state.keys.forEach(span, (node) => {
    const version = versionAt(node, at);
    if (version !== null && version.kind === VersionKind.Put) count += 1;
    return true;
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
