import { Random } from './random.ts';

/**
 * What one seed makes of a run. Swarm testing: a fault that is always on hides the bugs that need its absence, so each run
 * draws which faults it has at all, and how strong (Groce et al., "Swarm Testing", 2012).
 */
export interface Settings {
  readonly members: number;
  readonly electionMs: number;
  readonly heartbeatMs: number;
  readonly maxAppendBytes: number;
  readonly maxInflightAppends: number;
  readonly maxLogWindowBytes: number;
  readonly maxUnappliedBytes: number;
  readonly network: NetworkSettings;
  readonly disk: DiskSettings;
  readonly faults: FaultSettings;
  readonly load: LoadSettings;
  readonly membership: MembershipSettings;
  readonly snapshots: SnapshotSettings;
  readonly safetyMs: number;
}

export interface NetworkSettings {
  readonly minDelayMs: number;
  readonly meanDelayMs: number;
  readonly lossRate: number;
  /** Of messages that carry entries: votes and heartbeats pass, logs grow apart. */
  readonly bulkLossRate: number;
  readonly duplicateRate: number;
  /** Of messages that come up to `maxStragglerMs` later than others: after whatever has happened meanwhile, restarts included. */
  readonly stragglerRate: number;
  readonly maxStragglerMs: number;
  /** Of appends that arrive with only the first of their entries, as a leader with other bounds, or after other losses, would have sent them. */
  readonly cutShortRate: number;
  /** Of breaks of a connection, a crash among them, that the other end is told of. */
  readonly linkClosedRate: number;
}

export interface DiskSettings {
  readonly minWriteMs: number;
  readonly meanWriteMs: number;
  /** Mean time between stalls of one disk; Infinity for none. */
  readonly meanStallEveryMs: number;
  readonly maxStallMs: number;
  /** Persist jobs that go into one write. With 1 a crash can come between any two. */
  readonly maxMergedJobs: number;
}

/** `deaf`: stands still, and is cut off for the time. `bereft`: so, when one has not heard it for long, and the others start anew. */
export type LeaderFault = 'crash' | 'pause' | 'isolate' | 'oneWay' | 'deaf' | 'bereft';

export const leaderFaults: readonly LeaderFault[] = ['crash', 'pause', 'isolate', 'oneWay'];

/** Mean times between faults of each kind, over the whole cluster; Infinity for none. */
export interface FaultSettings {
  readonly crashEveryMs: number;
  /** Faults of any kind that hit whoever leads at that moment: most bugs need leaders that come and go. */
  readonly leaderEveryMs: number;
  readonly leaderFaults: readonly LeaderFault[];
  readonly crashAllEveryMs: number;
  readonly maxDownMs: number;
  /** Of messages that bind their sender, or that it waits for an answer to: right after them it crashes, to be back in no time. */
  readonly tellingCrashRate: number;
  /** Of restarts after which nobody hears the member for a while: its new connections are not up, those to it are. */
  readonly muteRestartRate: number;
  readonly pauseEveryMs: number;
  readonly maxPauseMs: number;
  readonly partitionEveryMs: number;
  readonly maxPartitionMs: number;
  /** Largest deviation of a member's clock rate from true time. */
  readonly clockDrift: number;
}

export interface LoadSettings {
  readonly clients: number;
  readonly operationsPerSecond: number;
  readonly readShare: number;
  /** Of reads that go to any member; the others go where a leader is thought to be. */
  readonly readAnywhereShare: number;
  readonly maxValueBytes: number;
}

export interface MembershipSettings {
  /** Members that do not take part at first. */
  readonly spares: number;
  /** Mean times between what the operator does; Infinity for never. */
  readonly changeEveryMs: number;
  readonly transferEveryMs: number;
  /** From the beginning; later changes turn it on and off. */
  readonly leaseReads: boolean;
}

export interface SnapshotSettings {
  /** Mean time between checkpoints of one member; Infinity for none. */
  readonly checkpointEveryMs: number;
  readonly keptLogEntries: number;
  readonly keptLogBytes: number;
  readonly keptForPeersBytes: number;
  readonly meanSendMs: number;
  readonly failRate: number;
  readonly unreportedRate: number;
  readonly repeatRate: number;
}

