import { type CheckpointPace, defaultCheckpointPace } from '@conclave/member';
import { Random } from '../random.ts';
import { type DiskSettings, type FaultSettings, leaderFaults } from '../swarm.ts';
import type { Suffering } from './client-process.ts';
import type { RoamerSettings } from './roamer.ts';

/** What one seed makes of a run of whole members. Each fault is off in some runs: it hides the bugs that need its absence. */
export interface MemberRunSettings {
  readonly members: number;
  readonly electionMs: number;
  readonly heartbeatMs: number;
  /** What stays of the log for members that lag: if it is little, they get snapshots. */
  readonly keptLog: { readonly entries: number; readonly bytes: number };
  /** Sessions are shorter here than what is noted otherwise; and offices, too. */
  readonly leaseCheckpoints: CheckpointPace;
  /** What arrives within this time is worked on in one turn of a member's event loop. */
  readonly maxTurnMs: number;
  readonly minDelayMs: number;
  readonly meanDelayMs: number;
  /** Of frames between members that the transport says it could not take. */
  readonly dropRate: number;
  /** Mean times between broken connections: of members, and of one client. */
  readonly linkBreakEveryMs: number;
  /** Mean time between jams of what one member sends to another in bulk. */
  readonly clogEveryMs: number;
  readonly clientBreakEveryMs: number;
  readonly disk: DiskSettings;
  /** Of one disk. A rejected write ends its process. */
  readonly writeErrorEveryMs: number;
  readonly faults: FaultSettings;
  readonly staleLeaderEveryMs: number;
  readonly operator: OperatorSettings;
  readonly clients: ClientSettings;
  readonly roamers: RoamerSettings;
  readonly safetyMs: number;
}

export interface OperatorSettings {
  /** Members at the beginning. */
  readonly founders: number;
  /** Mean times between what the operator does; Infinity for never. */
  readonly changeEveryMs: number;
  readonly transferEveryMs: number;
  /** Asked for from the beginning; later changes turn it off and on. */
  readonly leaseReads: boolean;
}

export const wishKinds = ['lock', 'shared', 'several', 'permits', 'election'] as const;
export type WishKind = (typeof wishKinds)[number];

export interface ClientSettings {
  readonly count: number;
  readonly operationsPerSecond: number;
  readonly keys: number;
  readonly locks: number;
  /** Of the semaphores. */
  readonly permits: number;
  /** Of an application's calls, those that want to hold something. */
  readonly wishShare: number;
  readonly wishKinds: readonly WishKind[];
  /** Of holders, those that want more while they keep what they have. */
  readonly nestedShare: number;
  /** Of holds of one lock, those whose mode changes meanwhile. */
  readonly convertShare: number;
  /** Of wishes, those that are taken back, perhaps at the moment at which they come true. */
  readonly cancelShare: number;
  readonly ttlsMs: readonly number[];
  readonly maxHoldMs: number;
  /** A client's own pauses, some beyond its time to live. */
  readonly pauseEveryMs: number;
  readonly maxPauseMs: number;
  /** Mean time between deaths of one client. Another one comes in its place. */
  readonly deathEveryMs: number;
  /** Of clients that stand still soon after a new leader began: what the old one told them is put to the test. */
  readonly pauseAtElection: number;
  readonly suffering: Suffering;
  readonly maxValueBytes: number;
  readonly compactShare: number;
  /** Of calls of operators, who break holds, end the sessions of others, and look who holds. */
  readonly overseerShare: number;
  readonly watchBufferBytes: number;
}

/** With this the time to live minus one hundredth, by a client's clock, is over before the whole is by a member's. */
const maxClockDrift = 0.004;

