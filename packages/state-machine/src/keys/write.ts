// The only two ways in which a key changes. Every limit was checked before: from here on nothing is refused.
import { type DeleteCause, type LeaseId, limits } from '@conclave/protocol';
import type { Draft } from '../apply/draft.ts';
import { overheadBytes } from '../bounds.ts';
import { invariant } from '../damage.ts';
import type { State } from '../state.ts';
import { isReserved } from './key-bytes.ts';
import { KeyNode, KeyVersion, kindOfCause, living, pushVersion, VersionKind } from './key-version.ts';

/** `known`: what the index has under `key`. `fresh`: the key begins anew, with the create revision of this write: a new leader's value in place of the last one's. */
export function writeKey(
  state: State,
  draft: Draft,
  key: string,
  known: KeyNode | undefined,
  value: Uint8Array,
  lease: LeaseId,
  fresh: boolean,
): void {
  const previous = known === undefined ? null : living(known);
  const goesOn = previous !== null && !fresh;
  const version = new KeyVersion(
    draft.revision,
    draft.changes.length,
    VersionKind.Put,
    goesOn ? previous.create : draft.revision,
    goesOn ? previous.version + 1 : 1,
    lease,
    value.length,
    value,
  );
  const node = known ?? new KeyNode(key, version);
  if (known === undefined) {
    state.keys.insert(node);
  } else {
    if (previous !== null) detach(state, node, previous);
    pushNext(node, version);
  }
  if (previous === null) state.liveKeys.add(key);
  attach(state, node, version);
  state.timeline.append(draft.revision, node);
  draft.change({ node, version, previous });
  assertBound(draft);
}

/** The key must be there. */
export function deleteKey(state: State, draft: Draft, node: KeyNode, cause: DeleteCause): void {
  const previous = living(node);
  invariant(previous !== null, 'a key is deleted that is not there');
  const version = new KeyVersion(draft.revision, draft.changes.length, kindOfCause(cause), 0, 0, 0, 0, null);
  detach(state, node, previous);
  state.liveKeys.delete(node.key);
  pushNext(node, version);
  state.timeline.append(draft.revision, node);
  draft.change({ node, version, previous });
  assertBound(draft);
}

/** Weight of the event of a change, for `limits.maxEventBytesPerEntry`. */
export function eventBytes(keyBytes: number, valueBytes: number, previousBytes: number): number {
  return overheadBytes + keyBytes + valueBytes + previousBytes;
}

/** What deleting the key with its lease will weigh. */
export function deletionBytes(node: KeyNode, version: KeyVersion): number {
  return eventBytes(node.key.length, 0, version.valueBytes);
}

/** Also while loading, where versions come in the same order. A key of a lease that ended since hangs on nothing. */
export function attach(state: State, node: KeyNode, version: KeyVersion): void {
  if (version.lease === 0 || isReserved(node.key)) return;
  const lease = state.leases.get(version.lease);
  if (lease === undefined) return;
  lease.keys.add(node);
  lease.keyEventBytes += deletionBytes(node, version);
}

export function detach(state: State, node: KeyNode, version: KeyVersion): void {
  if (version.lease === 0 || isReserved(node.key)) return;
  const lease = state.leases.get(version.lease);
  if (lease === undefined || !lease.keys.delete(node)) return;
  lease.keyEventBytes -= deletionBytes(node, version);
}

function pushNext(node: KeyNode, version: KeyVersion): void {
  invariant(node.latest.revision < version.revision, 'a key is written twice in one revision');
  pushVersion(node, version);
}

function assertBound(draft: Draft): void {
  invariant(draft.changes.length <= limits.maxChangesPerEntry, 'an entry changes more than was checked');
}
