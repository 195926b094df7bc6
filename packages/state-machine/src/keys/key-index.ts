import sorted from 'sorted-btree';
import type { Span } from './key-bytes.ts';
import type { KeyNode } from './key-version.ts';

// A CommonJS module with a default export: Node wraps it once more than bundlers do.
const BTree: typeof sorted.default = 'default' in sorted ? sorted.default : sorted;

/** Every key that history still knows, deleted ones included, in the order of their bytes. */
export class KeyIndex {
  readonly #tree: sorted.default<string, KeyNode> = new BTree<string, KeyNode>(undefined, compareKeys);

  get size(): number {
    return this.#tree.size;
  }

  get(key: string): KeyNode | undefined {
    return this.#tree.get(key);
  }

  insert(node: KeyNode): void {
    this.#tree.set(node.key, node);
  }

  remove(key: string): void {
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

function compareKeys(a: string, b: string): number {
  if (a < b) return -1;
  return a === b ? 0 : 1;
}
