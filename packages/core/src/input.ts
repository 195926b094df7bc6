import type { Message } from './message.ts';
import type { Entry, Index, LoadToken, MemberId, PersistSequence, Proposal, ReadId } from './types.ts';

/** Everything that can happen to a member. */
export type Input =
  /** `nextDeadline()` has passed. */
  | { readonly type: 'tick' }
  | { readonly type: 'message'; readonly message: Message }
  | { readonly type: 'propose'; readonly proposals: readonly Proposal[] }
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
  /** Messages to this member were dropped before they were sent. */
  | { readonly type: 'unreachable'; readonly member: MemberId }
  /** Stand for election now. Nothing happens at a leader, and at a member that has no vote. */
  | { readonly type: 'campaign' };
