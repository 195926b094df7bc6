import { decodeOperation, type Operation, ProtocolError } from '@conclave/protocol';

/**
 * What is kept longer because of it. Ends and deletions are a log entry too, but what they let go is more; and a member on a full disk must be
 * replaceable.
 */
const grows: Readonly<Record<Exclude<Operation['type'], 'txn'>, boolean>> = {
  put: true,
  leaseGrant: true,
  sessionOpen: true,
  lockAcquire: true,
  proclaim: true,
  delete: false,
  leaseRevoke: false,
  sessionClose: false,
  sessionAttach: false,
  lockRelease: false,
  lockBreak: false,
  lockCancel: false,
  lockConvert: false,
  compact: false,
  memberAdd: false,
  memberUpdate: false,
  memberRole: false,
  clusterSet: false,
  leaseExpire: false,
  leaseCheckpoint: false,
  lockDelayEnd: false,
  memberSeed: false,
  clusterLevel: false,
  range: false,
  lease: false,
  leaseKeys: false,
  leases: false,
  lock: false,
  locks: false,
  lockRequest: false,
  members: false,
};

/** Whether the state may be larger after this operation; of a transaction, whichever way its compares go. */
export function growsState(operation: Uint8Array): boolean {
  let decoded: Operation;
  try {
    decoded = decodeOperation(operation);
  } catch (error) {
    // A member of another release passed it on. What is not understood is not known to free anything.
    if (error instanceof ProtocolError) return true;
    throw error;
  }
  if (decoded.type !== 'txn') return grows[decoded.type];
  return [...decoded.then, ...decoded.else].some(({ type }) => type === 'put');
}
