import type { Message } from './message.ts';
import type {
  Entry,
  Failure,
  Index,
  LoadToken,
  MemberId,
  PersistJob,
  ProposalId,
  ReadId,
  Role,
  SnapshotMeta,
  SnapshotToken,
  Term,
  TransferId,
} from './types.ts';

/** What the driver does next. Plain data; how each part is to be treated stands at the top of the package's README. */
export interface Output {
  /** To be sent at once, in any order. They may get lost, be repeated, arrive in another order. */
  readonly messages: readonly Message[];
  readonly persist: PersistJob | null;
  /** Is durable and in force: the state machine is to be taken from it, before anything else of this output is applied. */
  readonly snapshotToRestore: SnapshotMeta | null;
  /** To be applied in this order. All of them are durable here. */
  readonly committed: readonly Entry[];
  /** May be answered once `index` has been applied. */
  readonly reads: readonly { readonly id: ReadId; readonly index: Index }[];
  /** Old entries that a slow peer needs. */
  readonly loads: readonly LoadRequest[];
  /** Peers that need what the log does not hold any more. */
  readonly snapshotSends: readonly SnapshotSend[];
  /** Ids of received snapshots that are of no use: what is staged under them may go. */
  readonly discarded: readonly string[];
  /** Leadership has left this member while it was being transferred; to whom, `leadership` tells as soon as it is known. */
  readonly handedOver: readonly TransferId[];
  /** Proposals that are in the log now. Whether they stay there the commit index tells. */
  readonly accepted: readonly { readonly id: ProposalId; readonly index: Index; readonly term: Term }[];
  readonly failed: readonly Failure[];
  /** Null when none of it changed. */
  readonly leadership: Leadership | null;
}

export interface LoadRequest {
  readonly token: LoadToken;
  readonly from: Index;
  readonly maxBytes: number;
}

/** To be ended by `snapshotSent` or `snapshotFailed`. Of no use any more once this member does not lead. */
export interface SnapshotSend {
  readonly token: SnapshotToken;
  readonly member: MemberId;
  /** The snapshot must cover the log at least up to here; the newest durable checkpoint does. */
  readonly atLeast: Index;
}

export interface Leadership {
  readonly role: Role;
  readonly term: Term;
  readonly leader: MemberId | null;
}

/** Collects one output, piece by piece. */
export class Outbox {
  messages: Message[] = [];
  reads: { id: ReadId; index: Index }[] = [];
  loads: LoadRequest[] = [];
  snapshotToRestore: SnapshotMeta | null = null;
  snapshotSends: SnapshotSend[] = [];
  discarded: string[] = [];
  handedOver: TransferId[] = [];
  accepted: { id: ProposalId; index: Index; term: Term }[] = [];
  failed: Failure[] = [];
  leadershipChanged = false;

  take(persist: PersistJob | null, committed: readonly Entry[], leadership: Leadership): Output {
    const output = {
      messages: this.messages,
      persist,
      snapshotToRestore: this.snapshotToRestore,
      committed,
      reads: this.reads,
      loads: this.loads,
      snapshotSends: this.snapshotSends,
      discarded: this.discarded,
      handedOver: this.handedOver,
      accepted: this.accepted,
      failed: this.failed,
      leadership: this.leadershipChanged ? leadership : null,
    };
    this.messages = [];
    this.reads = [];
    this.loads = [];
    this.snapshotToRestore = null;
    this.snapshotSends = [];
    this.discarded = [];
    this.handedOver = [];
    this.accepted = [];
    this.failed = [];
    this.leadershipChanged = false;
    return output;
  }
}
