import { assert, fail, RaftAssertionError } from './assertion.ts';
import { checkpointed } from './compaction.ts';
import { ConfigurationHistory } from './configuration-history.ts';
import { Durability } from './durability.ts';
import {
  electionTimeout,
  handlePreVote,
  handlePreVoteResponse,
  handleTimeoutNow,
  handleVote,
  handleVoteResponse,
  linkClosed,
  standForElection,
} from './election.ts';
import { handleAppend, handleCommitNotice, handleHeartbeat } from './follower.ts';
import type { Input } from './input.ts';
import { handleHeartbeatResponse, heartbeatTimeout, ownDiskAdvanced, propose } from './leader.ts';
import { Lease } from './lease.ts';
import { RaftLog } from './log.ts';
import { changeConfiguration, dismiss, leaveJoint } from './membership.ts';
import type { Message } from './message.ts';
import { checkOptions, type RaftOptions } from './options.ts';
import { Outbox, type Output } from './output.ts';
import type { Prng } from './prng.ts';
import { acknowledge, follow, hardStateOf, promise, type Raft, resetElectionTimer } from './raft.ts';
import {
  advanceReads,
  confirmRounds,
  handleReadIndexRequest,
  handleReadIndexResponse,
  readIndex,
  readTimeout,
} from './read-index.ts';
import { Reads } from './reads.ts';
import { entriesLoaded, handleAppendAccepted, handleAppendRejected, replicate, unreachable } from './replication.ts';
import { restored, snapshotFailed, snapshotProgress, snapshotReceived, snapshotSent } from './snapshot.ts';
import { type RaftStatus, statusOf } from './status.ts';
import { advanceTransfer, reviewTransfer, transferLeader, transferTimeout } from './transfer.ts';
import type { BootState, Configuration, Index, Millis, PersistSequence } from './types.ts';

/**
 * One member of a Raft cluster, without any I/O. The driver's four duties stand at the top of the README; beyond them it may do as
 * it likes: everything that must happen in an order is ordered in here.
 */
export class RaftNode {
  readonly #raft: Raft;
  #failure: Error | null = null;

  constructor(options: RaftOptions, boot: BootState, prng: Prng, now: Millis) {
    checkOptions(options);
    checkBoot(boot);
    const configurations = new ConfigurationHistory(boot);
    this.#raft = {
      options,
      prng,
      log: new RaftLog(boot),
      durability: new Durability(boot.tail),
      reads: new Reads(prng),
      outbox: new Outbox(),
      lease: new Lease(),
      configurations,
      get configuration() {
        return configurations.latest;
      },
      now,
      term: boot.hardState.term,
      vote: boot.hardState.vote,
      role: 'follower',
      leader: null,
      acknowledged: boot.acknowledged,
      audience: true,
      checkpointed: boot.applied,
      electionTimeoutMs: 0,
      electionDeadline: 0,
      // Where leases are on, it may have heard a leader just before it stopped, and have promised it a lease.
      lastLeaderContact: configurations.latest.leaseReads ? now : Number.NEGATIVE_INFINITY,
      votes: new Map(),
      takeover: null,
      restoring: null,
      progress: new Map(),
      heartbeatDeadline: Number.POSITIVE_INFINITY,
      nextToken: 1,
      termStart: 0 as Index,
      transfer: null,
    };
    resetElectionTimer(this.#raft);
  }

  /** Takes one input. Throws RaftAssertionError when a rule of the algorithm does not hold; then the process must stop. */
  step(input: Input, now: Millis): void {
    this.#guarded(() => {
      if (!(now >= this.#raft.now)) fail(`time went back from ${this.#raft.now} to ${now}`);
      this.#raft.now = now;
      this.#dispatch(input);
    });
  }

  /** After one failed assertion nothing more comes out of this member. */
  #guarded<Result>(act: () => Result): Result {
    if (this.#failure !== null) throw this.#failure;
    try {
      return act();
    } catch (error) {
      this.#failure = error instanceof Error ? error : new RaftAssertionError(String(error));
      throw error;
    }
  }

