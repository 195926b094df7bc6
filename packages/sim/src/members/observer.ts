import type { ClientProcess } from './client-process.ts';
import type { MemberHost } from './host.ts';
import type { LockEntry } from './lock-history.ts';
import type { AppliedEntry, Oracle } from './oracle.ts';

/** What an application asks of its client. Only what the invariants judge by its answer has more than a name. */
export type Action =
  | { readonly type: 'put' | 'delete' | 'get'; readonly key: string }
  /** Put, if the key was last written at that revision. */
  | { readonly type: 'swap'; readonly key: string; readonly ifRevision: number }
  /** Put, if that request holds. */
  | { readonly type: 'guarded'; readonly key: string; readonly session: number; readonly sequence: number }
  /** Who holds it, and who waits. */
  | { readonly type: 'inspect'; readonly lock: string }
  /** All keys behind a prefix. */
  | { readonly type: 'list'; readonly prefix: string }
  | { readonly type: 'compact' | 'break' | 'revoke' | 'proclaim' | 'giveBackOld' };

/** One call of an application, from when it was made to when its fate is known. */
export interface Call {
  readonly id: number;
  readonly client: ClientProcess;
  readonly action: Action;
  readonly consistency: 'linearizable' | 'local';
  /** What the call writes, if it writes a value: no other call writes the same. */
  readonly value: string | null;
  /** Entries that had been applied anywhere when it was made. */
  readonly index: number;
  /** Largest revision that any client had been told of by an acknowledgement when it was made. */
  readonly floor: number;
  /** Largest revision that its own client had been shown in any way when it was made. */
  readonly seen: number;
}

/** One key, as a client or the history shows it. */
export interface Item {
  readonly key: string;
  readonly revision: number;
  readonly value: string;
}

/** What the application was told. */
export interface Answer {
  /** Of the write, or of the state that was read. Null: it names none. */
  readonly revision: number | null;
  /** Something was written: no compare was lost. */
  readonly wrote: boolean;
  /** What was read. */
  readonly items: readonly Item[] | null;
  /** Of a lock, as a text. */
  readonly shown?: string;
}

/** What one revision did to one key; null: it was deleted. */
export interface Change {
  readonly key: string;
  readonly value: string | null;
}

/** What the invariants get to see. Each implements what it needs. */
export interface MemberObserver {
  readonly name: string;
  applied?(applied: AppliedEntry): void;
  /** An entry did something to locks or to who waits for them. Behind `applied`. */
  locked?(entry: LockEntry): void;
  answered?(call: Call, answer: Answer): void;
  /** Whoever sent it was told that the value was written. Of those who are no clients of the SDK. */
  acknowledged?(who: string, value: string): void;
  /** The client said that it had no effect. */
  refused?(call: Call): void;
  /** An application believes from now on that it holds. */
  held?(claim: Claim): void;
  watchEvents?(watch: WatchRecord, revision: number, changes: readonly Change[], author: string | null): void;
  watchSnapshot?(watch: WatchRecord, revision: number, items: readonly Item[]): void;
  watchProgress?(watch: WatchRecord, revision: number): void;
  /** `gap`: it was told that leaders may have passed unseen. */
  leaderSeen?(record: LeaderRecord, leader: ShownLeader | null, gap: boolean): void;
  ended?(oracle: Oracle, hosts: readonly MemberHost[]): void;
}

/** What an application would act on, until its signal aborts. */
export interface Claim {
  readonly client: ClientProcess;
  readonly session: number;
  /** Of the acquire. Null: the claim is that the session lives. */
  readonly sequence: number | null;
  readonly signal: AbortSignal;
  /** By the client's own clock. */
  remainingMs(): number;
}

/** One watcher over all its connections. */
export interface WatchRecord {
  readonly name: string;
  readonly selects: (key: string) => boolean;
  /** Every event below was delivered. */
  next: number;
}

/** A leader, and what it published. */
export interface ShownLeader {
  readonly fence: number;
  readonly session: number | null;
  readonly value: string;
}

/** One application that observes an election. */
export interface LeaderRecord {
  readonly name: string;
  readonly lock: string;
  /** Which of all that was published it can have been shown last, counted from the beginning: the same word may stand there twice. */
  seen: readonly number[];
}
