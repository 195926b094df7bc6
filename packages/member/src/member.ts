import {
  type Entry,
  EntryKind,
  type Index,
  integerBetween,
  type MemberId,
  type Output,
  RaftNode,
  type RaftStatus,
} from '@conclave/core';
import { type ClusterStatus, ProtocolError } from '@conclave/protocol';
import type { Applied, StateMachine } from '@conclave/state-machine';
import { Applier } from './applier.ts';
import { Barrier } from './barrier.ts';
import { type Booted, boot } from './boot.ts';
import { Checkpointer } from './checkpointer.ts';
import { Attachments } from './client/attachments.ts';
import type { ClientServices } from './client/client-services.ts';
import type { ClientConnection } from './client/connection.ts';
import { Connections } from './client/connections.ts';
import { Dispatch } from './client/dispatch.ts';
import { Keepalives } from './client/keepalives.ts';
import { SessionClaims } from './client/session-claims.ts';
import { ClusterClock } from './cluster-clock.ts';
import { type Counts, clusterStatus, clusterView, Reports, reportToAll } from './cluster-status.ts';
import { passAccepted, passFailed } from './core-answers.ts';
import { guardedTimers } from './defect.ts';
import type { Cancel, ClientSocket, Environment, Lane, Timers } from './environment.ts';
import { LeaseKeeper } from './lease/lease-keeper.ts';
import { Renewals } from './lease/renewals.ts';
import { commandsOf, refuseNewerState } from './level.ts';
import { Membership } from './membership/membership.ts';
import { changeId } from './membership/office.ts';
import { Mutations } from './mutations.ts';
import { Door } from './peer/door.ts';
import type { PeerHello, Verdict } from './peer/hello.ts';
import { PeerInbox } from './peer/inbox.ts';
import { LeaderLink } from './peer/leader-link.ts';
import { PeerLinks } from './peer/links.ts';
import { Pump } from './pump.ts';
import { Queries } from './queries.ts';
import { raftOptions } from './raft-options.ts';
import type { MemberAddress, MemberSettings } from './settings.ts';
import { Snapshots, tooFarBehind } from './snapshot/snapshots.ts';
import { DiskRoom } from './space/disk-room.ts';
import { Staleness } from './staleness.ts';
import { sweepDeadlines } from './sweep.ts';
import { Transfers } from './transfers.ts';
import { WatchClient } from './watch/watch-client.ts';
import { WatchHub } from './watch/watch-hub.ts';

/** One member of a cluster, without any I/O of its own: everything it knows of the world comes in through its environment. */
export class Member {
  readonly #settings: MemberSettings;
  readonly #environment: Environment;
  readonly #timers: Timers;
  readonly #node: RaftNode;
  readonly #machine: StateMachine;
  readonly #links: PeerLinks;
  readonly #pump: Pump;
  readonly #applier: Applier;
  readonly #barrier: Barrier;
  readonly #staleness: Staleness;
  readonly #clusterClock: ClusterClock;
  readonly #mutations: Mutations;
  readonly #queries: Queries;
  readonly #keeper: LeaseKeeper;
  readonly #renewals: Renewals;
  readonly #keepalives: Keepalives;
  readonly #attachments = new Attachments();
  readonly #claims: SessionClaims;
  readonly #hub: WatchHub;
  readonly #checkpointer: Checkpointer;
  readonly #snapshots: Snapshots;
  readonly #transfers: Transfers;
  readonly #membership: Membership;
  readonly #door: Door;
  readonly #reports: Reports;
  readonly #room: DiskRoom;
  readonly #inbox: PeerInbox;
  readonly #leaderLink: LeaderLink;
  readonly #connections: Connections;
  readonly #dispatch: Dispatch;
  #leader: MemberId | null = null;
  #ledTerm: number | null = null;
  #sweep: Cancel | null = null;
  #stopped = false;

  /** Reads what is on disk; rejects when it does not fit together. `start` brings it to life. */
  static async open(settings: MemberSettings, environment: Environment, storeUuid: string): Promise<Member> {
    return new Member(settings, environment, storeUuid, await boot(environment.store));
  }

