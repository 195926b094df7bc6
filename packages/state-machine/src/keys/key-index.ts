import { type SortedMap, sortedMap } from '../sorted-map.ts';
import type { Span } from './key-bytes.ts';
import type { KeyNode } from './key-version.ts';

/**
 * Every key that history still knows, deleted ones included: by hash for a single one, which is what most commands and reads name, and in the
 * order of their bytes for ranges. A lookup in the tree alone was a fifteenth of what a follower does for a put.
 */
export class KeyIndex {
  readonly #nodes = new Map<string, KeyNode>();
  readonly #tree: SortedMap<KeyNode> = sortedMap();

  get size(): number {
    return this.#nodes.size;
  }

  get(key: string): KeyNode | undefined {
    return this.#nodes.get(key);
  }

  insert(node: KeyNode): void {
    this.#nodes.set(node.key, node);
    this.#tree.set(node.key, node);
  }

  remove(key: string): void {
    this.#nodes.delete(key);
    this.#tree.delete(key);
  }

  /** In ascending order, until `visit` answers false. Nothing may be inserted or removed meanwhile. */
  forEach(span: Span, visit: (node: KeyNode) => boolean): void {
    if (span.low >= span.high) return;
    this.#tree.editRange(span.low, span.high, false, (_key, node) => (visit(node) ? undefined : stop));
  }

  /** The same in descending order. */
  forEachDescending(span: Span, visit: (node: KeyNode) => boolean): void {
    for (const [key, node] of this.#tree.entriesReversed(span.high, reused())) {
      if (key < span.low) return;
      if (key < span.high && !visit(node)) return;
    }
  }
}

const stop = { break: true };

/** The iterator fills one array again and again instead of allocating a pair per key. */
function reused(): (string | KeyNode)[] {
  return [];
}
