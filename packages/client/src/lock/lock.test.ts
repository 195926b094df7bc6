import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ClientMessage, decodeOperation, limits } from '@conclave/protocol';
import { Harness, until } from '../../testing/harness.ts';
import type { Client } from '../client.ts';
import { ConclaveError, type ConclaveErrorCode } from '../error.ts';

async function holderOf(client: Client, name: string): Promise<{ fence: number | null; waiting: number }> {
  const operation = { type: 'lock', name: { kind: 'lock', name: new TextEncoder().encode(name) } } as const;
  const { lock } = await client.perform(operation);
  return { fence: lock.holders.find(({ delayMs }) => delayMs === null)?.fence ?? null, waiting: lock.waiting };
}

test('a lock survives moving to another member', async (context) => {
  const harness = await Harness.start(context);
  const { client, network } = await harness.client();
  const { client: other } = await harness.client();
  const lock = await client.lock('l');
  const before = network.current?.memberId;
  await network.kill(before ?? 0);
  await until(() => client.state === 'ready');
  assert.notEqual(network.current?.memberId, before);
  assert.equal(lock.signal.aborted, false);
  lock.assertHeld();
  assert.deepEqual(await holderOf(other, 'l'), { fence: lock.fence, waiting: 0 });
  await lock.release();
  assert.deepEqual(await holderOf(other, 'l'), { fence: null, waiting: 0 });
});

test('the signal aborts before the server can grant the next one', async (context) => {
  const harness = await Harness.start(context);
  const { client, network } = await harness.client();
  const { client: next } = await harness.client();
  const lock = await client.lock('l', { ttlMs: 1_000 });
  const granted = next.lock('l');
  await until(async () => (await holderOf(next, 'l')).waiting === 1);
  const order: string[] = [];
  lock.signal.addEventListener('abort', () => order.push('aborted'));
  // Nothing comes through any more, and nobody is told.
  for (const id of harness.cluster.ids) network.down.add(id);
  network.current?.silence();
  const second = await granted;
  order.push('granted');
  assert.deepEqual(order, ['aborted', 'granted']);
  assert.ok(second.fence > lock.fence, 'it is not so');
  assert.throws(() => lock.assertHeld(), { code: 'LOCK_LOST' });
  assert.throws(() => lock.guard(), { code: 'LOCK_LOST' });
  assert.ok(ConclaveError.is(lock.signal.reason, 'LOCK_LOST'), 'it is not so');
  await lock.release();
  assert.equal((await holderOf(next, 'l')).fence, second.fence);
});

test('after a stall the hold is lost by the clock, before any timer has run', async (context) => {
  const harness = await Harness.start(context);
  const { client, network } = await harness.client();
  const session = await client.session({ ttlMs: 2_000 });
  const lock = await client.lock('l', { session });
  assert.ok(session.remainingMs() > 1_000, 'it is not so');
  network.skippedMs = 2_000;
  assert.throws(() => lock.assertHeld(), { code: 'LOCK_LOST' });
  assert.equal(session.state, 'expired');
  assert.equal(session.signal.aborted, true);
  assert.equal(session.remainingMs(), 0);
});

test('a frame that arrives after a stall is not looked at before the holds are lost', async (context) => {
  const harness = await Harness.start(context);
  const { client, network } = await harness.client();
  const lock = await client.lock('l', { ttlMs: 2_000 });
  let abortedWhenAnswered: boolean | null = null;
  const read = (async () => {
    await client.get('k');
    abortedWhenAnswered = lock.signal.aborted;
  })();
  network.skippedMs = 2_000;
  await read;
  assert.equal(abortedWhenAnswered, true);
});

test('a forced release of which the holder cannot hear aborts its signal before the next grant all the same', async (context) => {
  const harness = await Harness.start(context);
  const { client, network } = await harness.client();
  const { client: next } = await harness.client();
  const lock = await client.lock('l', { ttlMs: 1_000 });
  const granted = next.lock('l');
  await until(async () => (await holderOf(next, 'l')).waiting === 1);
  const order: string[] = [];
  lock.signal.addEventListener('abort', () => order.push('aborted'));
  for (const id of harness.cluster.ids) network.down.add(id);
  network.current?.silence();
  const name = { kind: 'lock', name: new TextEncoder().encode('l') } as const;
  const { broken } = await next.perform({ type: 'lockBreak', name, fence: lock.fence, holder: null, now: false });
  assert.equal(broken, true);
  await granted;
  order.push('granted');
  assert.deepEqual(order, ['aborted', 'granted']);
});

