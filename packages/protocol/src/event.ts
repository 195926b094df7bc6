// What the log did to the keys, as watchers see it.
import type { Key, Revision } from './operation.ts';
import type { KeyValue } from './result.ts';

export type KeyEvent =
  | { readonly type: 'put'; readonly entry: KeyValue; readonly previous: KeyValue | null }
  | {
      readonly type: 'delete';
      readonly key: Key;
      /** Null when the history that held it was compacted. */
      readonly previous: KeyValue | null;
      readonly cause: DeleteCause;
    };

/** `lease`: the lease or session it hung on ended. `release`: the value of an election whose leader left. */
export type DeleteCause = 'delete' | 'lease' | 'release';

/** Everything that one revision changed, in the order in which the entry changed it. Never split. */
export interface RevisionEvents {
  readonly revision: Revision;
  readonly events: readonly KeyEvent[];
  readonly author: string | null;
  readonly reason: string | null;
  readonly wallTimeMs: number;
}
