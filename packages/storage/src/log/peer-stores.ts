import type { MemberId } from '@conclave/core';
import { maxPeerStores } from '../bounds.ts';
import { assertUse, StorageError } from '../storage-error.ts';

type PeerStores = ReadonlyMap<MemberId, string>;

/** What is remembered when a peer's store was noted: the same map when that is no news. Throws `wrong-peer-store` or `too-many-peers`. */
export function withPeerStore(
  known: PeerStores,
  memberId: MemberId,
  storeUuid: string,
  gone: readonly MemberId[],
): PeerStores {
  assertUse(!gone.includes(memberId), `to note and to forget the store of member ${memberId}`);
  const own = known.get(memberId);
  if (own === storeUuid) return known;
  if (own !== undefined) {
    throw new StorageError('wrong-peer-store', `Member ${memberId} has store ${storeUuid}, and once had ${own}`);
  }
  const next = new Map(known).set(memberId, storeUuid);
  for (const id of gone) next.delete(id);
  if (next.size > maxPeerStores) {
    throw new StorageError(
      'too-many-peers',
      `The stores of ${known.size} peers are remembered, the limit is ${maxPeerStores}`,
    );
  }
  return next;
}
