import type { Message } from './message.ts';
import type {
  ConfigurationChange,
  Entry,
  Index,
  LoadToken,
  MemberId,
  PersistSequence,
  Proposal,
  ProposalId,
  ReadId,
  SnapshotMeta,
  SnapshotToken,
  Term,
  TransferId,
} from './types.ts';

/** Everything that can happen to a member. */
export type Input =
  /** `nextDeadline()` has passed. */
  | { readonly type: 'tick' }
  | { readonly type: 'message'; readonly message: Message }
  | { readonly type: 'propose'; readonly proposals: readonly Proposal[] }
  /**
   * Answered like a proposal: `accepted` names the entry that enters the change, and the change is complete when an entry of kind
   * Configuration is committed at or behind it that is not joint. `context` is handed on in that entry (see configuration.ts).
   */
  | {
      readonly type: 'changeConfiguration';
      readonly id: ProposalId;
      readonly change: ConfigurationChange;
      readonly context: Uint8Array;
    }
  /** Hand leadership to `to`, or to the voter that lacks least. Ends in `handedOver` or in `failed`. */
  | { readonly type: 'transferLeader'; readonly id: TransferId; readonly to: MemberId | 'best' }
  | { readonly type: 'readIndex'; readonly id: ReadId }
  /** This persist job and all before it are durable. */
  | { readonly type: 'persisted'; readonly sequence: PersistSequence }
  /** Final: the member stops. */
  | { readonly type: 'persistFailed'; readonly reason: string }
  /** The state machine has taken everything up to `index`. */
  | { readonly type: 'applied'; readonly index: Index }
  /** Answers a load, from its first entry on. Empty when they could not be had: they are asked for again, a heartbeat later. */
  | { readonly type: 'entriesLoaded'; readonly token: LoadToken; readonly entries: readonly Entry[] }
  /**
   * Whether somebody waits at this member for what is committed: a client, a watch. If so, the leader says at once how far that is;
   * otherwise with the next append or heartbeat, which saves a message an entry. Present until the driver says otherwise.
   */
  | { readonly type: 'audience'; readonly present: boolean }
  /**
   * A checkpoint of the state machine at `index` is durable: the log up to there may go. `spareBytes`: what is free on the disk, 0 if that is little
   * or not known; what the log keeps for peers that take a snapshot never exceeds it.
   */
  | { readonly type: 'checkpointed'; readonly index: Index; readonly spareBytes: number }
  /** The receiver has taken more of a snapshot: what it lacks is waited for anew. */
  | { readonly type: 'snapshotProgress'; readonly token: SnapshotToken }
  /** The receiver was given all of a snapshot, which covers the log up to `index`. */
  | { readonly type: 'snapshotSent'; readonly token: SnapshotToken; readonly index: Index }
  | { readonly type: 'snapshotFailed'; readonly token: SnapshotToken }
  /** A snapshot, sent by the leader of `term`, is staged here completely and durably. Either installed, or named in `discarded`. */
  | { readonly type: 'snapshotReceived'; readonly snapshot: SnapshotMeta; readonly term: Term }
  /** The state machine holds what the installed snapshot with this id brought: from now on this member can lead. */
  | { readonly type: 'restored'; readonly id: string }
  /** Messages to this member were dropped before they were sent. */
  | { readonly type: 'unreachable'; readonly member: MemberId }
  /** The connection to this member broke, as it does when its process ends. Only a hint. */
  | { readonly type: 'linkClosed'; readonly member: MemberId }
  /** Stand for election now. Nothing happens at a leader, at a member that has no vote, and at one bound by a lease. */
  | { readonly type: 'campaign' };
