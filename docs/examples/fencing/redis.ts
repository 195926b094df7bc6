// Fencing in Redis: a script compares the fence, keeps it and writes, and nothing comes in between.
//
// Protects: the keys that are written only through `setFenced` with the same lock.
// Does not: anything, once Redis has forgotten the fence. It forgets by eviction (set maxmemory-policy noeviction), in a crash (by default
// up to a second of acknowledged writes: set appendonly yes and appendfsync always), and in a failover (replication is asynchronous).
import type { createClient } from '@redis/client';
import { type FencedBy, StaleFence } from './stale-fence.ts';

type Redis = Pick<ReturnType<typeof createClient>, 'eval'>;

/** Compared as numbers: as texts 9 would be larger than 10. Fences stay below 2^53, where Lua's numbers are exact. */
const claim = `
  if tonumber(redis.call('GET', KEYS[1]) or '0') > tonumber(ARGV[1]) then return {0} end
  redis.call('SET', KEYS[1], ARGV[1])`;
const claimAndSet = `${claim}
  redis.call('SET', KEYS[2], ARGV[2])
  return {1}`;
const claimAndGet = `${claim}
  return {1, redis.call('GET', KEYS[2])}`;

/** In a Redis Cluster the braces keep both on one node. The first has no time to live, or late writers would come in after it. */
function keysOf(lock: FencedBy, key: string): string[] {
  return [`{${lock.name}}:fence`, `{${lock.name}}:${key}`];
}

/** Writes, or throws StaleFence. */
export async function setFenced(redis: Redis, lock: FencedBy, key: string, value: string): Promise<void> {
  await run(redis, claimAndSet, lock, key, value);
}

/** Reads what no earlier holder changes any more: what is written next may build on it. Throws StaleFence. */
export async function getFenced(redis: Redis, lock: FencedBy, key: string): Promise<string | null> {
  const [value] = await run(redis, claimAndGet, lock, key);
  return typeof value === 'string' ? value : null;
}

async function run(redis: Redis, script: string, lock: FencedBy, key: string, ...values: string[]): Promise<unknown[]> {
  const answer = await redis.eval(script, {
    keys: keysOf(lock, key),
    arguments: [String(lock.fence), ...values],
  });
  const [isTaken, ...results] = answer as [number, ...unknown[]];
  if (isTaken === 0) throw new StaleFence(lock);
  return results;
}
