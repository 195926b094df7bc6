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
  Term,
} from './types.ts';

/** What the driver does next. Plain data; how each part is to be treated stands at the top of the package's README. */
export interface Output {
  /** To be sent at once, in any order. They may get lost, be repeated, arrive in another order. */
  readonly messages: readonly Message[];
  readonly persist: PersistJob | null;
  /** To be applied in this order. All of them are durable here. */
  readonly committed: readonly Entry[];
  /** May be answered once `index` has been applied. */
  readonly reads: readonly { readonly id: ReadId; readonly index: Index }[];
  /** Old entries that a slow peer needs. */
  readonly loads: readonly LoadRequest[];
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
  accepted: { id: ProposalId; index: Index; term: Term }[] = [];
  failed: Failure[] = [];
  leadershipChanged = false;

  take(persist: PersistJob | null, committed: readonly Entry[], leadership: Leadership): Output {
    const output = {
      messages: this.messages,
      persist,
      committed,
      reads: this.reads,
      loads: this.loads,
      accepted: this.accepted,
      failed: this.failed,
      leadership: this.leadershipChanged ? leadership : null,
    };
    this.messages = [];
    this.reads = [];
    this.loads = [];
    this.accepted = [];
    this.failed = [];
    this.leadershipChanged = false;
    return output;
  }
}
