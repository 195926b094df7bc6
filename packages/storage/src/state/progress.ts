import { maxDigestBytes, maxKeyBytes, maxValueBytes } from '../bounds.ts';
import type { Checkpoint, StateChange } from '../storage.ts';
import { assertUse, refuseUse } from '../storage-error.ts';

/** What holds of every checkpoint, whatever it is stored in. */
export function assertCheckpoint(
  last: Checkpoint | null,
  next: Checkpoint & { readonly changes: readonly StateChange[] },
): void {
  const { index, term } = next.position;
  const before = last?.position ?? { index: 0, term: 0 };
  assertUse(
    index >= before.index && term >= before.term,
    `a checkpoint at index ${index} of term ${term} after one at ${before.index} of term ${before.term}`,
  );
  assertUse(
    next.digest.length <= maxDigestBytes,
    `a digest of ${next.digest.length} bytes; the limit is ${maxDigestBytes}`,
  );
  for (const { key, value } of next.changes) {
    if (key.length > maxKeyBytes) refuseUse(`a key of ${key.length} bytes; the limit is ${maxKeyBytes}`);
    if (value !== null && value.length > maxValueBytes)
      refuseUse(`a value of ${value.length} bytes; the limit is ${maxValueBytes}`);
  }
}
