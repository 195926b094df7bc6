// Fencing in an object store: the fence is part of the object, and a put holds only for the version that was read.
//
// Protects: an object that is written only through `updateFenced` with the same lock.
// Does not: several objects together; an object that was deleted (write a value that says so instead).
//
// Inside the object, not in its metadata: the ETag of S3 is a digest of the content alone. A later holder that writes the same content again
// changes the metadata and not the ETag, and a late writer's If-Match would still fit.
import { type FencedBy, StaleFence } from './stale-fence.ts';

/** What S3, R2 and Azure offer with If-Match, and GCS with x-goog-if-generation-match. */
export interface ObjectStore {
  get(key: string): Promise<{ readonly content: string; readonly etag: string } | null>;
  /** `etag`: of the version that it replaces; null: there is none. False: another one is there. */
  put(key: string, content: string, etag: string | null): Promise<boolean>;
}

/** Far more writers than the holder of a lock should have to do with. */
const maxAttempts = 10;

/**
 * Writes what `update` makes of the present value (null: none yet). It is called again when somebody else wrote in between. Throws StaleFence. When
 * a put fails otherwise its outcome is unknown: it may still arrive, until somebody else has written.
 */
export async function updateFenced<T>(
  store: ObjectStore,
  lock: FencedBy,
  key: string,
  update: (value: T | null) => T,
): Promise<T> {
  for (let attempt = 1; attempt <= maxAttempts; attempt++) {
    const object = await store.get(key);
    const stored = object === null ? null : (JSON.parse(object.content) as { fence: number; value: T });
    if (stored !== null && stored.fence > lock.fence) throw new StaleFence(lock);
    const value = update(stored?.value ?? null);
    const content = JSON.stringify({ fence: lock.fence, value });
    if (await store.put(key, content, object?.etag ?? null)) return value;
  }
  throw new Error(`${key}: ${maxAttempts} times somebody else wrote in between`);
}

/** Over plain HTTP. With an SDK: GetObject, and PutObject with IfMatch or IfNoneMatch. */
export function objectStoreAt(url: string): ObjectStore {
  return {
    get: async (key) => {
      const response = await fetch(`${url}/${key}`);
      const content = await response.text();
      if (response.status === 404) return null;
      const etag = response.headers.get('etag');
      if (!response.ok || etag === null) throw new Error(`GET ${key}: ${response.status}`);
      return { content, etag };
    },
    put: async (key, content, etag) => {
      const condition: Record<string, string> = etag === null ? { 'if-none-match': '*' } : { 'if-match': etag };
      const response = await fetch(`${url}/${key}`, { method: 'PUT', body: content, headers: condition });
      await response.text();
      // 412: another version. 409: another put at the same moment. 404: deleted since.
      if ([404, 409, 412].includes(response.status)) return false;
      if (!response.ok) throw new Error(`PUT ${key}: ${response.status}`);
      return true;
    },
  };
}