export function memberSettingsFor(seed: number, members: number | null, safetyMs: number): MemberRunSettings {
  const random = new Random(seed).fork('members');
  const never = Number.POSITIVE_INFINITY;
  const calm = random.chance(0.08);
  const sometimes = (probability: number, low: number, high: number): number =>
    !calm && random.chance(probability) ? random.between(low, high) : never;
  const heartbeatMs = random.pick([20, 50, 100]);
  const operator = random.fork('operator');
  const founders = members ?? random.pick([1, 2, 3, 3, 3, 3, 3, 5, 5, 7]);
  return {
    members: founders,
    operator: {
      founders,
      changeEveryMs: operator.pick([300, 1_000, 4_000, never, never]),
      transferEveryMs: operator.pick([500, 3_000, never]),
      leaseReads: operator.chance(0.5),
    },
    heartbeatMs,
    electionMs: heartbeatMs * random.pick([4, 8, 10]),
    keptLog: { entries: random.fork('log').pick([1, 20, 200, 65_536]), bytes: 67_108_864 },
    leaseCheckpoints: checkpointPace(random.fork('checkpoints')),
    maxTurnMs: random.fork('turns').pick([0.2, 1, 3]),
    minDelayMs: random.between(0.05, 1),
    meanDelayMs: random.pick([0.2, 1, 4]),
    dropRate: !calm && random.chance(0.3) ? random.between(0, 0.02) : 0,
    linkBreakEveryMs: sometimes(0.5, 300, 5_000),
    clogEveryMs: calm ? never : random.fork('clogs').pick([1_000, 5_000, never, never]),
    clientBreakEveryMs: sometimes(0.7, 500, 10_000),
    disk: {
      minWriteMs: random.between(0.05, 1),
      meanWriteMs: random.pick([0.3, 1, 5]),
      meanStallEveryMs: sometimes(0.25, 2_000, 15_000),
      maxMergedJobs: Number.POSITIVE_INFINITY,
      maxStallMs: random.pick([200, 1_500]),
    },
    writeErrorEveryMs: sometimes(0.15, 5_000, 30_000),
    faults: {
      leaderFaults,
      leaderEveryMs: calm ? never : random.pick([500, 1_500, 4_000, never]),
      crashEveryMs: sometimes(0.6, 800, 8_000),
      crashAllEveryMs: sometimes(0.2, 5_000, 20_000),
      maxDownMs: random.pick([50, 500, 3_000]),
      pauseEveryMs: sometimes(0.4, 1_000, 8_000),
      maxPauseMs: random.pick([100, 1_000, 4_000]),
      partitionEveryMs: sometimes(0.6, 800, 6_000),
      maxPartitionMs: random.pick([200, 1_500, 5_000]),
      clockDrift: random.pick([0, 0.001, maxClockDrift]),
      // These need to see single messages of Raft; core alone is run with them.
      tellingCrashRate: 0,
      muteRestartRate: 0,
    },
    staleLeaderEveryMs: sometimes(0.4, 500, 2_500),
    clients: {
      count: random.integer(2, 6),
      operationsPerSecond: random.pick([20, 60, 150]),
      keys: random.pick([1, 3, 8]),
      locks: random.pick([1, 2, 2]),
      ...wishSettings(random.fork('wishes')),
      ttlsMs: random.pick([[1_000], [1_000, 2_000], [1_500, 5_000]]),
      maxHoldMs: random.pick([20, 300, 1_500, 4_000]),
      pauseEveryMs: sometimes(0.6, 1_500, 10_000),
      maxPauseMs: random.pick([500, 4_000]),
      pauseAtElection: calm ? 0 : random.pick([0, 0.5]),
      suffering: sufferingOf(random.fork('suffering'), calm),
      maxValueBytes: random.pick([24, 300, 3_000, 30_000]),
      compactShare: random.pick([0, 0, 0.01, 0.05]),
      overseerShare: random.fork('breaks').pick([0, 0.02, 0.08]),
      watchBufferBytes: random.pick([4_096, 20_000, 1_048_576]),
      deathEveryMs: sometimes(0.4, 2_000, 15_000),
    },
    roamers: roamerSettings(random.fork('roamers')),
    safetyMs,
  };
}

