import type { CheckpointPace } from '@conclave/member';
import { Random } from '../random.ts';
import { type DiskSettings, type FaultSettings, leaderFaults } from '../swarm.ts';

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

export interface ClientSettings {
  readonly count: number;
  readonly operationsPerSecond: number;
  readonly keys: number;
  readonly locks: number;
  readonly ttlsMs: readonly number[];
  readonly maxHoldMs: number;
  /** A client's own pauses, some beyond its time to live. */
  readonly pauseEveryMs: number;
  readonly maxPauseMs: number;
  /** Mean time between deaths of one client. Another one comes in its place. */
  readonly deathEveryMs: number;
  /** Of clients that stand still soon after a new leader began: what the old one told them is put to the test. */
  readonly pauseAtElection: number;
  readonly maxValueBytes: number;
  readonly compactShare: number;
  /** Of calls that break somebody's hold. */
  readonly breakShare: number;
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
      locks: random.pick([1, 2]),
      ttlsMs: random.pick([[1_000], [1_000, 2_000], [1_500, 5_000]]),
      maxHoldMs: random.pick([20, 300, 1_500]),
      pauseEveryMs: sometimes(0.6, 1_500, 10_000),
      maxPauseMs: random.pick([500, 4_000]),
      pauseAtElection: calm ? 0 : random.pick([0, 0.5]),
      maxValueBytes: random.pick([24, 300, 3_000, 30_000]),
      compactShare: random.pick([0, 0, 0.01, 0.05]),
      breakShare: random.fork('breaks').pick([0, 0.01, 0.05]),
      watchBufferBytes: random.pick([4_096, 20_000, 1_048_576]),
      deathEveryMs: sometimes(0.4, 2_000, 15_000),
    },
    safetyMs,
  };
}

function checkpointPace(random: Random): CheckpointPace {
  const often = { aboveTtlMs: 1_000, everyMs: random.between(50, 500), quietAfterMs: random.pick([1_000, 60_000]) };
  return random.chance(0.7) ? often : { ...often, aboveTtlMs: Number.POSITIVE_INFINITY };
}
