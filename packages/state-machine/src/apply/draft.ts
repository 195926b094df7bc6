import type { Fence, LeaseId, Revision, SessionEndCause } from '@conclave/protocol';
import type { PinnedChange } from '../checkpoint/pinned-history.ts';
import type { SessionLease } from '../leases/lease.ts';

/** What a member must push to a client that waits for it, beyond the answer to the command itself. */
export type Notification =
  /** The request waited and holds now. */
  | {
      readonly type: 'granted';
      readonly session: LeaseId;
      readonly sequence: number;
      readonly fence: Fence;
      readonly contended: boolean;
    }
  /** The first request has begun to wait for what this one holds. */
  | { readonly type: 'contended'; readonly session: LeaseId; readonly sequence: number }
  /** The hold ended, other than with its session, and by the session itself: released, or taken back. */
  | { readonly type: 'released'; readonly session: LeaseId; readonly sequence: number; readonly fence: Fence }
  /** Somebody broke the hold, and nobody is granted for `delayMs`. */
  | {
      readonly type: 'broken';
      readonly session: LeaseId;
      readonly sequence: number;
      readonly fence: Fence;
      readonly delayMs: number;
      readonly author: string | null;
      readonly reason: string | null;
    }
  /** The request waits no more. */
  | { readonly type: 'cancelled'; readonly session: LeaseId; readonly sequence: number }
  /** It is used over the connection that resumed it with this epoch, and over none that has an older one. */
  | { readonly type: 'sessionMoved'; readonly session: LeaseId; readonly epoch: number }
  | { readonly type: 'sessionEnded'; readonly session: LeaseId; readonly cause: SessionEnd };

export type SessionEnd = Exclude<SessionEndCause, 'fenced'>;

/** For the leader's deadlines. */
export type DeadlineChange =
  | { readonly type: 'leaseGranted'; readonly lease: LeaseId; readonly generation: number; readonly ttlMs: number }
  | { readonly type: 'leaseEnded'; readonly lease: LeaseId }
  /** A checkpoint of this term is in the state. */
  | { readonly type: 'leasesCheckpointed' }
  /** A command of the session made void what was noted of its time: it has its whole ttl again. */
  | { readonly type: 'leaseLivesAnew'; readonly lease: LeaseId }
  | {
      readonly type: 'delayBegun';
      readonly session: LeaseId;
      readonly sequence: number;
      readonly delayMs: number;
    }
  | { readonly type: 'delayEnded'; readonly session: LeaseId; readonly sequence: number };

const noChanges: readonly PinnedChange[] = [];

/** One entry while it is applied: where it stands, who sent it, and what it has changed so far. */
export class Draft {
  readonly index: number;
  readonly term: number;
  readonly wallTimeMs: number;
  readonly author: string | null;
  readonly reason: string | null;
  /** The revision that the entry gets, should it change a key or grant. */
  readonly revision: Revision;
  /** Whose command it is, when it is a session's. */
  readonly session: SessionLease | null;
  readonly sequence: number;

  /** It had its effect before, under whatever identity. */
  isRepeat = false;
  changes: readonly PinnedChange[] = noChanges;
  grants = 0;
  /** Of holds. */
  ends = 0;
  membersChanged = false;
  notifications: Notification[] | null = null;
  deadlines: DeadlineChange[] | null = null;

  constructor(
    index: number,
    term: number,
    wallTimeMs: number,
    author: string | null,
    reason: string | null,
    revision: Revision,
    session: SessionLease | null,
    sequence: number,
  ) {
    this.index = index;
    this.term = term;
    this.wallTimeMs = wallTimeMs;
    this.author = author;
    this.reason = reason;
    this.revision = revision;
    this.session = session;
    this.sequence = sequence;
  }

  /** Whether the entry advances the revision: it changed a key or granted. */
  get advances(): boolean {
    return this.changes.length > 0 || this.grants > 0;
  }

  /** The store's revision as of what the entry has done so far. */
  get reached(): Revision {
    return this.advances ? this.revision : this.revision - 1;
  }

  /** Most entries change one key: an array that grows by `push` reserves room for seventeen, until the next checkpoint is durable. */
  change(change: PinnedChange): void {
    if (this.changes === noChanges) this.changes = [change];
    else (this.changes as PinnedChange[]).push(change);
  }

  notify(notification: Notification): void {
    if (this.notifications === null) this.notifications = [notification];
    else this.notifications.push(notification);
  }

  deadline(change: DeadlineChange): void {
    if (this.deadlines === null) this.deadlines = [change];
    else this.deadlines.push(change);
  }
}
