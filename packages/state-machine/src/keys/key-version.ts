import type { DeleteCause, LeaseId, Revision } from '@conclave/protocol';
import type { Lanes } from '../records/hash.ts';

/** What a history record says about its key. Written to disk: never renumber. */
export const VersionKind = { Put: 0, Delete: 1, Lease: 2, Release: 3 } as const;
export type VersionKind = (typeof VersionKind)[keyof typeof VersionKind];

const causes: readonly DeleteCause[] = ['delete', 'lease', 'release'];

export function kindOfCause(cause: DeleteCause): VersionKind {
  return (causes.indexOf(cause) + 1) as VersionKind;
}

export function causeOf(kind: VersionKind): DeleteCause {
  return causes[kind - 1]!;
}

/** One write or deletion of one key: everything but the value, which is in memory only until a checkpoint made it durable. */
export class KeyVersion implements Lanes {
  readonly revision: Revision;
  /** Position among the changes of its revision. */
  readonly sub: number;
  readonly kind: VersionKind;
  /** 0 for a deletion; so are `version` and `lease`. */
  readonly create: Revision;
  readonly version: number;
  /** 0: none. */
  readonly lease: LeaseId;
  readonly valueBytes: number;
  /** Pinned while it can be read nowhere else. Null: in the state store, or a deletion. */
  value: Uint8Array | null;
  /** Seal of its record, once that was encoded. What is read back must have it. */
  high = 0;
  low = 0;

  constructor(
    revision: Revision,
    sub: number,
    kind: VersionKind,
    create: Revision,
    version: number,
    lease: LeaseId,
    valueBytes: number,
    value: Uint8Array | null,
  ) {
    this.revision = revision;
    this.sub = sub;
    this.kind = kind;
    this.create = create;
    this.version = version;
    this.lease = lease;
    this.valueBytes = valueBytes;
    this.value = value;
  }
}

/** A key and its versions that history still holds. */
export class KeyNode {
  readonly key: string;
  latest: KeyVersion;
  /** Oldest first, `latest` not among them. Null instead of empty: most keys have one version, and a million of them count. */
  older: KeyVersion[] | null = null;

  constructor(key: string, latest: KeyVersion) {
    this.key = key;
    this.latest = latest;
  }
}

/** The present version, unless the key is deleted. */
export function living(node: KeyNode): KeyVersion | null {
  return node.latest.kind === VersionKind.Put ? node.latest : null;
}

export function pushVersion(node: KeyNode, version: KeyVersion): void {
  if (node.older === null) node.older = [node.latest];
  else node.older.push(node.latest);
  node.latest = version;
}

/** The newest version at or below `revision`; null when the key had none yet. A deletion is a version. */
export function versionAt(node: KeyNode, revision: Revision): KeyVersion | null {
  if (node.latest.revision <= revision) return node.latest;
  const count = countUpTo(node, revision);
  return count === 0 ? null : node.older![count - 1]!;
}

/** The newest put strictly below `revision`, if that is what the key was then. */
export function livingBefore(node: KeyNode, revision: Revision): KeyVersion | null {
  const before = versionAt(node, revision - 1);
  return before !== null && before.kind === VersionKind.Put ? before : null;
}

/** How many of the older versions are at or below `revision`. */
export function countUpTo(node: KeyNode, revision: Revision): number {
  const older = node.older;
  if (older === null) return 0;
  let low = 0;
  let high = older.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (older[middle]!.revision <= revision) low = middle + 1;
    else high = middle;
  }
  return low;
}
