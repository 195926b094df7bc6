import { type Configuration, type MemberId, membersOf, type RaftStatus } from '@conclave/core';
import type { ClusterStatus, MemberStanding, MemberStatus } from '@conclave/protocol';
import type { StateMachine } from '@conclave/state-machine';
import type { ClusterView } from './client/client-services.ts';
import type { Cancel, Timers } from './environment.ts';
import { commandsOf } from './level.ts';
import type { Membership } from './membership/membership.ts';
import type { PeerLinks } from './peer/links.ts';
import type { Report } from './peer/message.ts';
import type { MemberAddress, MemberSettings } from './settings.ts';

export interface Counts {
  readonly connections: number;
  readonly watches: number;
  readonly sessions: number;
  /** Mutations that are not answered yet. */
  readonly pending: number;
}

/** Reports that are older than this say nothing about the present. */
const reportLifeMs = 3_000;
const reportIntervalMs = 1_000;

/** What members say of themselves once a second: this one to the others, and the others to it. */
export class Reports {
  readonly #timers: Timers;
  readonly #say: () => void;
  #timer: Cancel | null = null;
  readonly #reports = new Map<MemberId, { readonly report: Report; readonly atMs: number }>();

  constructor(timers: Timers, say: () => void) {
    this.#timers = timers;
    this.#say = say;
  }

  start(): void {
    this.#say();
    this.#timer = this.#timers.after(reportIntervalMs, () => this.start());
  }

  stop(): void {
    this.#timer?.();
  }

  note(peer: MemberId, report: Report, nowMs: number): void {
    this.#reports.set(peer, { report, atMs: nowMs });
  }

  lost(peer: MemberId): void {
    this.#reports.delete(peer);
  }

  /** Those that still say something. */
  present(nowMs: number): ReadonlyMap<MemberId, Report> {
    const present = [...this.#reports].filter(([, { atMs }]) => nowMs - atMs <= reportLifeMs);
    return new Map(present.map(([peer, { report }]) => [peer, report]));
  }

  /** The newest commands that all members know, this one among them. Null: one of them was not heard of lately. */
  commonLevel(configuration: Configuration, own: MemberSettings, nowMs: number): number | null {
    const reports = this.present(nowMs);
    let level = commandsOf(own).known;
    for (const id of membersOf(configuration)) {
      if (id === own.id) continue;
      const knows = reports.get(id)?.knows;
      if (knows === undefined) return null;
      level = Math.min(level, knows);
    }
    return level;
  }
}

export function clusterStatus(
  settings: MemberSettings,
  membership: Membership,
  raft: RaftStatus,
  { incarnation, level, revision }: Pick<StateMachine, 'incarnation' | 'level' | 'revision'>,
  reports: ReadonlyMap<MemberId, Report>,
  diskLow: boolean,
): ClusterStatus {
  return {
    clusterId: settings.clusterId,
    term: raft.term,
    leader: raft.leader,
    revision,
    hasQuorum: raft.leader !== null,
    incarnation,
    level,
    leaseReads: raft.configuration.leaseReads,
    members: membership.directory.present.map(({ clientUrl, id, name, peerUrl }) => {
      const standing = membership.standing(id);
      const one = { id, name, standing, clientUrl, peerUrl };
      if (id === settings.id) return { ...one, ...ownStatus(raft, standing, settings.pid), diskLow };
      return { ...one, ...peerStatus(raft, standing, id, reports.get(id) ?? null) };
    }),
  };
}

type Progress = Pick<MemberStatus, 'role' | 'applied' | 'commit' | 'durable' | 'pid'>;
type Reported = Progress & Pick<MemberStatus, 'diskLow'>;

function ownStatus(raft: RaftStatus, standing: MemberStanding, pid: number | null): Progress {
  const { applied, committed: commit, durable } = raft;
  const role = raft.role === 'pre-candidate' ? 'candidate' : raft.role;
  return { role: role === 'follower' ? followerAs(standing) : role, applied, commit, durable, pid };
}

function peerStatus(raft: RaftStatus, standing: MemberStanding, id: MemberId, report: Report | null): Reported {
  if (report === null) {
    return { role: 'unreachable', applied: null, commit: null, durable: null, pid: null, diskLow: null };
  }
  const { applied, commit, diskLow, durable, pid } = report;
  return {
    role: raft.leader === id ? 'leader' : followerAs(standing),
    applied,
    commit,
    durable,
    pid: pid === 0 ? null : pid,
    diskLow,
  };
}

/** Who has no vote learns. */
function followerAs(standing: MemberStanding): 'follower' | 'learner' {
  return standing === 'voter' || standing === 'leaving' ? 'follower' : 'learner';
}

/** The cluster as the welcome describes it. */
export function clusterView(
  { clusterId, id }: MemberSettings,
  members: readonly MemberAddress[],
  { incarnation, revision }: StateMachine,
  leaderId: MemberId | null,
): ClusterView {
  return {
    clusterId,
    incarnation,
    memberId: id,
    leaderId,
    members: members.map(({ clientUrl, id: memberId, name }) => ({ id: memberId, name, clientUrl })),
    revision,
  };
}

/** What this member says of itself, to every other one. */
export function reportToAll(
  links: Pick<PeerLinks, 'send'>,
  membership: Membership,
  { applied, committed: commit, durable }: RaftStatus,
  settings: MemberSettings,
  diskLow: boolean,
): void {
  const { known: knows } = commandsOf(settings);
  membership.refresh();
  for (const { id } of membership.directory.routes) {
    links.send(id, { type: 'report', applied, commit, durable, pid: settings.pid ?? 0, knows, diskLow });
  }
}
