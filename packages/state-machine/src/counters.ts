import type { LeaseId, Revision } from '@conclave/protocol';

/** The numbers of the state; one record. */
export class Counters {
  readonly table = 'counters';
  revision: Revision = 0;
  /** Everything readable at or after it is kept; what only earlier reads would see is not. 0: all of history. */
  compacted: Revision = 0;
  /** The last revision that changed a key. */
  lastChange: Revision = 0;
  clusterTimeMs = 0;
  nextLease: LeaseId = 1;
  /** Counts restores from a backup: revisions of different incarnations have nothing to do with each other. */
  incarnation = 1;

  high = 0;
  low = 0;
  stored = false;
}
