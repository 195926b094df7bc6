import type { MemberId } from '@conclave/core';
import { maxClusterIdBytes } from './bounds.ts';
import type { Identity } from './storage.ts';
import { assertUse } from './storage-error.ts';

const clusterIdPattern = /^[\x21-\x7e]+$/;
const uuidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const maxMemberId = 2 ** 32 - 1;

export function isClusterId(value: unknown): value is string {
  return typeof value === 'string' && value.length <= maxClusterIdBytes && clusterIdPattern.test(value);
}

export function isMemberId(value: unknown): value is MemberId {
  return Number.isInteger(value) && (value as number) > 0 && (value as number) <= maxMemberId;
}

/** The canonical spelling, in lower case, because uuids are compared as text. */
export function isUuid(value: unknown): value is string {
  return typeof value === 'string' && uuidPattern.test(value);
}

export function assertIdentity(identity: Identity): void {
  assertUse(
    isClusterId(identity.clusterId),
    `a cluster id is 1 to ${maxClusterIdBytes} printable ASCII characters without spaces, not ${JSON.stringify(identity.clusterId)}`,
  );
  assertUse(
    isMemberId(identity.memberId),
    `a member id is an integer from 1 to ${maxMemberId}, not ${identity.memberId}`,
  );
}

export function sameIdentity(a: Identity, b: Identity): boolean {
  return a.clusterId === b.clusterId && a.memberId === b.memberId;
}

/** `member 3 of cluster "orders"` */
export function describeIdentity(identity: Identity): string {
  return `member ${identity.memberId} of cluster ${JSON.stringify(identity.clusterId)}`;
}
