import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Client, ConclaveError, connect, type Lock } from '@conclave/client';
import { assertHistory } from '../history/checkers.ts';
import { HistoryRecorder } from '../history/recorder.ts';
import { Proxy } from '../processes/proxy.ts';
import { patienceMs, TestCluster } from '../processes/test-cluster.ts';
import { waitFor } from '../processes/wait-for.ts';
import { FencedResource } from './recorded-locks.ts';

const timeout = 60_000;
const ttlMs = 30_000;

let cluster: TestCluster;
before(async () => {
  cluster = await TestCluster.start();
});
after(async () => cluster[Symbol.asyncDispose]());

/** A client whose member is behind a door of its own; what it learns from there leads it past the door. */
async function behindDoor(): Promise<{ readonly client: Client; readonly door: Proxy } & AsyncDisposable> {
  const door = await Proxy.start({ targetPort: Number(new URL(cluster.endpoint(1)).port) });
  const client = await connect({ endpoints: [`ws://127.0.0.1:${door.port}`] });
  const end = async (): Promise<void> => {
    door.heal();
    await client.close();
    await door[Symbol.asyncDispose]();
  };
  return { client, door, [Symbol.asyncDispose]: end };
}

async function standing(
  client: Client,
  name: string,
): Promise<{ readonly fence: number | null; readonly waiting: number }> {
  const { lock } = await client.perform({ type: 'lock', name: { kind: 'lock', name: new TextEncoder().encode(name) } });
  return { fence: lock.holders[0]?.fence ?? null, waiting: lock.queue.length };
}

async function stands(
  client: Client,
  name: string,
  is: (now: Awaited<ReturnType<typeof standing>>) => boolean,
): Promise<void> {
  let now = await standing(client, name);
  await waitFor(
    async () => is((now = await standing(client, name))),
    patienceMs,
    () => `${JSON.stringify(now)}\n${cluster.output()}`,
  );
}

/** One contender as the history names it: its acquires, its uses of the resource under the fence, its releases. */
class Recorded {
  readonly #recorder: HistoryRecorder;
  readonly #resource: FencedResource;
  readonly #client: Client;
  readonly #name: string;
  readonly #owner: string;

  constructor(recorder: HistoryRecorder, resource: FencedResource, client: Client, name: string, owner: string) {
    this.#recorder = recorder;
    this.#resource = resource;
    this.#client = client;
    this.#name = name;
    this.#owner = owner;
  }

  async lock(signal?: AbortSignal): Promise<Lock> {
    const acquire = this.#recorder.begin(this.#owner, 'acquire', this.#name, {
      owner: this.#owner,
      ttl_ns: ttlMs * 1e6,
    });
    try {
      const lock = await this.#client.lock(this.#name, { ttlMs, ...(signal !== undefined && { signal }) });
      acquire.ok({ token: lock.fence });
      return lock;
    } catch (error) {
      if (ConclaveError.is(error) && error.outcome === 'not-applied') acquire.fail(String(error));
      else acquire.unknown(String(error));
      throw error;
    }
  }

  /** Under the fence at the resource, and under the guard at the cluster. */
  async use(lock: Lock): Promise<void> {
    const hold = { owner: this.#owner, token: lock.fence };
    this.#recorder.begin(this.#owner, 'use', `${this.#name}'s resource`, hold).ok(this.#resource.use(lock.fence));
    const { ok } = await this.#client.txn({
      if: [lock.guard()],
      then: [{ put: `of/${this.#name}`, value: this.#owner }],
    });
    assert.equal(ok, true, `${this.#owner} holds, and its guard was refused`);
  }

  async release(lock: Lock): Promise<void> {
    const release = this.#recorder.begin(this.#owner, 'release', this.#name, { owner: this.#owner, token: lock.fence });
    await lock.release();
    release.ok({ released: true });
  }
}

