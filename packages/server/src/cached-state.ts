import type { Store } from '@conclave/member';
import type { StateStore, Storage } from '@conclave/storage';
import { LRUCache } from 'lru-cache';
import { bounds } from './bounds.ts';

/** Point reads of stored values through a cache bounded in bytes: records of history never change, so nothing in it can be stale. */
function cachedState(store: StateStore): StateStore {
  const cache = new LRUCache<string, Uint8Array>({
    maxSize: bounds.valueCacheBytes,
    sizeCalculation: (value, key) => value.byteLength + key.length + 64,
  });
  return {
    get checkpointed() {
      return store.checkpointed;
    },
    checkpoint: async (next) => {
      // Compaction deletes records, and tables other than history rewrite theirs.
      if (cache.size > 0) for (const { key } of next.changes) cache.delete(nameOf(key));
      await store.checkpoint(next);
    },
    get: (key) => {
      const name = nameOf(key);
      const known = cache.get(name);
      if (known !== undefined) return known;
      const value = store.get(key);
      if (value !== null) cache.set(name, value);
      return value;
    },
    scan: (range) => store.scan(range),
    scrub: (options) => store.scrub(options),
  };
}

/** The storage as a member uses it, with a cache in front of whichever state it has. */
export function cachedStore(storage: Storage): Store {
  let cached = { of: storage.state, state: cachedState(storage.state) };
  return {
    log: storage.log,
    snapshots: storage.snapshots,
    space: async () => storage.space(),
    restoreReserve: async () => storage.restoreReserve(),
    get state() {
      if (cached.of !== storage.state) cached = { of: storage.state, state: cachedState(storage.state) };
      return cached.state;
    },
  };
}

function nameOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1');
}
