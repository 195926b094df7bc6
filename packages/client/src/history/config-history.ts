import type { Revision } from '@conclave/protocol';
import type { CallOptions, WriteOptions } from '../call.ts';
import type { Client } from '../client.ts';
import { documentKey, explained, readDocument } from '../config/document.ts';
import type { Validates } from '../config/standard-schema.ts';
import { ConclaveError } from '../error.ts';
import type { Entry } from '../keys/entry.ts';
import type { CompareLost } from '../keys/write.ts';
import { type Difference, differences, type Json } from './difference.ts';
import { type HistoryOptions, type KeyHistory, keyHistory } from './key-history.ts';

/** Of the document that `client.config(name)` follows. */
export async function configHistory(client: Client, name: string, options: HistoryOptions = {}): Promise<KeyHistory> {
  return keyHistory(client, documentKey(name), options);
}

export interface ConfigDiffOptions extends CallOptions {
  /** As it was at this revision; if not given, as it was before it became what it is at `to`. */
  readonly from?: Revision;
  /** As it was at this revision; as it is now, if not given. */
  readonly to?: Revision;
}

export interface ConfigDiff {
  /** Where what is compared was written. Null: it was not there. */
  readonly from: Revision | null;
  readonly to: Revision | null;
  /** None: they are the same. What is no JSON is compared as a text. */
  readonly differences: readonly Difference[];
}

/** Rejects with COMPACTED when one of them is forgotten, with NOT_FOUND when the document was there at neither. */
export async function configDiff(client: Client, name: string, options: ConfigDiffOptions = {}): Promise<ConfigDiff> {
  const { from, to, ...call } = options;
  const key = documentKey(name);
  const at = async (revision: Revision | undefined): Promise<Entry | null> => {
    if (revision === 0) return null;
    return client.get(key, revision === undefined ? call : { ...call, revision });
  };
  const after = await at(to);
  if (after === null && from === undefined)
    throw new ConclaveError('NOT_FOUND', `config ${name}: there is no document`);
  const before = await at(from ?? (after?.modRevision ?? 1) - 1);
  if (after === null && before === null) throw new ConclaveError('NOT_FOUND', `config ${name}: there was no document`);
  const found = differences(contentOf(before), contentOf(after));
  return { from: before?.modRevision ?? null, to: after?.modRevision ?? null, differences: found };
}

function contentOf(entry: Entry | null): Json | undefined {
  if (entry === null) return undefined;
  try {
    return JSON.parse(entry.text()) as Json;
  } catch {
    return entry.text();
  }
}

export interface RollbackOptions extends WriteOptions {
  /** The document is to be again what it was at this revision. */
  readonly to: Revision;
  /** What it was must be valid by it, too: schemas change. */
  readonly schema?: Validates<unknown>;
}

export interface RolledBack {
  readonly ok: true;
  /** Of the document as it is now. */
  readonly revision: Revision;
  /** Where it was written first. */
  readonly restored: Revision;
  /** False: it was that already, and nothing was written. */
  readonly changed: boolean;
}

/**
 * Writes what a document was once as a new revision: history is added to and never taken back. If somebody else writes meanwhile, his word stands and
 * `ok` is false. Rejects with NOT_FOUND when it was not there then, with COMPACTED when that is forgotten.
 */
export async function rollbackConfig(
  client: Client,
  name: string,
  options: RollbackOptions,
): Promise<RolledBack | CompareLost> {
  const { schema, to, ...write } = options;
  const { reason: _reason, ...call } = write;
  const key = documentKey(name);
  const [then, now] = await Promise.all([client.get(key, { ...call, revision: to }), client.get(key, call)]);
  if (then === null) throw new ConclaveError('NOT_FOUND', `config ${name}: there was no document at revision ${to}`);
  const restored = then.modRevision;
  if (schema !== undefined) {
    const { issues } = await readDocument(then.text(), { name, key, schema, fallback: null });
    if (issues !== null) throw new ConclaveError('INVALID_ARGUMENT', `config ${name} of ${to}: ${explained(issues)}`);
  }
  if (now !== null && now.text() === then.text())
    return { ok: true, revision: now.modRevision, restored, changed: false };
  const reason = write.reason ?? `rollback to revision ${restored}`;
  const written = await client.put(key, then.value, { ...call, reason, ifRevision: now?.modRevision ?? 0 });
  return written.ok ? { ok: true, revision: written.revision, restored, changed: true } : written;
}
