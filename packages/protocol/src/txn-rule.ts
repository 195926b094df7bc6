// What a transaction must keep that its fields do not show one by one.
import { compareBytes } from './byte-order.ts';
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

/** Two neighbours in the order of their first keys overlap, or none do. */
function overlap(ranges: KeyRange[]): boolean {
  ranges.sort((a, b) => compareBytes(a.key, b.key));
  return ranges.some((range, i) => i > 0 && reaches(ranges[i - 1]!, range.key));
}

function reaches(range: KeyRange, key: Uint8Array): boolean {
  if (range.end === null) return compareBytes(range.key, key) === 0;
  return range.end.length === 0 || compareBytes(range.end, key) > 0;
}