test('a forced release is told to the holder at once, with who and why, and takes that lock only', async (context) => {
  const harness = await Harness.start(context);
  const { client, network } = await harness.client();
  const { client: operator } = await harness.client({ author: 'ops' });
  const session = await client.session({ ttlMs: 60_000 });
  const lock = await client.lock('l', { session });
  const other = await client.lock('other', { session });
  const granted = operator.lock('l');
  granted.catch(() => {});
  await until(async () => (await holderOf(operator, 'l')).waiting === 1);
  network.framesSent.length = 0;
  const name = { kind: 'lock', name: new TextEncoder().encode('l') } as const;
  const operation = { type: 'lockBreak', name, fence: lock.fence, holder: null, now: false } as const;
  const { delayMs } = await operator.perform(operation, { reason: 'node 7 hangs' });
  assert.equal(delayMs, 60_000);
  await until(() => lock.signal.aborted);
  // It did not ask: its next keepalive is many seconds away.
  assert.deepEqual(network.framesSent, []);
  const why: unknown = lock.signal.reason;
  assert.ok(ConclaveError.is(why, 'LOCK_LOST'), 'it is not so');
  assert.match(why.message, /broken by ops: node 7 hangs; nobody is granted for 60000 ms/);
  assert.throws(() => lock.assertHeld(), { code: 'LOCK_LOST' });
  other.assertHeld();
  assert.equal(session.state, 'active');
  // The next one still waits out the holder's ttl.
  assert.deepEqual(await holderOf(operator, 'l'), { fence: null, waiting: 1 });
  await lock.release();
  assert.equal((await holderOf(operator, 'other')).fence, other.fence);
});

test('a forced release with now grants the next at once, and tells the holder all the same', async (context) => {
  const harness = await Harness.start(context);
  const { client, network } = await harness.client();
  const { client: operator } = await harness.client();
  const lock = await client.lock('l', { ttlMs: 60_000 });
  const granted = operator.lock('l');
  await until(async () => (await holderOf(operator, 'l')).waiting === 1);
  network.framesSent.length = 0;
  const name = { kind: 'lock', name: new TextEncoder().encode('l') } as const;
  await operator.perform({ type: 'lockBreak', name, fence: lock.fence, holder: null, now: true });
  const next = await granted;
  assert.ok(next.fence > lock.fence, 'it is not so');
  await until(() => lock.signal.aborted);
  assert.deepEqual(network.framesSent, []);
  assert.match(String(lock.signal.reason), /the next one may hold it already/);
});

test('a hold that is broken in the turn in which it is granted is not given out', async (context) => {
  const harness = await Harness.start(context);
  const { client, network } = await harness.client();
  const { client: operator } = await harness.client();
  const session = await client.session({ ttlMs: 60_000 });
  let told = false;
  network.filters.toClient = (message) => {
    told ||= message.type === 'broken';
    return true;
  };
  const readOn = network.holdBack();
  const acquiring = client.lock('l', { session });
  await until(async () => (await holderOf(operator, 'l')).fence !== null);
  const fence = (await holderOf(operator, 'l')).fence ?? 0;
  const name = { kind: 'lock', name: new TextEncoder().encode('l') } as const;
  await operator.perform({ type: 'lockBreak', name, fence, holder: null, now: true });
  await until(() => told);
  readOn();
  const lock = await acquiring;
  assert.ok(lock.fence > fence, `it was given fence ${lock.fence}, and ${fence} was broken`);
  lock.assertHeld();
});

test('a forced release that happened while the holder was away is found out when it is back', async (context) => {
  const harness = await Harness.start(context);
  const { client, network } = await harness.client();
  const { client: operator } = await harness.client();
  const lock = await client.lock('l', { ttlMs: 60_000 });
  for (const id of harness.cluster.ids) network.down.add(id);
  network.current?.cut();
  await until(() => client.state === 'reconnecting');
  const name = { kind: 'lock', name: new TextEncoder().encode('l') } as const;
  await operator.perform({ type: 'lockBreak', name, fence: lock.fence, holder: null, now: false });
  network.down.clear();
  await until(() => lock.signal.aborted);
  assert.ok(ConclaveError.is(lock.signal.reason, 'LOCK_LOST'), 'it is not so');
});