  private constructor(settings: MemberSettings, environment: Environment, storeUuid: string, booted: Booted) {
    const { clock, log, store, transport } = environment;
    const { machine } = booted;
    refuseNewerState(machine.level, settings);
    const fatal = (error: Error): void => this.#fatal(error);
    const timers = (this.#timers = guardedTimers(environment.timers, fatal));
    this.#dispatch = new Dispatch(timers);
    this.#settings = settings;
    this.#environment = environment;
    this.#machine = machine;
    this.#node = new RaftNode(raftOptions(settings), booted.boot, environment.prng, clock.nowMs());
    this.#links = new PeerLinks(settings.id, transport, timers, environment.prng, (peer, lane) =>
      this.#messagesDropped(peer, lane),
    );
    this.#pump = new Pump(this.#node, { ...environment, timers }, this.#links, {
      turnBegins: () => this.#turnBegins(),
      takeProposals: (max) => this.#mutations.takeProposals(max),
      accepted: (accepted) => passAccepted(accepted, this.#mutations, this.#membership.office),
      failed: (failed) => this.#failed(failed),
      readable: (reads) => this.#barrier.readable(reads),
      committed: (entries) => this.#applier.submit(entries),
      replacing: async () => this.#snapshots.replacing(),
      replaced: (snapshot) => this.#snapshots.replaced(snapshot),
      snapshotWanted: (send) => this.#snapshots.wanted(send, this.#node.state.term),
      snapshotDiscarded: (id) => this.#snapshots.discarded(id),
      handedOver: (transfers) => this.#transfers.handedOver(transfers),
      leadership: (leadership) => this.#leadership(leadership),
      turnEnds: () => this.#dispatch.flush(),
      fatal,
    });
    this.#connections = new Connections(
      () => this.#services(),
      (present) => [this.#pump, this.#staleness].forEach((one) => one.audience(present)),
    );
    this.#barrier = new Barrier(this.#pump, booted.boot.applied, clock);
    this.#staleness = new Staleness(this.#barrier, clock, timers, settings.heartbeatMs);
    this.#clusterClock = new ClusterClock(clock);
    this.#mutations = new Mutations(
      this.#links,
      clock,
      () => this.#clusterClock.stamp(),
      () => machine.level,
      () => this.#pump.wake(),
      (session) => this.#keeper.signOfLife(session),
      () => this.#room.isShort,
    );
    this.#queries = new Queries(machine, this.#barrier);
    this.#keeper = new LeaseKeeper(machine, this.#barrier, { clock, timers, log }, settings, (decide) =>
      this.#mutations.decideOwn(decide),
    );
    this.#renewals = new Renewals(this.#keeper, this.#links, timers);
    this.#keepalives = new Keepalives(machine, this.#renewals, this.#barrier, timers);
    this.#claims = new SessionClaims(
      machine,
      this.#mutations,
      this.#renewals,
      this.#attachments,
      environment,
      () => this.#leader !== null,
    );
    this.#hub = new WatchHub(machine, clock, timers);
    this.#checkpointer = new Checkpointer(
      machine,
      () => store.state,
      timers,
      (index) => this.#node.configurationAt(index),
      (index) => this.#pump.push({ type: 'checkpointed', index, spareBytes: this.#room.spareBytes }),
      fatal,
    );
    this.#applier = new Applier(
      machine,
      clock,
      timers,
      {
        applied: (entry, applied) => this.#applied(entry, applied),
        sliceEnded: (index) => this.#sliceEnded(index),
      },
      fatal,
    );
    const parts = { machine, applier: this.#applier, barrier: this.#barrier, checkpointer: this.#checkpointer };
    this.#snapshots = new Snapshots({ clock, log, store, timers }, this.#links, parts, {
      push: (input) => this.#pump.push(input),
      replacing: () => this.#connections.goodbye(new ProtocolError('UNAVAILABLE', tooFarBehind)),
      replaced: (index) => this.#stateReplaced(index),
      failed: fatal,
    });
    this.#transfers = new Transfers({
      pump: this.#pump,
      timers,
      electionMs: settings.electionMs,
      hold: (held) => this.#mutations.transferring(held),
      takeRequest: () => this.#links.takeRequest(),
      send: (to, message) => this.#links.send(to, message),
    });
    this.#reports = new Reports(timers, () =>
      reportToAll(this.#links, this.#membership, this.raft, settings, this.#room.isLow),
    );
    this.#room = new DiskRoom({
      ...environment,
      timers,
      electionMs: settings.electionMs,
      failed: fatal,
      raft: () => this.#node.status(),
      reports: () => this.#reports.present(clock.nowMs()),
      handOver: async (to) => this.#transfers.begin(to),
    });
    this.#membership = new Membership({
      settings,
      timers,
      log,
      transport,
      raft: () => this.#node.status(),
      table: () => machine.membership(),
      committed: () => this.#node.configurationAt(machine.applied.index as Index) ?? this.#node.status().configuration,
      change: (change) =>
        this.#pump.push({ type: 'changeConfiguration', id: changeId, change, context: new Uint8Array(0) }),
      propose: (operation) => this.#mutations.proposeOwn(operation),
      handOver: async (to) => this.#transfers.begin(to),
      commonLevel: () => this.#reports.commonLevel(this.#node.status().configuration, settings, clock.nowMs()),
      removed: (why) => this.#connections.sendAway(why),
    });
    const bootId = integerBetween(environment.prng, 1, 2 ** 48);
    this.#door = new Door({ ...settings, storeUuid, bootId }, this.#membership, store.log, environment, fatal);
    this.#leaderLink = new LeaderLink(timers, settings.heartbeatMs, this.#mutations, this.#renewals);
    this.#inbox = new PeerInbox({
      clock,
      pump: this.#pump,
      applier: this.#applier,
      door: this.#door,
      mutations: this.#mutations,
      renewals: this.#renewals,
      reports: this.#reports,
      snapshots: this.#snapshots,
      transfers: this.#transfers,
      failed: fatal,
    });
    log.info({ applied: booted.boot.applied, tail: booted.boot.tail, revision: machine.revision }, 'member is ready');
  }

  start(): void {
    this.#pump.audience(false);
    this.#pump.wake();
    this.#membership.start();
    this.#sweep = sweepDeadlines(this.#timers, this.#environment.clock, this.#mutations, this.#queries);
    this.#reports.start();
    this.#room.start();
  }

  /** Hands leadership to `to`, or to the voter that lacks least. Rejects with TransferError, also when this member does not lead. */
  async transferLeader(to: MemberId | null): Promise<void> {
    await this.#transfers.begin(to);
  }

  /** Answers everybody that this member is stopping, waits for the checkpoint under way, and does nothing more. */
  async stop(): Promise<void> {
    if (!this.#stopped) this.#halt(new ProtocolError('UNAVAILABLE', 'this member is stopping'));
    await this.#checkpointer.stop();
    await this.#room.stop();
  }

  get status(): ClusterStatus {
    const reports = this.#reports.present(this.#environment.clock.nowMs());
    return clusterStatus(this.#settings, this.#membership, this.raft, this.#machine, reports, this.#room.isLow);
  }

  /** Last entry that is in the state. */
  get applied(): Index {
    return this.#applier.appliedIndex;
  }

  get raft(): RaftStatus {
    return { ...this.#node.status(), applied: this.#applier.appliedIndex };
  }

  get counts(): Counts {
    return {
      connections: this.#connections.count,
      watches: this.#hub.count,
      sessions: this.#attachments.count,
      pending: this.#mutations.count,
    };
  }

  connectClient(socket: ClientSocket): ClientConnection {
    return this.#connections.connect(socket, this.unready);
  }

  #services(): ClientServices {
    return {
      ...this.#environment,
      timers: this.#timers,
      dispatch: this.#dispatch,
      mutations: this.#mutations,
      queries: this.#queries,
      renewals: this.#renewals,
      keepalives: this.#keepalives,
      attachments: this.#attachments,
      claims: this.#claims,
      backups: this.#snapshots.backups,
      commands: commandsOf(this.#settings),
      level: () => this.#machine.level,
      watches: (outbox) => new WatchClient(this.#hub, outbox),
      cluster: () => clusterView(this.#settings, this.members, this.#machine, this.#leader),
      status: () => this.status,
      transferLeader: async (to) => this.#transfers.throughLeader(to as MemberId | null),
      stalenessMs: () => this.#staleness.ms(),
      connectionClosed: (connection) => this.#connections.closed(connection),
      failed: (error) => this.#fatal(error),
    };
  }

  /** What this member says first on a link to `to`. */
  hello(to: MemberId): Uint8Array {
    return this.#door.hello(to, this.#node.state.acknowledged);
  }

  /** Rejects with PeerRefusedError when the peer may not take part. */
  async admit(hello: PeerHello): Promise<void> {
    await this.#door.admit(hello);
    this.#snapshots.connected(hello.memberId);
  }

  /** `peer` has answered this member's hello: it has nothing against it. */
  acceptedBy(peer: MemberId): void {
    this.#door.acceptedBy(peer);
  }

  /** Those who are to be in the cluster, as far as is known here. */
  get members(): readonly MemberAddress[] {
    return this.#membership.directory.members;
  }

  /** Why this member cannot serve, although it may know a leader. Null: it can. */
  get unready(): string | null {
    if (this.#stopped) return 'this member is stopping';
    // Who joined and has nothing yet does not even know in which incarnation the cluster is.
    const isEmpty = this.#settings.joinSecret !== null && this.#applier.appliedIndex === 0;
    return this.#snapshots.isReplacing || isEmpty ? tooFarBehind : this.removed;
  }

  /** Why this member is none of the cluster's any more. Null: it is one. */
  get removed(): string | null {
    return this.#membership.removed;
  }

  /** `by` turned this member away for good. */
  told(by: MemberId, verdict: Verdict): void {
    this.#door.told(by, verdict);
  }

  /** Throws PeerProtocolError: then the link must be closed. */
  receivePeer(from: MemberId, frame: Uint8Array): void {
    if (this.#stopped) return;
    this.#inbox.receive(from, this.#links.decode(from, frame));
  }

  /** The lane of heartbeats says whether a peer lives. Whoever sends snapshots finds out by itself, in a lane that idles for weeks. */
  peerLost(peer: MemberId, lane: Lane): void {
    if (lane === 'control') this.#pump.push({ type: 'linkClosed', member: peer });
    if (lane === 'control') this.#reports.lost(peer);
    if (lane !== 'snapshot') this.#messagesDropped(peer, lane);
  }

  #messagesDropped(peer: MemberId, lane: Lane): void {
    this.#pump.unreachable(peer);
    if (peer === this.#leader && !this.#stopped) this.#leaderLink.lost(lane);
  }

  #turnBegins(): void {
    this.#barrier.turnBegins();
    this.#dispatch.turnBegins();
  }

  #failed(failed: Output['failed']): void {
    const { office } = this.#membership;
    passFailed(failed, { barrier: this.#barrier, mutations: this.#mutations, office, transfers: this.#transfers });
  }

  #leadership({ leader, role, term }: NonNullable<Output['leadership']>): void {
    const leads = role === 'leader';
    const changed = leader !== this.#leader;
    this.#leader = leader;
    if (leads && this.#ledTerm !== term) this.#clusterClock.goOnFrom(this.#machine.clusterTimeMs);
    if (!leads || this.#ledTerm !== term) {
      this.#keeper.leaveOffice();
      this.#membership.office.close();
    }
    this.#ledTerm = leads ? term : null;
    this.#snapshots.leadershipChanged();
    this.#mutations.leadership(leader, leads);
    this.#transfers.leadership(leader, leads);
    this.#renewals.leadership(leader, leads);
    this.#queries.leadership(leader !== null);
    if (!changed) return;
    this.#environment.log.info(
      { term, role, leader },
      leader === null ? 'there is no leader' : `member ${leader} leads`,
    );
    this.#connections.membersChanged();
  }

  #applied(entry: Entry, applied: Applied): void {
    // The first entry of its own term that a leader applies: now its state holds everything that earlier leaders acknowledged.
    const takesOffice = entry.term === this.#ledTerm && !this.#keeper.isInOffice;
    if (takesOffice) {
      this.#clusterClock.atLeast(this.#machine.clusterTimeMs);
      this.#keeper.takeOffice(entry.term);
    } else this.#keeper.changed(entry.term, applied.deadlines);
    this.#mutations.applied(entry, applied);
    if (applied.notifications.length > 0) this.#attachments.notify(applied.notifications);
    if (applied.events !== null) this.#hub.publish(applied.events);
    this.#checkpointer.note(entry.data.length);
    if (applied.membersChanged || entry.kind === EntryKind.Configuration) {
      refuseNewerState(this.#machine.level, this.#settings);
      this.#membership.changed();
      this.#connections.membersChanged();
    }
    if (takesOffice) this.#membership.office.open();
  }

  #sliceEnded(index: Index): void {
    this.#pump.applied(index);
    this.#snapshots.appliedTo(index);
    this.#barrier.appliedTo(index);
    this.#queries.advanced();
    this.#checkpointer.consider();
  }

  /** Everything that was learnt entry by entry is to be learnt from the state itself. */
  #stateReplaced(index: Index): void {
    this.#mutations.skippedTo(index);
    refuseNewerState(this.#machine.level, this.#settings);
    this.#membership.changed();
  }

  #fatal(error: Error): void {
    if (this.#stopped) return;
    this.#environment.log.error({ error: error.message }, 'this member must not go on');
    this.#halt(new ProtocolError('UNAVAILABLE', 'this member has failed', 'unknown'));
    this.#environment.onFatal(error);
  }

  #halt(why: ProtocolError): void {
    this.#stopped = true;
    this.#sweep?.();
    void this.#room.stop();
    for (const part of [this.#reports, this.#leaderLink, this.#staleness, this.#pump, this.#applier]) part.stop();
    this.#keeper.leaveOffice();
    this.#snapshots.stop();
    this.#transfers.abandon();
    this.#membership.office.close();
    const waiting = [this.#mutations, this.#barrier, this.#keepalives, this.#renewals, this.#queries];
    for (const part of waiting) part.abandon();
    this.#connections.goodbye(why);
  }
}
