// What a transaction must keep that its fields do not show one by one.
import { limits } from './limits.ts';
import type { KeyRange, Txn, TxnOperation } from './operation.ts';
import type { Rule } from './schema/structure.ts';
import { SchemaViolation } from './schema/type.ts';

export const txnRule: Rule<Txn> = {
  text: `then and else together have at most ${limits.maxTxnOperations} operations, a branch writes no key twice, its ranges have no revision`,
  check: checkTxn,
};

function checkTxn(txn: Txn): void {
  const operations = txn.then.length + txn.else.length;
  if (operations > limits.maxTxnOperations) {
    throw new SchemaViolation(`${operations} operations, the limit is ${limits.maxTxnOperations}`, true);
  }
  checkBranch(txn.then, 'then');
  checkBranch(txn.else, 'else');
}

/** Nothing is read at an old revision (members could disagree about what is compacted: etcd#18667), no key is written twice. */
function checkBranch(operations: readonly TxnOperation[], branch: string): void {
  const written: KeyRange[] = [];
  for (const [i, operation] of operations.entries()) {
    if (operation.type === 'put') written.push({ key: operation.key, end: null });
    else if (operation.type === 'delete') written.push(operation.range);
    else if (operation.revision !== null) {
      throw new SchemaViolation('a read inside a transaction is of now: null', false, `${branch}[${i}].range.revision`);
    }
  }
  if (written.length > 1 && overlap(written)) {
    throw new SchemaViolation('a key may be written once in one branch', false, branch);
  }
}

/**
 * Two neighbours in the order of their first keys overlap, or none do. Keys are compared as strings of one character a byte, whose order is
 * that of the bytes: engines compare strings by machine words, and 1,024 keys of 1,500 bytes with one prefix, which a hostile client may
 * send, cost 20 ms byte by byte.
 */
function overlap(written: readonly KeyRange[]): boolean {
  const ranges = written.map(({ key, end }) => ({ key: characters(key), end: end === null ? null : characters(end) }));
  ranges.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  return ranges.some((range, i) => i > 0 && reaches(ranges[i - 1]!, range.key));
}

function reaches(range: { readonly key: string; readonly end: string | null }, key: string): boolean {
  if (range.end === null) return range.key === key;
  return range.end === '' || range.end > key;
}

/** At most `limits.maxKeyBytes` + 1 of them: within what a call takes as arguments. */
function characters(bytes: Uint8Array): string {
  return Reflect.apply(String.fromCharCode, null, bytes);
}
