// What a revision did, as watchers see it: from memory while its records are not durable, from the records after that.
import type { DeleteCause, Key, KeyEvent, KeyValue, Revision, RevisionEvents } from '@conclave/protocol';
import type { PinnedRevision } from '../checkpoint/pinned-history.ts';
import type { KeyNode, KeyVersion } from './key-version.ts';
import { causeOf, VersionKind } from './key-version.ts';
import { entryOf, keyValue, type ValueSource, valueOf } from './values.ts';

/**
 * The previous entry is read when it is first asked for: a store that read it for each put would read its disk for each put, and
 * most watchers never ask. Ask before the next entry is applied; compaction may remove it later.
 */
class PutEvent {
  readonly type = 'put';
  readonly entry: KeyValue;
  readonly #previous: Previous;

  constructor(entry: KeyValue, previous: Previous) {
    this.entry = entry;
    this.#previous = previous;
  }

  get previous(): KeyValue | null {
    return this.#previous.read();
  }
}

class DeleteEvent {
  readonly type = 'delete';
  readonly key: Key;
  readonly cause: DeleteCause;
  readonly #previous: Previous;

  constructor(key: Key, cause: DeleteCause, previous: Previous) {
    this.key = key;
    this.cause = cause;
    this.#previous = previous;
  }

  get previous(): KeyValue | null {
    return this.#previous.read();
  }
}

class Previous {
  readonly #values: ValueSource;
  readonly #node: KeyNode;
  readonly #version: KeyVersion | null;
  /** Held from the start if it is in memory: the pin may be released before it is asked for. */
  readonly #pinned: Uint8Array | null;

  constructor(values: ValueSource, node: KeyNode, version: KeyVersion | null) {
    this.#values = values;
    this.#node = node;
    this.#version = version;
    this.#pinned = version === null ? null : version.value;
  }

  read(): KeyValue | null {
    if (this.#version === null) return null;
    return entryOf(this.#node, this.#version, this.#pinned ?? valueOf(this.#values, this.#node, this.#version));
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
  const before = new Previous(values, node, previous);
  if (version.kind !== VersionKind.Put) return new DeleteEvent(key, causeOf(version.kind), before);
  return new PutEvent(keyValue(key, version, value), before);
}

/** `compacted`: what was replaced at or before it cannot be read any more, and is not shown, whether it was removed yet or not. */
export function pinnedEvents(values: ValueSource, pinned: PinnedRevision, compacted: Revision): RevisionEvents {
  const showPrevious = pinned.revision > compacted;
  return {
    revision: pinned.revision,
    events: pinned.changes.map(({ node, key, version, previous }) =>
      keyEvent(values, node, key, version, version.value, showPrevious ? previous : null),
    ),
    author: pinned.origin.author,
    reason: pinned.origin.reason,
    wallTimeMs: pinned.origin.wallTimeMs,
  };
}
