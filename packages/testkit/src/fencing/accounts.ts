// One text in each of the stores that docs/examples/fencing has a recipe for, written through the recipe and past it.
import { createClient } from '@redis/client';
import wasm from 'node-sqlite3-wasm';
import { Pool } from 'pg';
import { objectStoreAt, updateFenced } from '../../../../docs/examples/fencing/object-store.ts';
import * as postgres from '../../../../docs/examples/fencing/postgres.ts';
import { getFenced, setFenced } from '../../../../docs/examples/fencing/redis.ts';
import * as sqlite from '../../../../docs/examples/fencing/sqlite.ts';
import { type FencedBy, StaleFence } from '../../../../docs/examples/fencing/stale-fence.ts';

export interface Account extends AsyncDisposable {
  /** Through the recipe. Calls `between` where the recipe is in the middle of it: after its first look, and before its write. Throws StaleFence. */
  write(lock: FencedBy, text: string, between?: () => void): Promise<void>;
  /** As one would without a fence. */
  overwrite(text: string): Promise<void>;
  read(): Promise<string | null>;
}

export const kinds = ['sqlite', 'postgres', 'redis', 'http', 'object-store'] as const;
export type Kind = (typeof kinds)[number];

/** `location`: a file or an address. */
export async function openAccount(kind: Kind, location: string): Promise<Account> {
  switch (kind) {
    case 'sqlite':
      return sqliteAccount(location);
    case 'postgres':
      return postgresAccount(location);
    case 'redis':
      return redisAccount(location);
    case 'http':
      return httpAccount(location);
    case 'object-store':
      return objectAccount(location);
  }
}

function sqliteAccount(file: string): Account {
  const database = new wasm.Database(file);
  database.exec('CREATE TABLE IF NOT EXISTS accounts (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT');
  sqlite.createFences(database);
  const put = (text: string): void => void database.run('INSERT OR REPLACE INTO accounts VALUES (1, ?)', [text]);
  return {
    write: async (lock, text, between) =>
      sqlite.withFence(database, lock, () => {
        between?.();
        put(text);
      }),
    overwrite: async (text) => put(text),
    read: async () => (database.get('SELECT text FROM accounts')?.['text'] ?? null) as string | null,
    [Symbol.asyncDispose]: async () => database.close(),
  };
}

async function postgresAccount(connectionString: string): Promise<Account> {
  const pool = new Pool({ connectionString, max: 4 });
  // Told of idle connections that the server ends, at the end of the test at the latest.
  pool.on('error', () => {});
  await pool.query('CREATE TABLE IF NOT EXISTS accounts (id int PRIMARY KEY, text text NOT NULL)');
  await pool.query(postgres.createFences);
  const put = `INSERT INTO accounts VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET text = excluded.text`;
  return {
    write: async (lock, text, between) =>
      postgres.withFence(pool, lock, async (client) => {
        between?.();
        await client.query(put, [text]);
      }),
    overwrite: async (text) => void (await pool.query(put, [text])),
    read: async () => {
      const { rows } = await pool.query<{ readonly text: string }>('SELECT text FROM accounts');
      return rows[0]?.text ?? null;
    },
    [Symbol.asyncDispose]: async () => pool.end(),
  };
}

async function redisAccount(url: string): Promise<Account> {
  const redis = createClient({ url });
  // Told of a server that is restarted; calls wait until it is back.
  redis.on('error', () => {});
  await redis.connect();
  const key = '{account}:text';
  return {
    write: async (lock, text, between) => {
      await getFenced(redis, lock, 'text');
      between?.();
      await setFenced(redis, lock, 'text', text);
    },
    overwrite: async (text) => void (await redis.set(key, text)),
    read: async () => redis.get(key),
    [Symbol.asyncDispose]: async () => redis.close(),
  };
}

/** `url`: of the text. */
function httpAccount(url: string): Account {
  const put = async (text: string, fence: number): Promise<number> => {
    const response = await fetch(url, { method: 'PUT', body: text, headers: { 'conclave-fence': `${fence}` } });
    await response.text();
    return response.status;
  };
  return {
    write: async (lock, text, between) => {
      between?.();
      const status = await put(text, lock.fence);
      if (status === 409) throw new StaleFence(lock);
      if (status !== 204) throw new Error(`PUT ${url}: ${status}`);
    },
    overwrite: async (text) => {
      const response = await fetch(url, { method: 'POST', body: text });
      if (response.status !== 204) throw new Error(`POST ${url}: ${response.status}`);
    },
    read: async () => {
      const response = await fetch(url);
      const text = await response.text();
      return response.status === 200 ? text : null;
    },
    [Symbol.asyncDispose]: async () => {},
  };
}

/** `url`: of the bucket. */
function objectAccount(url: string): Account {
  const store = objectStoreAt(url);
  return {
    write: async (lock, text, between) => {
      await updateFenced<string>(store, lock, 'account', () => {
        between?.();
        return text;
      });
    },
    overwrite: async (text) => {
      await fetch(`${url}/account`, { method: 'PUT', body: JSON.stringify({ fence: 0, value: text }) });
    },
    read: async () => {
      const object = await store.get('account');
      return object === null ? null : (JSON.parse(object.content) as { readonly value: string }).value;
    },
    [Symbol.asyncDispose]: async () => {},
  };
}
