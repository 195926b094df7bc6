// Two transactions at the same time. Which isolation level the recipe of docs/examples/fencing/postgres.ts needs, and that a mere look does not do.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Pool, type PoolClient } from 'pg';
import { claim, createFences, withFence } from '../../../../docs/examples/fencing/postgres.ts';
import { StaleFence } from '../../../../docs/examples/fencing/stale-fence.ts';
import { PostgresServer } from '../processes/postgres-server.ts';
import { requires } from '../processes/requires.ts';
import { patienceMs } from '../processes/test-cluster.ts';
import { waitFor } from '../processes/wait-for.ts';

const skip = requires('postgres');
const connections = 8;

let server: PostgresServer;
let pool: Pool;
before(async () => {
  if (skip !== false) return;
  server = await PostgresServer.start();
  pool = new Pool({ connectionString: server.url, max: connections });
  // Told of idle connections that the server ends, which is at the end here.
  pool.on('error', () => {});
  await pool.query(createFences);
  await pool.query('CREATE TABLE writes (place bigserial PRIMARY KEY, lock text NOT NULL, fence bigint NOT NULL)');
});
after(async () => {
  if (skip !== false) return;
  await pool.end();
  await server[Symbol.asyncDispose]();
});

const append = 'INSERT INTO writes (lock, fence) VALUES ($1, $2)';

/** Of a lock, in the order of writing. pg gives a bigint as text. */
async function fencesOf(lock: string): Promise<number[]> {
  const { rows } = await pool.query<{ readonly fence: string }>(
    'SELECT fence FROM writes WHERE lock = $1 ORDER BY place',
    [lock],
  );
  return rows.map(({ fence }) => Number(fence));
}

/** Some connection waits for another's row. */
async function somebodyWaits(): Promise<void> {
  const waiting = `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'`;
  await waitFor(
    async () => (await pool.query(waiting)).rowCount !== 0,
    patienceMs,
    () => 'nobody waits for a row',
  );
}

/** A transaction of one's own, rolled back if it is not committed. */
async function transaction<T>(level: string, work: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query(`BEGIN ISOLATION LEVEL ${level}`);
    const result = await work(client);
    await client.query('COMMIT');
    return result;
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  } finally {
    client.release();
  }
}

for (const isFirst of [false, true]) {
  const when = isFirst ? ', also when it is the first ever' : '';

  test(`a later holder waits for the open transaction of an earlier one, and sees what that one wrote${when}`, {
    skip,
  }, async () => {
    const name = `waits ${isFirst}`;
    if (!isFirst) await withFence(pool, { name, fence: 4 }, async () => {});
    let later: Promise<unknown> | undefined;
    await withFence(pool, { name, fence: 5 }, async (client) => {
      later = withFence(pool, { name, fence: 6 }, async (own) =>
        own.query('SELECT fence FROM writes WHERE lock = $1', [name]),
      ).then(({ rows }) => assert.deepEqual(rows, [{ fence: '5' }]));
      await somebodyWaits();
      await client.query(append, [name, 5]);
    });
    await later;
  });

  test(`an earlier holder that waits for the open transaction of a later one is refused${when}`, { skip }, async () => {
    const name = `refused ${isFirst}`;
    if (!isFirst) await withFence(pool, { name, fence: 4 }, async () => {});
    let earlier: Promise<unknown> | undefined;
    await withFence(pool, { name, fence: 6 }, async (client) => {
      earlier = assert.rejects(
        withFence(pool, { name, fence: 5 }, async (own) => own.query(append, [name, 5])),
        StaleFence,
      );
      await somebodyWaits();
      await client.query(append, [name, 6]);
    });
    await earlier;
    assert.deepEqual(await fencesOf(name), [6]);
  });
}

