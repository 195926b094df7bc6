import sorted from 'sorted-btree';

// A CommonJS module with a default export: Node wraps it once more than bundlers do.
const BTree: typeof sorted.default = 'default' in sorted ? sorted.default : sorted;

/** By latin1 strings, in their order. A tree, not a `Map`: a million keys grow it without a pause for rehashing. */
export type SortedMap<V> = sorted.default<string, V>;

export function sortedMap<V>(): SortedMap<V> {
  return new BTree<string, V>(undefined, compareKeys);
}

function compareKeys(a: string, b: string): number {
  if (a < b) return -1;
  return a === b ? 0 : 1;
}