  /** Everything that the inputs since the last call have led to. */
  takeOutput(): Output {
    return this.#guarded(() => this.#output());
  }

  #output(): Output {
    const raft = this.#raft;
    leaveJoint(raft);
    advanceReads(raft);
    if (raft.role === 'leader') {
      reviewTransfer(raft);
      replicate(raft);
      acknowledge(raft, raft.log.lastIndex);
      advanceTransfer(raft);
    }
    const along = { hardState: hardStateOf(raft), acknowledged: raft.acknowledged };
    const job = raft.durability.takeJob(raft.log, along, raft.now);
    dismiss(raft);
    // Applied is only what this member will still have after a crash, although the others may have committed more (etcd #14370).
    const committed = raft.log.takeCommitted(raft.durability.durableIndex);
    raft.log.shrinkWindow(raft.options.maxLogWindowBytes, raft.durability.durableIndex);
    return raft.outbox.take(job, committed, { role: raft.role, term: raft.term, leader: raft.leader });
  }

  /** When the next `tick` is due, on the clock that `step` is given. */
  nextDeadline(): Millis {
    const { electionDeadline, heartbeatDeadline, reads, role, transfer } = this.#raft;
    if (role !== 'leader') return Math.min(electionDeadline, reads.retryDeadline);
    return Math.min(heartbeatDeadline, transfer?.deadline ?? Number.POSITIVE_INFINITY);
  }

  /**
   * In force at `index`, which was applied: to be stored with a checkpoint of that state. Null when it is not worth one, because a newer
   * checkpoint, or a snapshot, has taken its place.
   */
  configurationAt(index: Index): Configuration | null {
    const { checkpointed: newest, configurations, log } = this.#raft;
    assert(index <= log.committed, `the configuration at ${index} is not settled`);
    return index < newest ? null : configurations.at(index);
  }

  status(): RaftStatus {
    return statusOf(this.#raft);
  }

  /** For checkers of invariants; a driver has no business here. */
  get state(): Readonly<Raft> {
    return this.#raft;
  }

  #dispatch(input: Input): void {
    const raft = this.#raft;
    switch (input.type) {
      case 'tick':
        return this.#tick();
      case 'message':
        return this.#receive(input.message);
      case 'propose':
        return propose(raft, input.proposals);
      case 'changeConfiguration':
        return changeConfiguration(raft, input.id, input.change, input.context);
      case 'transferLeader':
        return transferLeader(raft, input.id, input.to);
      case 'readIndex':
        return readIndex(raft, input.id);
      case 'persisted':
        return this.#persisted(input.sequence);
      case 'persistFailed':
        // What a failed write left behind is not known, so nothing that this process says is to be relied on any more.
        throw new RaftAssertionError(`persisting failed: ${input.reason}`);
      case 'applied':
        return raft.log.appliedTo(input.index);
      case 'entriesLoaded':
        return entriesLoaded(raft, input.token, input.entries);
      case 'audience':
        raft.audience = input.present;
        return;
      case 'checkpointed':
        return checkpointed(raft, input.index, input.spareBytes);
      case 'snapshotProgress':
        return snapshotProgress(raft, input.token);
      case 'snapshotSent':
        return snapshotSent(raft, input.token, input.index);
      case 'snapshotFailed':
        return snapshotFailed(raft, input.token);
      case 'snapshotReceived':
        return snapshotReceived(raft, input.snapshot, input.term);
      case 'restored':
        return restored(raft, input.id);
      case 'unreachable':
        return unreachable(raft, input.member);
      case 'linkClosed':
        return linkClosed(raft, input.member);
      case 'campaign':
        return standForElection(raft);
    }
  }

  #tick(): void {
    const raft = this.#raft;
    if (raft.role === 'leader') {
      transferTimeout(raft);
      if (raft.now >= raft.heartbeatDeadline) heartbeatTimeout(raft);
      return;
    }
    if (raft.now >= raft.reads.retryDeadline) readTimeout(raft);
    if (raft.now >= raft.electionDeadline) electionTimeout(raft);
  }

  #persisted(sequence: PersistSequence): void {
    const raft = this.#raft;
    const { installed, released } = raft.durability.persisted(sequence);
    if (installed !== null) raft.outbox.snapshotToRestore = installed;
    for (const message of released) {
      if (message.term !== raft.term) fail(`a promise of term ${message.term} was kept in term ${raft.term}`);
      if (message.to === raft.options.id) this.#receive(message);
      else raft.outbox.messages.push(message);
    }
    ownDiskAdvanced(raft);
  }

  /** The rules for terms (Raft §5.1) come before everything that a message says. */
  #receive(message: Message): void {
    const raft = this.#raft;
    if (message.to !== raft.options.id) fail(`a message for member ${message.to} came to ${raft.options.id}`);
    if (message.term < raft.term && message.type !== 'preVoteResponse') {
      this.#answerOlderTerm(message);
      return;
    }
    // Requests for votes raise the term only if nobody here hears a leader; they decide that themselves.
    if (message.term > raft.term && message.type !== 'preVote' && message.type !== 'vote')
      follow(raft, message.term, null);
    this.#handle(message);
  }

  /** Tells a leader or a candidate of an older term that its time is over. Answers of older terms concern nobody any more. */
  #answerOlderTerm(message: Message): void {
    const raft = this.#raft;
    const answer = { from: raft.options.id, to: message.from, term: raft.term } as const;
    if (message.type === 'append' || message.type === 'heartbeat') {
      const end = { hintIndex: raft.log.lastIndex, hintTerm: raft.log.lastTerm };
      promise(raft, { type: 'appendRejected', ...answer, rejected: raft.log.lastIndex, ...end });
    } else if (message.type === 'preVote') {
      promise(raft, { type: 'preVoteResponse', ...answer, campaignTerm: message.campaignTerm, granted: false });
    } else if (message.type === 'vote') {
      promise(raft, { type: 'voteResponse', ...answer, granted: false });
    }
  }

  #handle(message: Message): void {
    const raft = this.#raft;
    switch (message.type) {
      case 'append':
        return handleAppend(raft, message);
      case 'appendAccepted':
        return handleAppendAccepted(raft, message);
      case 'appendRejected':
        return handleAppendRejected(raft, message);
      case 'heartbeat':
        return handleHeartbeat(raft, message);
      case 'heartbeatResponse':
        handleHeartbeatResponse(raft, message);
        return confirmRounds(raft);
      case 'commitNotice':
        return handleCommitNotice(raft, message);
      case 'preVote':
        return handlePreVote(raft, message);
      case 'preVoteResponse':
        return handlePreVoteResponse(raft, message);
      case 'vote':
        return handleVote(raft, message);
      case 'voteResponse':
        return handleVoteResponse(raft, message);
      case 'readIndexRequest':
        return handleReadIndexRequest(raft, message);
      case 'readIndexResponse':
        return handleReadIndexResponse(raft, message);
      case 'timeoutNow':
        return handleTimeoutNow(raft, message);
    }
  }
}

/** What no crash can leave: then the disk has lost something, and this member has promises to keep that it does not know of. */
function checkBoot({ acknowledged, base, hardState, tail, terms }: BootState): void {
  const lastTerm = terms.at(-1)?.term ?? base.term;
  assert(hardState.term >= lastTerm, `the log holds an entry of term ${lastTerm}, but the term is ${hardState.term}`);
  assert(
    hardState.term >= acknowledged.term,
    `term ${acknowledged.term} was acknowledged, but the term is ${hardState.term}`,
  );
  assert(acknowledged.index <= tail, `entry ${acknowledged.index} was acknowledged, but the log ends at ${tail}`);
}