test('a wait that is cancelled or times out leaves no grant behind', async (context) => {
  const harness = await Harness.start(context);
  const { client } = await harness.client();
  const { client: waiter, network } = await harness.client();
  const lock = await client.lock('l');
  const controller = new AbortController();
  const cancelled = waiter.lock('l', { signal: controller.signal }).catch((error: unknown) => error);
  const timedOut = waiter.lock('l', { timeoutMs: 50 }).catch((error: unknown) => error);
  await until(async () => (await holderOf(client, 'l')).waiting === 2);
  controller.abort('never mind');
  const first = await cancelled;
  const second = await timedOut;
  assert.ok(ConclaveError.is(first, 'CANCELLED') && first.outcome === 'not-applied', 'it is not so');
  assert.ok(ConclaveError.is(second, 'DEADLINE_EXCEEDED') && second.outcome === 'not-applied', 'it is not so');
  await until(async () => (await holderOf(client, 'l')).waiting === 0);

  // The grant comes just as the wait ends: it is given back.
  const late = new AbortController();
  network.filters.toClient = (message) => {
    if (message.type === 'granted') late.abort();
    return true;
  };
  const race = waiter.lock('l', { signal: late.signal }).catch((error: unknown) => error);
  await until(async () => (await holderOf(client, 'l')).waiting === 1);
  await lock.release();
  assert.ok(ConclaveError.is(await race, 'CANCELLED'), 'it is not so');
  await until(async () => (await holderOf(client, 'l')).fence === null);
});

test('a wait goes on over a lost connection, also when the grant was told to the old one', async (context) => {
  const harness = await Harness.start(context);
  const { client } = await harness.client();
  const { client: waiter, network } = await harness.client();
  const lock = await client.lock('l');
  const waiting = waiter.lock('l');
  await until(async () => (await holderOf(client, 'l')).waiting === 1);
  let pushes = 0;
  network.filters.toClient = (message) => message.type !== 'granted' || pushes++ > 0;
  await lock.release();
  const second = await waiting;
  assert.equal(pushes, 1);
  assert.equal((await holderOf(client, 'l')).fence, second.fence);
});

test('a grant that is told soon is believed, and counts from the acquire; after a long wait the cluster is asked once more', async (context) => {
  const harness = await Harness.start(context);
  const { client } = await harness.client();
  const { client: waiter, network } = await harness.client();
  const questions = (): number => network.framesSent.flat().filter(({ type }) => type === 'query').length;
  const waitFor = async (ttlMs: number, enough: (sinceMs: number) => boolean): Promise<readonly [number, number]> => {
    const session = await waiter.session({ ttlMs });
    const lock = await client.lock('l', { ttlMs: 60_000 });
    const sinceMs = performance.now();
    const waiting = waiter.lock('l', { session });
    await until(async () => (await holderOf(client, 'l')).waiting === 1);
    await until(() => enough(performance.now() - sinceMs));
    // The session counts from here, the hold must not.
    await waiter.put('k', 'v', { session });
    network.framesSent.length = 0;
    await lock.release();
    const next = await waiting;
    const asked = questions();
    const left = next.remainingMs() + (performance.now() - sinceMs);
    await next.release();
    await session.close();
    return [asked, left];
  };
  const ttlMs = 9_000;
  const [asked, counted] = await waitFor(ttlMs, (sinceMs) => sinceMs > 400);
  assert.equal(asked, 0);
  assert.ok(counted <= ttlMs, `it counts on ${counted} ms from when it asked, of ${ttlMs}`);
  const [askedLate] = await waitFor(1_000, (sinceMs) => sinceMs > 400);
  assert.ok(askedLate > 0, 'it was not asked');
});

test('a long wait does not hold up the other mutations of its session', async (context) => {
  const harness = await Harness.start(context);
  const { client } = await harness.client();
  const { client: busy, network } = await harness.client();
  const lock = await client.lock('l');
  const waiting = busy.lock('l');
  await until(async () => (await holderOf(client, 'l')).waiting === 1);
  await Promise.all(Array.from({ length: 1_500 }, (_, n) => busy.put(`k${n % 5}`, `${n}`)));
  network.current?.cut();
  await until(() => busy.state === 'ready');
  await lock.release();
  await (await waiting).release();
});

