import type { Revision } from '@conclave/protocol';
import type { WriteOptions } from '../call.ts';
import type { ClientCore } from '../client-core.ts';
import { coreOf, type Session } from '../session/session.ts';
import { toBytes } from '../text.ts';
import { type Entry, entryOrNull } from './entry.ts';
import { type Key, type KeySpace, type Selector, shown } from './key-space.ts';
import { rangeOperation } from './read.ts';

export interface PutOptions extends WriteOptions {
  /** The key ends with this session. */
  readonly session?: Session;
  /** The key ends with this lease. */
  readonly lease?: number;
  /** Only if the key was last written at this revision; 0: only if there is none. */
  readonly ifRevision?: Revision;
  /** Answer with what was there before. */
  readonly previous?: boolean;
}

export interface PutDone {
  readonly ok: true;
  readonly revision: Revision;
  /** Null: there was none, or it was not asked for. */
  readonly previous: Entry | null;
}

/** Another one was faster. */
export interface CompareLost {
  readonly ok: false;
  /** Of the cluster when it compared. */
  readonly revision: Revision;
  /** What is there instead. */
  readonly current: Entry | null;
}

export interface DeleteOptions extends WriteOptions {
  /** Of one key: only if it was last written at this revision. */
  readonly ifRevision?: Revision;
  /** Answer with what was deleted. */
  readonly previous?: boolean;
}

export interface DeleteDone {
  readonly ok: true;
  readonly revision: Revision;
  readonly deleted: number;
  /** Empty unless asked for. */
  readonly previous: readonly Entry[];
}

export async function put(
  core: ClientCore,
  space: KeySpace,
  key: Key,
  value: string | Uint8Array,
  options: PutOptions,
): Promise<PutDone | CompareLost> {
  const { ifRevision, previous = false, session } = options;
  const what = `put ${shown(key)}`;
  const lease = session === undefined ? (options.lease ?? null) : session.id;
  // What hangs on a session is written under it: the cluster knows then that it is the session's own wish.
  const under = session === undefined ? undefined : coreOf(core, session);
  const operation = {
    type: 'put',
    key: space.key(key),
    value: toBytes(value),
    lease,
    returnPrevious: previous,
  } as const;
  if (ifRevision === undefined) {
    const result = await core.mutate(what, operation, options, under);
    return { ok: true, revision: result.revision, previous: entryOrNull(result.previous, space) };
  }
  const compare = { target: 'mod', key: operation.key, relation: '=', operand: ifRevision } as const;
  const instead = rangeOperation({ key: operation.key, end: null });
  const txn = { type: 'txn', compares: [compare], then: [operation], else: [instead] } as const;
  const { results, revision, succeeded } = await core.mutate(what, txn, options, under);
  const [only] = results;
  if (succeeded)
    return { ok: true, revision, previous: entryOrNull(only?.type === 'put' ? only.previous : null, space) };
  return { ok: false, revision, current: entryOrNull(only?.type === 'range' ? only.entries[0] : null, space) };
}

export async function remove(
  core: ClientCore,
  space: KeySpace,
  selector: Selector,
  options: DeleteOptions,
): Promise<DeleteDone | CompareLost> {
  const { ifRevision, previous = false } = options;
  const range = space.range(selector);
  const operation = { type: 'delete', range, returnPrevious: previous } as const;
  if (ifRevision === undefined) {
    const result = await core.mutate('delete', operation, options);
    return { ok: true, revision: result.revision, deleted: result.deleted, previous: entries(result.previous, space) };
  }
  const compare = { target: 'mod', key: range.key, relation: '=', operand: ifRevision } as const;
  const txn = { type: 'txn', compares: [compare], then: [operation], else: [rangeOperation(range)] } as const;
  const { results, revision, succeeded } = await core.mutate('delete', txn, options);
  const [only] = results;
  if (succeeded && only?.type === 'delete') {
    return { ok: true, revision, deleted: only.deleted, previous: entries(only.previous, space) };
  }
  return { ok: false, revision, current: entryOrNull(only?.type === 'range' ? only.entries[0] : null, space) };
}

function entries(keyValues: readonly Parameters<typeof entryOrNull>[0][], space: KeySpace): Entry[] {
  return keyValues.map((one) => entryOrNull(one, space)).filter((one) => one !== null);
}
