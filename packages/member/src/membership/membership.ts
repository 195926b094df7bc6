import { type Configuration, type MemberId, membersOf, votersOf } from '@conclave/core';
import type { MemberStanding } from '@conclave/protocol';
import type { Membership as Table } from '@conclave/state-machine';
import type { Logger, PeerTransport } from '../environment.ts';
import { commandsOf } from '../level.ts';
import type { MemberAddress, MemberSettings } from '../settings.ts';
import { Directory, type Standing } from './directory.ts';
import { MembershipOffice, type OfficeWorld } from './office.ts';

export interface MembershipWorld
  extends Omit<OfficeWorld, 'founders' | 'membership' | 'electionMs' | 'knows' | 'lookEveryMs'> {
  readonly log: Logger;
  readonly transport: PeerTransport;
  readonly settings: MemberSettings;
  readonly table: () => Table;
  /** As of the last applied entry. */
  readonly committed: () => Configuration;
  /** This member was removed: it is told once, with where the others are. */
  readonly removed: (why: string) => void;
}

/** What a member knows of the cluster's members, this one among them, and as leader does about them. */
export class Membership {
  readonly directory: Directory;
  readonly office: MembershipOffice;
  readonly #world: MembershipWorld;
  #table: Table;
  #committed: Configuration;
  #routes = '';
  #contradictions = '';
  #removed: string | null = null;

  constructor(world: MembershipWorld) {
    this.#world = world;
    const { raft, settings, table } = world;
    this.directory = new Directory(settings.id, settings.members, raft().configuration);
    this.office = new MembershipOffice({
      ...world,
      founders: settings.members,
      knows: commandsOf(settings).known,
      membership: () => this.#table,
      electionMs: settings.electionMs,
      lookEveryMs: settings.heartbeatMs,
    });
    this.#table = table();
    this.#committed = world.committed();
  }

  /** Why this member is none any more. Null: it is one. */
  get removed(): string | null {
    return this.#removed;
  }

  /** Of the cluster: nothing newer than these commands is proposed. */
  get level(): number {
    return this.#table.level;
  }

  /** By the newest configuration, whether it is committed or not. */
  get voters(): readonly MemberId[] {
    return votersOf(this.#world.raft().configuration);
  }

  start(): void {
    this.changed();
  }

  /** A change of the table or of the configuration was applied, or the state was replaced as a whole. */
  changed(): void {
    this.#table = this.#world.table();
    this.refresh();
    this.office.changed();
  }

  /** The configuration in force may be another, or a member that has left has heard so: whom to be connected with. */
  refresh(): void {
    this.#committed = this.#world.committed();
    const { configuration, leader, peers } = this.#world.raft();
    // A configuration counts before it is committed. Until it is, whoever has left by it is needed: as leader it waits for answers.
    const counted = [...membersOf(configuration), ...membersOf(this.#committed), ...peers.map(({ id }) => id)];
    this.directory.update(this.#table, leader === null ? counted : [...counted, leader]);
    this.#considerRemoval();
    this.#reach();
    this.#warnOfContradictions();
  }

  /** What the committed configuration makes of a member. */
  standing(member: MemberId): MemberStanding {
    const { learners, voters, votersOutgoing } = this.#committed;
    const known = this.#table.members.find((one) => one.member === member);
    const isToGo = this.directory.isSeeded && (known === undefined || known.role === 'removed');
    if (isToGo || (votersOutgoing.includes(member) && !voters.includes(member))) return 'leaving';
    if (voters.includes(member) && (votersOutgoing.length === 0 || votersOutgoing.includes(member))) return 'voter';
    return learners.includes(member) ? 'learner' : 'joining';
  }

  /** A peer was let in, and says where it is found. */
  announced(peer: MemberId, peerUrl: string): void {
    if (peerUrl !== '' && this.directory.announce(peer, peerUrl)) this.#reach();
  }

  standingOf(member: MemberId): Standing {
    return this.directory.standingOf(member);
  }

  /** A peer turned this member away because it was removed. That is final; but who follows a leader was asked by somebody else. */
  toldRemoved(by: MemberId): void {
    if (this.#world.raft().leader === null) this.#becomeRemoved(`member ${by} says that this member was removed`);
  }

  #considerRemoval(): void {
    const { id } = this.#world.settings;
    const isCounted =
      membersOf(this.#committed).includes(id) || membersOf(this.#world.raft().configuration).includes(id);
    if (this.directory.standingOf(id) === 'removed' && !isCounted) this.#becomeRemoved('this member was removed');
  }

  #becomeRemoved(why: string): void {
    if (this.#removed !== null) return;
    this.#removed = `${why} from the cluster: ${this.#others()}`;
    this.#world.log.error(
      { members: this.directory.members.map(({ clientUrl }) => clientUrl) },
      `${why} from the cluster; its process and its directory are of no use any more`,
    );
    this.#world.removed(this.#removed);
    this.#reach();
  }

  #others(): string {
    const others = this.directory.members.filter(({ id }) => id !== this.#world.settings.id);
    return `its members are at ${others.map(({ clientUrl }) => clientUrl).join(', ')}`;
  }

  /** Tells the transport when it is news: whom it is to be connected with, and where they are. */
  #reach(): void {
    const routes = this.#removed === null ? this.directory.routes : [];
    const shown = JSON.stringify(routes);
    if (shown === this.#routes) return;
    this.#routes = shown;
    this.#world.transport.reach(routes);
  }

  #warnOfContradictions(): void {
    const contradictions = this.directory.contradictions;
    const shown = JSON.stringify(contradictions);
    if (shown === this.#contradictions || contradictions.length === 0) return;
    this.#contradictions = shown;
    for (const { given, recorded } of contradictions) {
      this.#world.log.warn(
        { member: given.id, given: urlsOf(given), recorded: urlsOf(recorded) },
        'the command line names other addresses than the cluster: clients are told the recorded ones; `conclave member update` changes them',
      );
    }
  }
}

function urlsOf({ clientUrl, peerUrl }: MemberAddress): string {
  return `${clientUrl},${peerUrl}`;
}