test('more requests for locks than the window of their session all wait on over a new connection', async (context) => {
  const harness = await Harness.start(context);
  const { client } = await harness.client();
  const { client: busy, network } = await harness.client();
  const lock = await client.lock('l');
  const count = limits.maxSessionWindow + 76;
  const waiting = Promise.all(Array.from({ length: count }, () => busy.lock('l', { mode: 'shared' })));
  waiting.catch(() => {});
  await until(async () => (await holderOf(client, 'l')).waiting === count);
  network.framesSent.length = 0;
  // Where each stands is asked once more: by the acquire itself, or by a query where its sequence was given up.
  const isAsking = (message: ClientMessage): boolean => {
    if (message.type !== 'mutate' && message.type !== 'query') return false;
    return ['lockAcquire', 'lockRequest'].includes(decodeOperation(message.operation).type);
  };
  const asked = (): number => network.framesSent.flat().filter(isAsking).length;
  let readOn: (() => void) | null = null;
  network.filters.toMember = (message) => {
    if (readOn === null && isAsking(message)) readOn = network.holdBack();
    return true;
  };
  network.current?.cut();
  await until(() => asked() === count);
  // None of them is answered yet, so none gives way to this; and all are sent once more over the next connection.
  const put = busy.put('k', 'v');
  network.current?.cut();
  (readOn as (() => void) | null)?.();
  await until(() => asked() === 2 * count);
  await put;
  await lock.release();
  assert.equal((await waiting).length, count);
});

test('a retried release never frees a newer hold', async (context) => {
  const harness = await Harness.start(context);
  const { client, network } = await harness.client();
  const { client: other } = await harness.client();
  const lock = await client.lock('l');
  let lost = 0;
  network.filters.toClient = (message) => message.type !== 'result' || lost++ > 0;
  const next = other.lock('l');
  await until(async () => (await holderOf(other, 'l')).waiting === 1);
  await lock.release();
  assert.equal(lost > 1, true);
  const newer = await next;
  await lock.release();
  assert.equal((await holderOf(other, 'l')).fence, newer.fence);
  newer.assertHeld();
});

test('withLock releases when the work fails, and one lock after the other is granted in turn', async (context) => {
  const harness = await Harness.start(context);
  const { client } = await harness.client();
  await assert.rejects(
    client.withLock('l', () => Promise.reject(new Error('work failed'))),
    /work failed/,
  );
  let inside = 0;
  const fences: number[] = [];
  await Promise.all(
    Array.from({ length: 10 }, () =>
      client.withLock('l', async ({ fence }) => {
        assert.equal(++inside, 1);
        fences.push(fence);
        await client.get('k');
        inside--;
      }),
    ),
  );
  assert.deepEqual(
    fences,
    fences.toSorted((a, b) => a - b),
  );
  assert.equal(new Set(fences).size, 10);
});

test('wrong arguments are refused with a ConclaveError that says which, and nothing is sent', async (context) => {
  const harness = await Harness.start(context, 1);
  const { client } = await harness.client();
  const tooMany = Array.from({ length: 65 }, (_, n) => `n${n}`);
  const long = 'x'.repeat(1_025);
  const cases: readonly (readonly [() => Promise<unknown>, ConclaveErrorCode])[] = [
    [() => client.lock(''), 'INVALID_ARGUMENT'],
    [() => client.lock(long), 'TOO_LARGE'],
    [() => client.tryLock(''), 'INVALID_ARGUMENT'],
    [() => client.lock('l', { lockDelayMs: -1 }), 'INVALID_ARGUMENT'],
    [() => client.lock('l', { mode: 'none' as 'shared' }), 'INVALID_ARGUMENT'],
    [() => client.lockAll([]), 'INVALID_ARGUMENT'],
    [() => client.lockAll(['a', 'a']), 'INVALID_ARGUMENT'],
    [() => client.lockAll(tooMany), 'TOO_LARGE'],
    [() => client.semaphore('s', { permits: 0 }).acquire(), 'INVALID_ARGUMENT'],
    [() => client.semaphore('s', { permits: 2 }).tryAcquire({ count: 3 }), 'INVALID_ARGUMENT'],
    [() => client.election('').campaign('v'), 'INVALID_ARGUMENT'],
    [() => client.election(long).campaign('v'), 'TOO_LARGE'],
  ];
  for (const [call, code] of cases) {
    await assert.rejects(
      call,
      (error) => ConclaveError.is(error, code) && error.outcome === 'not-applied',
      call.toString(),
    );
  }
});