for (const level of ['REPEATABLE READ', 'SERIALIZABLE']) {
  test(`under ${level} the claim that waited fails with 40001: safe, and to be tried again`, { skip }, async () => {
    const name = `claim under ${level}`;
    await withFence(pool, { name, fence: 4 }, async () => {});
    const claimUnder = async (fence: number): Promise<unknown> =>
      transaction(level, async (client) => client.query(claim, [name, fence]));
    let waiting: Promise<unknown> | undefined;
    await withFence(pool, { name, fence: 5 }, async () => {
      waiting = assert.rejects(claimUnder(6), { code: '40001' });
      await somebodyWaits();
    });
    await waiting;
    await claimUnder(6);
    await assert.rejects(
      withFence(pool, { name, fence: 5 }, async () => {}),
      StaleFence,
    );
  });
}

for (const [level, isRefused] of [
  ['READ COMMITTED', false],
  ['REPEATABLE READ', false],
  ['SERIALIZABLE', true],
] as const) {
  const outcome = isRefused ? 'is refused at its commit' : 'lets the late write through';
  test(`a SELECT of the fence before the write ${outcome} under ${level}`, { skip }, async () => {
    const name = `look under ${level}`;
    const look = async (client: PoolClient, fence: number): Promise<void> => {
      const { rows } = await client.query<{ readonly fence: string }>('SELECT fence FROM fences WHERE lock = $1', [
        name,
      ]);
      assert.ok(Number(rows[0]?.fence) <= fence, 'it is refused');
    };
    await withFence(pool, { name, fence: 5 }, async () => {});
    const late = transaction(level, async (client) => {
      await look(client, 5);
      await transaction(level, async (own) => {
        await look(own, 6);
        await own.query('UPDATE fences SET fence = 6 WHERE lock = $1', [name]);
        const { rows } = await own.query('SELECT fence FROM writes WHERE lock = $1', [name]);
        assert.deepEqual(rows, []);
        await own.query(append, [name, 6]);
      });
      // What the later holder read would be another: one of the two has to fail.
      await client.query('SELECT fence FROM writes WHERE lock = $1', [name]);
      await client.query(append, [name, 5]);
    });
    if (isRefused) await assert.rejects(late, { code: '40001' });
    else await late;
    assert.deepEqual(await fencesOf(name), isRefused ? [6] : [6, 5]);
  });
}

test('whatever the order in which holders come at once, no write follows one under a larger fence', {
  skip,
}, async () => {
  const name = 'crowd';
  // Each fence comes twice, far from where it belongs.
  const holders = Array.from({ length: 400 }, (_, at) => 1 + ((at * 149) % 200));
  const outcomes = await Promise.all(
    holders.map(async (fence) =>
      withFence(pool, { name, fence }, async (client) => client.query(append, [name, fence])).then(
        () => 'taken',
        (error: unknown) => {
          if (error instanceof StaleFence) return 'refused';
          throw error;
        },
      ),
    ),
  );
  const written = await fencesOf(name);
  assert.equal(written.length, outcomes.filter((outcome) => outcome === 'taken').length);
  assert.deepEqual(
    written,
    written.toSorted((a, b) => a - b),
  );
  assert.equal(written.at(-1), 200);
  assert.ok(outcomes.includes('refused'), 'nobody came late');
});

test('work that fails writes nothing, and claims nothing', { skip }, async () => {
  const name = 'fails';
  const failing = withFence(pool, { name, fence: 6 }, async (client) => {
    await client.query(append, [name, 6]);
    throw new Error('no');
  });
  await assert.rejects(failing, { message: 'no' });
  await withFence(pool, { name, fence: 5 }, async (client) => client.query(append, [name, 5]));
  assert.deepEqual(await fencesOf(name), [5]);
});

test('a connection that breaks between two statements fails the work, and not the process', {
  skip,
  timeout: 30_000,
}, async () => {
  const name = 'breaks';
  const broken = withFence(pool, { name, fence: 6 }, async (client) => {
    await client.query(append, [name, 6]);
    const { rows } = await client.query<{ readonly pid: number }>('SELECT pg_backend_pid() AS pid');
    // Not by `once`, which would listen for errors itself.
    const ended = new Promise<void>((resolve) => client.once('end', resolve));
    await pool.query('SELECT pg_terminate_backend($1)', [rows[0]?.pid]);
    await ended;
    await client.query(append, [name, 6]);
  });
  await assert.rejects(broken);
  assert.deepEqual(await fencesOf(name), []);
});
