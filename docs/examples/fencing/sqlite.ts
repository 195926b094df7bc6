// Fencing in SQLite: the fence is compared and kept in the transaction that writes.
//
// Protects: everything in this database that is written only through `withFence` with the same lock.
// Does not: other files and services that `work` reaches; a database whose file is copied back from an older one.
import type { Database } from 'node-sqlite3-wasm';
import { type FencedBy, StaleFence } from './stale-fence.ts';

/** Once, with the other tables. A row stays for ever: who deletes it lets late writers in. */
export function createFences(database: Database): void {
  database.exec('CREATE TABLE IF NOT EXISTS fences (lock TEXT PRIMARY KEY, fence INTEGER NOT NULL) STRICT');
}

const claim = `
  INSERT INTO fences (lock, fence) VALUES (?, ?)
  ON CONFLICT (lock) DO UPDATE SET fence = excluded.fence WHERE fences.fence <= excluded.fence`;

/** False: smaller than one that was here before. By itself a transaction of its own, and then on the disk. */
export function claimFence(database: Database, { fence, name }: FencedBy): boolean {
  return database.run(claim, [name, fence]).changes > 0;
}

/**
 * One transaction of the lock's holder. The claim comes first: what `work` then reads, no earlier holder changes any more. `work` is
 * synchronous, since whatever ran while it waited would be part of its transaction. Throws StaleFence.
 */
export function withFence<T>(database: Database, lock: FencedBy, work: () => T): T {
  // The write lock at once: a transaction that began as a reader can fail with SQLITE_BUSY when it comes to write.
  database.exec('BEGIN IMMEDIATE');
  try {
    if (!claimFence(database, lock)) throw new StaleFence(lock);
    const result = work();
    database.exec('COMMIT');
    return result;
  } catch (error) {
    if (database.inTransaction) database.exec('ROLLBACK');
    throw error;
  }
}
