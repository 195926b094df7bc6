// Fencing in PostgreSQL: the fence is compared and kept in the transaction that writes.
//
// Protects: everything in this database that is written only through `withFence` with the same lock.
// Does not: what `work` reaches elsewhere; a standby that took over without the last commits (asynchronous replication).
import type { Pool, PoolClient } from 'pg';
import { type FencedBy, StaleFence } from './stale-fence.ts';

/** Once, with the other tables. A row stays for ever: who deletes it lets late writers in. */
export const createFences = 'CREATE TABLE IF NOT EXISTS fences (lock text PRIMARY KEY, fence bigint NOT NULL)';

/**
 * A holder that stops inside its transaction keeps the row of its fence locked, and the next holder waits for it. After so long between two
 * statements the server ends that transaction. Must exceed what `work` takes between two of them.
 */
const maxIdleMs = 5_000;

/**
 * Waits for a transaction that has the row, and then looks at what that one has left there. READ COMMITTED does so; under REPEATABLE READ and
 * SERIALIZABLE the one that waited fails with 40001 instead: safe as well, and to be tried again by the caller. A SELECT of the fence
 * is not enough under the first two.
 */
export const claim = `
  INSERT INTO fences (lock, fence) VALUES ($1, $2)
  ON CONFLICT (lock) DO UPDATE SET fence = excluded.fence WHERE fences.fence <= excluded.fence`;

/**
 * One transaction of the lock's holder. The claim comes first and its row stays locked: what `work` then reads, no earlier holder changes any
 * more. Throws StaleFence. If the COMMIT is not answered, its outcome is unknown, as always with PostgreSQL.
 */
export async function withFence<T>(pool: Pool, lock: FencedBy, work: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  // Told of a connection that breaks between two statements; the next statement rejects. Without a listener the process would end.
  const ignore = (): void => {};
  client.on('error', ignore);
  let isDone = false;
  try {
    await client.query('BEGIN ISOLATION LEVEL READ COMMITTED');
    await client.query(`SET LOCAL idle_in_transaction_session_timeout = ${maxIdleMs}`);
    const { rowCount } = await client.query(claim, [lock.name, lock.fence]);
    if (rowCount === 0) throw new StaleFence(lock);
    const result = await work(client);
    await client.query('COMMIT');
    isDone = true;
    return result;
  } finally {
    if (isDone) client.off('error', ignore);
    // Otherwise it is closed, which rolls back; it can break still while it closes.
    client.release(!isDone);
  }
}