test('a release whose answer was lost is asked again over another member, and frees no newer hold', {
  timeout,
}, async () => {
  const name = 'released twice';
  const [recorder, resource] = [new HistoryRecorder(), new FencedResource()];
  await using a = await behindDoor();
  await using b = await connect({ endpoints: cluster.endpoints });
  await using c = await connect({ endpoints: cluster.endpoints });
  const first = new Recorded(recorder, resource, a.client, name, 'a');
  const second = new Recorded(recorder, resource, b, name, 'b');
  const third = new Recorded(recorder, resource, c, name, 'c');
  const old = await first.lock();
  await first.use(old);
  const waiting = second.lock();
  await stands(b, name, (now) => now.waiting === 1);
  const behind = third.lock();
  await stands(b, name, (now) => now.waiting === 2);

  a.door.cut('backward');
  const released = first.release(old);
  const newer = await waiting;
  await second.use(newer);
  // Its member is gone: what it has no answer to is asked again, elsewhere.
  a.door.drop({ refuse: true });
  await released;
  assert.deepEqual(await standing(b, name), { fence: newer.fence, waiting: 1 });
  await second.use(newer);
  await second.release(newer);
  const last = await behind;
  await third.use(last);
  await third.release(last);
  assert.ok(old.fence < newer.fence && newer.fence < last.fence);
  assert.deepEqual(await standing(b, name), { fence: null, waiting: 0 });
  recorder.close();
  assertHistory(recorder.records);
});

test('a wait that is cancelled when it was granted already, unheard, gives the grant back to the next in turn', {
  timeout,
}, async () => {
  const name = 'cancelled';
  const [recorder, resource] = [new HistoryRecorder(), new FencedResource()];
  await using a = await connect({ endpoints: cluster.endpoints });
  await using b = await behindDoor();
  await using c = await connect({ endpoints: cluster.endpoints });
  const first = new Recorded(recorder, resource, a, name, 'a');
  const second = new Recorded(recorder, resource, b.client, name, 'b');
  const third = new Recorded(recorder, resource, c, name, 'c');
  const held = await first.lock();
  await first.use(held);
  const giveUp = new AbortController();
  const waiting = second.lock(giveUp.signal);
  await stands(a, name, (now) => now.waiting === 1);
  const behind = third.lock();
  await stands(a, name, (now) => now.waiting === 2);

  b.door.cut('backward');
  await first.release(held);
  await stands(a, name, (now) => now.fence !== null && now.waiting === 1);
  giveUp.abort();
  await assert.rejects(waiting, { code: 'CANCELLED', outcome: 'not-applied' });
  const next = await behind;
  await third.use(next);
  await third.release(next);
  assert.deepEqual(await standing(a, name), { fence: null, waiting: 0 });
  recorder.close();
  assertHistory(recorder.records);
});

test('waits that are cancelled at the moment of the grant leave nothing behind, whichever was first', {
  timeout,
}, async () => {
  const name = 'raced';
  const rounds = 60;
  await using a = await connect({ endpoints: cluster.endpoints });
  await using b = await connect({ endpoints: cluster.endpoints });
  let [granted, largest] = [0, 0];
  for (let round = 0; round < rounds; round++) {
    const held = await a.lock(name, { ttlMs });
    assert.ok(held.fence > largest);
    const giveUp = new AbortController();
    const waiting = b.lock(name, { ttlMs, signal: giveUp.signal }).catch((error: unknown) => {
      if (!ConclaveError.is(error, 'CANCELLED')) throw error;
      return null;
    });
    await stands(a, name, (now) => now.waiting === 1);
    const released = held.release();
    // Between at once and after the grant has come.
    for (let turn = 0; turn < round; turn++) await new Promise((resolve) => setImmediate(resolve));
    giveUp.abort();
    await released;
    const lock = await waiting;
    largest = lock?.fence ?? held.fence;
    if (lock !== null) granted++;
    await lock?.release();
    await stands(a, name, (now) => now.fence === null && now.waiting === 0);
  }
  assert.ok(granted < rounds, 'no cancel was in time');
});
