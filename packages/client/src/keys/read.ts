import type { Consistency, KeyRange, Range, Revision } from '@conclave/protocol';
import type { CallOptions } from '../call.ts';
import type { ClientCore } from '../client-core.ts';
import { type Entry, entryOrNull } from './entry.ts';
import { type Key, type KeySpace, shown } from './key-space.ts';

export interface ReadOptions extends CallOptions {
  /** `linearizable`, unless said otherwise. `local`: what the member has, also without a quorum; `read` and `list` say how old it is. */
  readonly consistency?: Consistency;
  /** The state as it was then. */
  readonly revision?: Revision;
}

export interface ReadResult {
  readonly entry: Entry | null;
  /** That the answer reflects. */
  readonly revision: Revision;
  /** How old it may be. Null: it is linearizable. */
  readonly stalenessMs: number | null;
}

export function rangeOperation(range: KeyRange, changes: Partial<Range> = {}): Range {
  return {
    type: 'range',
    range,
    revision: null,
    limit: 0,
    order: 'ascending',
    keysOnly: false,
    countOnly: false,
    modifiedSince: null,
    ...changes,
  };
}

export async function read(core: ClientCore, space: KeySpace, key: Key, options: ReadOptions): Promise<ReadResult> {
  const operation = rangeOperation({ key: space.key(key), end: null }, { revision: options.revision ?? null });
  const { result, stalenessMs } = await core.query(`get ${shown(key)}`, operation, options);
  return { entry: entryOrNull(result.entries[0], space), revision: result.revision, stalenessMs };
}
