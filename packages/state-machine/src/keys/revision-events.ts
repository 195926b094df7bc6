// What a revision did, as watchers see it: from memory while its records are not durable, from the records after that.
import type { DeleteCause, Key, KeyEvent, KeyValue, Revision, RevisionEvents } from '@conclave/protocol';
import type { PinnedRevision } from '../checkpoint/pinned-history.ts';
import { bytesOf } from './key-bytes.ts';
import type { KeyNode, KeyVersion } from './key-version.ts';
import { causeOf, VersionKind } from './key-version.ts';
import { entryOf, keyValue, type ValueSource, valueOf } from './values.ts';

/**
 * The previous entry of an event is read when it is first asked for: a store that read it for each put would read its disk for each
 * put, and most watchers never ask. Ask before the next entry is applied: compaction may remove it later. A value that is in
 * memory is held from the start, because its pin may be released before.
 */
function readPrevious(
  values: ValueSource,
  node: KeyNode,
  previous: KeyVersion | null,
  pinned: Uint8Array | null,
): KeyValue | null {
  return previous === null ? null : entryOf(node, previous, pinned ?? valueOf(values, node, previous));
}

class PutEvent {
  readonly type = 'put';
  readonly entry: KeyValue;
  readonly #values: ValueSource;
  readonly #node: KeyNode;
  readonly #previous: KeyVersion | null;
  readonly #pinned: Uint8Array | null;

  constructor(values: ValueSource, node: KeyNode, previous: KeyVersion | null, entry: KeyValue) {
    this.entry = entry;
    this.#values = values;
    this.#node = node;
    this.#previous = previous;
    this.#pinned = previous === null ? null : previous.value;
  }

  get previous(): KeyValue | null {
    return readPrevious(this.#values, this.#node, this.#previous, this.#pinned);
  }
}

class DeleteEvent {
  readonly type = 'delete';
  readonly key: Key;
  readonly cause: DeleteCause;
  readonly #values: ValueSource;
  readonly #node: KeyNode;
  readonly #previous: KeyVersion | null;
  readonly #pinned: Uint8Array | null;

  constructor(values: ValueSource, node: KeyNode, previous: KeyVersion | null, key: Key, cause: DeleteCause) {
    this.key = key;
    this.cause = cause;
    this.#values = values;
    this.#node = node;
    this.#previous = previous;
    this.#pinned = previous === null ? null : previous.value;
  }

  get previous(): KeyValue | null {
    return readPrevious(this.#values, this.#node, this.#previous, this.#pinned);
  }
}

export function keyEvent(
  values: ValueSource,
  node: KeyNode,
  key: Key,
  version: KeyVersion,
  value: Uint8Array | null,
  previous: KeyVersion | null,
): KeyEvent {
  if (version.kind !== VersionKind.Put) return new DeleteEvent(values, node, previous, key, causeOf(version.kind));
  return new PutEvent(values, node, previous, keyValue(key, version, value));
}

/** `compacted`: what was replaced at or before it cannot be read any more, and is not shown, whether it was removed yet or not. */
export function pinnedEvents(values: ValueSource, pinned: PinnedRevision, compacted: Revision): RevisionEvents {
  return new PinnedEvents(values, pinned, pinned.revision > compacted);
}

/** The events are made when somebody first asks: most revisions are watched by nobody. */
class PinnedEvents implements RevisionEvents {
  readonly revision: Revision;
  readonly author: string | null;
  readonly reason: string | null;
  readonly wallTimeMs: number;
  readonly #values: ValueSource;
  readonly #pinned: PinnedRevision;
  readonly #showPrevious: boolean;
  #events: readonly KeyEvent[] | null = null;

  constructor(values: ValueSource, pinned: PinnedRevision, showPrevious: boolean) {
    this.revision = pinned.revision;
    this.author = pinned.origin.author;
    this.reason = pinned.origin.reason;
    this.wallTimeMs = pinned.origin.wallTimeMs;
    this.#values = values;
    this.#pinned = pinned;
    this.#showPrevious = showPrevious;
  }

  get events(): readonly KeyEvent[] {
    this.#events ??= this.#pinned.changes.map(({ node, previous, version }) => {
      const value = version.kind === VersionKind.Put ? valueOf(this.#values, node, version) : null;
      return keyEvent(this.#values, node, bytesOf(node.key), version, value, this.#showPrevious ? previous : null);
    });
    return this.#events;
  }
}