function sufferingOf(random: Random, calm: boolean): Suffering {
  if (calm) return { stumbleShare: 0, welcomeShare: 0 };
  return { stumbleShare: random.pick([0, 0, 0.02, 0.15]), welcomeShare: random.pick([0, 0, 0.3]) };
}

function roamerSettings(random: Random): RoamerSettings {
  return {
    count: random.pick([0, 0, 1, 2]),
    ttlMs: random.pick([1_000, 3_000]),
    moveEveryMs: random.pick([40, 200, 1_000]),
    sendEveryMs: random.pick([20, 100]),
    oldShare: random.pick([0.1, 0.5]),
    locks: random.pick([1, 2]),
  };
}

function wishSettings(
  random: Random,
): Pick<ClientSettings, 'permits' | 'wishShare' | 'wishKinds' | 'nestedShare' | 'convertShare' | 'cancelShare'> {
  return {
    permits: random.pick([1, 2, 3]),
    wishShare: random.pick([0.13, 0.3, 0.6]),
    wishKinds: random.chance(0.4) ? wishKinds : random.shuffle(wishKinds).slice(0, random.integer(1, 3)),
    nestedShare: random.pick([0, 0, 0.1, 0.4]),
    convertShare: random.pick([0, 0.3, 0.8]),
    cancelShare: random.pick([0.05, 0.15, 0.6]),
  };
}

/** Three members, five clients and a hundred calls a second, without faults: by this the speed of the simulator is measured. */
export function steadySettings(safetyMs: number): MemberRunSettings {
  const never = Number.POSITIVE_INFINITY;
  return {
    members: 3,
    operator: { founders: 3, changeEveryMs: never, transferEveryMs: never, leaseReads: false },
    heartbeatMs: 100,
    electionMs: 1_000,
    keptLog: { entries: 65_536, bytes: 67_108_864 },
    leaseCheckpoints: defaultCheckpointPace,
    maxTurnMs: 1,
    minDelayMs: 0.1,
    meanDelayMs: 0.5,
    dropRate: 0,
    linkBreakEveryMs: never,
    clogEveryMs: never,
    clientBreakEveryMs: never,
    disk: {
      minWriteMs: 0.3,
      meanWriteMs: 1,
      meanStallEveryMs: never,
      maxMergedJobs: Number.POSITIVE_INFINITY,
      maxStallMs: 0,
    },
    writeErrorEveryMs: never,
    faults: {
      leaderFaults,
      leaderEveryMs: never,
      crashEveryMs: never,
      crashAllEveryMs: never,
      maxDownMs: 0,
      pauseEveryMs: never,
      maxPauseMs: 0,
      partitionEveryMs: never,
      maxPartitionMs: 0,
      clockDrift: 0.001,
      tellingCrashRate: 0,
      muteRestartRate: 0,
    },
    staleLeaderEveryMs: never,
    clients: {
      count: 5,
      operationsPerSecond: 100,
      keys: 8,
      locks: 2,
      permits: 3,
      wishShare: 0.13,
      wishKinds,
      nestedShare: 0.1,
      convertShare: 0.3,
      cancelShare: 0.1,
      ttlsMs: [5_000],
      maxHoldMs: 20,
      pauseEveryMs: never,
      maxPauseMs: 0,
      deathEveryMs: never,
      pauseAtElection: 0,
      suffering: { stumbleShare: 0, welcomeShare: 0 },
      maxValueBytes: 300,
      compactShare: 0,
      overseerShare: 0.01,
      watchBufferBytes: 1_048_576,
    },
    roamers: { count: 0, ttlMs: 1_000, moveEveryMs: never, sendEveryMs: never, oldShare: 0, locks: 1 },
    safetyMs,
  };
}

function checkpointPace(random: Random): CheckpointPace {
  const often = { aboveTtlMs: 1_000, everyMs: random.between(50, 500), quietAfterMs: random.pick([1_000, 60_000]) };
  return random.chance(0.7) ? often : { ...often, aboveTtlMs: Number.POSITIVE_INFINITY };
}