export function settingsFor(seed: number, members: number | null, safetyMs: number): Settings {
  const random = new Random(seed).fork('swarm');
  const sometimes = (probability: number, low: number, high: number): number =>
    random.chance(probability) ? random.between(low, high) : Number.POSITIVE_INFINITY;
  const rarely = (probability: number, high: number): number =>
    random.chance(probability) ? random.between(0, high) : 0;
  const calm = random.chance(0.05);
  // A fifth of the runs hunts leaders: quick elections, and a fault for nearly everybody who wins one (Raft's figure 8 lives here).
  const hunting = !calm && random.chance(0.2);
  const heartbeatMs = hunting ? 20 : random.pick([20, 50, 100]);
  const settings = {
    members: members ?? random.pick([1, 2, 3, 3, 3, 3, 4, 5, 5, 7]),
    heartbeatMs,
    electionMs: heartbeatMs * (hunting ? 3 : random.pick([3, 5, 10])),
    maxAppendBytes: random.pick(hunting ? [1, 262_144] : [1, 200, 1_000, 262_144]),
    maxInflightAppends: random.pick([1, 2, 8, 64]),
    maxLogWindowBytes: random.pick([1, 1_000, 33_554_432]),
    maxUnappliedBytes: random.pick([1, 4_000, 67_108_864]),
    network: {
      minDelayMs: random.between(0.05, 1),
      meanDelayMs: random.pick(hunting ? [1, 5] : [0.2, 1, 5, 20]),
      lossRate: calm ? 0 : rarely(0.6, hunting ? 0.4 : 0.1),
      bulkLossRate: hunting ? random.pick([0, 0.5, 0.8]) : 0,
      duplicateRate: calm ? 0 : rarely(0.5, 0.1),
      stragglerRate: calm ? 0 : rarely(0.5, 0.2),
      maxStragglerMs: random.pick([30, 300, 3_000]),
      cutShortRate: calm ? 0 : rarely(0.4, 0.5),
    },
    disk: {
      minWriteMs: random.between(0.05, 1),
      meanWriteMs: random.pick(hunting ? [0.3, 3] : [0.3, 1, 5, 15]),
      meanStallEveryMs: calm ? Number.POSITIVE_INFINITY : sometimes(0.3, 2_000, 20_000),
      maxStallMs: random.pick([200, 2_000]),
      maxMergedJobs: random.pick([1, 3, 1_000]),
    },
    faults: {
      leaderFaults,
      leaderEveryMs: hunting
        ? random.between(40, 300)
        : calm
          ? Number.POSITIVE_INFINITY
          : random.pick([300, 1_000, 3_000, Number.POSITIVE_INFINITY]),
      crashEveryMs: calm ? Number.POSITIVE_INFINITY : sometimes(0.7, 300, 8_000),
      crashAllEveryMs: calm ? Number.POSITIVE_INFINITY : sometimes(0.3, 3_000, 20_000),
      maxDownMs: random.pick(hunting ? [10, 100, 300] : [10, 500, 4_000]),
      tellingCrashRate: calm ? 0 : random.pick([0, 0, 1]),
      muteRestartRate: random.pick([0, 0, 0.5]),
      pauseEveryMs: calm ? Number.POSITIVE_INFINITY : sometimes(0.4, 1_000, 10_000),
      maxPauseMs: random.pick(hunting ? [100, 300] : [100, 1_500, 6_000]),
      partitionEveryMs: calm ? Number.POSITIVE_INFINITY : sometimes(0.7, 500, 8_000),
      maxPartitionMs: random.pick(hunting ? [100, 300] : [200, 2_000, 8_000]),
      clockDrift: random.pick([0, 0.001, 0.05]),
    },
    load: {
      clients: random.integer(1, 8),
      operationsPerSecond: random.pick([20, 100, 100, 400]),
      readShare: random.between(0.1, 0.7),
      readAnywhereShare: random.pick([0.1, 0.5, 1]),
      maxValueBytes: random.pick([16, 300, 2_000]),
    },
    safetyMs,
  };
  const isChanging = random.chance(0.6);
  const isLosing = !calm && random.chance(0.5);
  const leaseReads = random.chance(0.5);
  const stale = leaseReads && random.chance(0.6) ? staleLeaders(settings, random) : settings;
  return {
    ...stale,
    network: { ...stale.network, linkClosedRate: random.pick([0, 0.5, 1]) },
    membership: {
      spares: isChanging ? random.integer(0, 4) : 0,
      changeEveryMs: isChanging ? random.pick([100, 500, 2_000]) : Number.POSITIVE_INFINITY,
      transferEveryMs: random.pick([200, 2_000, Number.POSITIVE_INFINITY]),
      leaseReads,
    },
    snapshots: {
      checkpointEveryMs: random.pick([50, 500, Number.POSITIVE_INFINITY]),
      keptLogEntries: random.pick([1, 20, 500]),
      keptLogBytes: random.pick([1, 67_108_864]),
      keptForPeersBytes: random.pick([1, 536_870_912]),
      meanSendMs: random.pick([5, 100, 1_000]),
      failRate: isLosing ? 0.3 : 0,
      unreportedRate: isLosing ? 0.1 : 0,
      repeatRate: isLosing ? 0.2 : 0,
    },
  };
}

type Drawn = Omit<Settings, 'membership' | 'snapshots' | 'network'> & {
  readonly network: Omit<NetworkSettings, 'linkClosedRate'>;
};

/**
 * A lease that is a little too long shows only when a leader that has been replaced a moment ago is asked: so leaders stand still for about
 * as long as an election takes, others are quick to take over, clocks differ, and clients read at whoever thinks that it leads.
 */
function staleLeaders<Base extends Drawn>(settings: Base, random: Random): Base {
  const electionMs = random.pick([60, 100, 200]);
  return {
    ...settings,
    members: Math.max(settings.members, 3),
    heartbeatMs: 20,
    electionMs,
    network: { ...settings.network, meanDelayMs: 0.5, lossRate: 0, bulkLossRate: 0 },
    disk: { ...settings.disk, meanWriteMs: 0.3, meanStallEveryMs: Number.POSITIVE_INFINITY },
    faults: {
      ...settings.faults,
      leaderFaults: ['deaf', 'deaf', 'bereft', 'bereft', 'crash'],
      leaderEveryMs: random.between(3, 8) * electionMs,
      crashEveryMs: random.pick([300, 3_000, Number.POSITIVE_INFINITY]),
      maxPartitionMs: 4 * electionMs,
      maxDownMs: 10,
      maxPauseMs: random.between(1.5, 3) * electionMs,
      clockDrift: random.pick([0.001, 0.2]),
    },
    load: {
      clients: 64,
      operationsPerSecond: 800,
      readShare: random.pick([0.6, 0.99]),
      readAnywhereShare: 0,
      maxValueBytes: 16,
    },
  };
}
