import { VersionKind } from '../keys/key-version.ts';
import { writeHistory } from '../records/history-record.ts';
import type { RecordWriter } from '../records/record-writer.ts';
import { historyKey } from '../records/tables.ts';
import type { State } from '../state.ts';
import type { Change } from './ledger.ts';
import { encodeRecord } from './live-record.ts';
import type { PinnedRevision } from './pinned-history.ts';
import { keyOfRecord } from './record-key.ts';

const noValue = new Uint8Array(0);

/**
 * Encodes every record that changed since the last time, once, and brings the digest up to date. Removals come first: an
 * idempotency key may have expired and been used anew.
 */
export function flush(state: State, writer: RecordWriter): Change[] {
  const { ledger } = state;
  ledger.touch(state.counters);
  const changes = ledger.takeRemoved();
  for (const revision of state.pinned.takeUnencoded()) encodeRevision(state, writer, revision, changes);
  for (const record of ledger.takeDirty()) {
    const key = keyOfRecord(record);
    if (record.stored) ledger.subtract(record);
    changes.push({ key, value: encodeRecord(writer, key, record) });
    ledger.add(record);
    record.stored = true;
  }
  return changes;
}

/** Of history, the digest holds the present values: a version leaves it when the next one of its key enters. */
function encodeRevision(state: State, writer: RecordWriter, pinned: PinnedRevision, changes: Change[]): void {
  for (const { node, version, previous } of pinned.changes) {
    const key = historyKey(version.revision, version.sub);
    const origin = version.sub === 0 ? pinned.origin : null;
    const replaces = previous === null ? 0 : previous.revision;
    const value = writeHistory(writer, key, node.key, version, version.value ?? noValue, replaces, origin);
    changes.push({ key, value });
    if (previous !== null) state.ledger.subtract(previous);
    if (version.kind === VersionKind.Put) state.ledger.add(version);
  }
}
