// What operators do, and what applications that only lock, elect and configure need not load: `@conclave/client/admin`.
export {
  grantLease,
  inspectLease,
  type LeaseInfo,
  leaseTimesLeft,
  listLeaseKeys,
  listLeases,
  renewLease,
  revokeLease,
} from './admin/leases.ts';
export {
  type BreakOptions,
  type Broken,
  breakLock,
  inspectLock,
  type KindOptions,
  type LockHolderInfo,
  type LockInfo,
  type LockListing,
  type LockWaiterInfo,
  listLocks,
  type PastHoldInfo,
} from './admin/locks.ts';
