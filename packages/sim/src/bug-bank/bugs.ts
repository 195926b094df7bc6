import type { Bug } from './bug.ts';
import { durabilityBugs } from './bugs/durability.ts';
import { electionBugs } from './bugs/elections.ts';
import { lockBugs } from './bugs/locks.ts';
import { logBugs } from './bugs/log.ts';
import { membershipBugs } from './bugs/membership.ts';
import { readBugs } from './bugs/reads.ts';
import { snapshotBugs } from './bugs/snapshots.ts';
import { wholeBugs } from './bugs/whole.ts';

export const bugs: readonly Bug[] = [
  ...electionBugs,
  ...durabilityBugs,
  ...logBugs,
  ...readBugs,
  ...membershipBugs,
  ...snapshotBugs,
  ...wholeBugs,
  ...lockBugs,
];
