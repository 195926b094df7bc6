import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeOperation, limits } from '@conclave/protocol';
import { Harness, until } from '../../testing/harness.ts';
import { ConclaveError } from '../error.ts';

test('a put in flight when its member dies is applied exactly once', async (context) => {
  const harness = await Harness.start(context);
  const { client, network } = await harness.client();
  await client.put('counter', '0');
  let cuts = 0;
  // The answer is lost with the member, so only the same identity can tell whether it was applied.
  network.filters.toClient = (message, connection) => {
    if (message.type !== 'result' || cuts > 0) return true;
    cuts++;
    network.down.add(connection.memberId);
    void network.kill(connection.memberId);
    return false;
  };
  const { revision } = await client.put('counter', '1');
  const entry = await client.get('counter');
  assert.equal(cuts, 1);
  assert.equal(entry?.version, 2);
  assert.equal(entry?.modRevision, revision);
});

test('1,000 mutations over connections that are cut again and again take effect once each', async (context) => {
  const harness = await Harness.start(context);
  const { client, network } = await harness.client();
  const count = 1_000;
  const perCut = 97;
  let sent = 0;
  network.filters.toMember = (message) => message.type !== 'mutate' || ++sent % perCut !== 0;
  let answered = 0;
  network.filters.toClient = (message) => message.type !== 'result' || ++answered % perCut !== 0;
  const revisions = new Set<number>();
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      const n = next++;
      const { revision } = await client.put(`k/${n % 10}`, `${n}`);
      revisions.add(revision);
    }
  };
  await Promise.all(Array.from({ length: 20 }, worker));
  assert.ok(network.connections.length > 10, `${network.connections.length} connections`);
  assert.equal(revisions.size, count);
  const { entries } = await client.list({ prefix: 'k/' });
  assert.equal(
    entries.reduce((sum, { version }) => sum + version, 0),
    count,
  );
});

test('where the room for idempotency keys is full, sessions are still opened, and whoever has one works', async (context) => {
  const harness = await Harness.start(context, 1);
  const { client } = await harness.client({ identity: 'idempotency-key' });
  let left = limits.maxIdempotencyKeys;
  const worker = async (): Promise<void> => {
    while (left-- > 0) await client.put('k', 'v');
  };
  await Promise.all(Array.from({ length: 500 }, worker));
  await assert.rejects(client.put('k', 'v'), { code: 'LIMIT_EXCEEDED', outcome: 'not-applied' });
  const { client: other } = await harness.client();
  await using lock = await other.lock('l');
  assert.equal((await other.txn({ if: [lock.guard()], then: [{ put: 'k', value: 'w' }] })).ok, true);
});

test('with idempotency keys a resent mutation takes effect once, and there is no session', async (context) => {
  const harness = await Harness.start(context);
  const { client, network } = await harness.client({ identity: 'idempotency-key' });
  let lost = 0;
  network.filters.toClient = (message) => message.type !== 'result' || lost++ > 0;
  await client.put('k', 'v');
  assert.equal((await client.get('k'))?.version, 1);
  const kinds = new Set(network.framesSent.flat().map(({ type }) => type));
  assert.equal(kinds.has('sessionOpen'), false);
});

test('all requests of one turn of the event loop leave in one frame', async (context) => {
  const harness = await Harness.start(context);
  const { client, network } = await harness.client({ identity: 'idempotency-key' });
  network.framesSent.length = 0;
  await Promise.all([client.put('a', '1'), client.put('b', '2'), client.get('c'), client.get('d')]);
  assert.equal(network.framesSent.length, 1);
  assert.deepEqual(network.framesSent[0]?.map(({ type }) => type).toSorted(), ['mutate', 'mutate', 'query', 'query']);
});

test('the outcome is unknown only when it is', async (context) => {
  const harness = await Harness.start(context);
  const { client, network } = await harness.client();
  await client.put('warm', 'up');

  // Answered by nobody: it left, and may have been applied.
  network.filters.toClient = (message) => message.type !== 'result';
  const left = await client.put('k', 'v', { timeoutMs: 100 }).catch((error: unknown) => error);
  assert.ok(ConclaveError.is(left, 'DEADLINE_EXCEEDED'), 'it is not so');
  assert.equal(left.outcome, 'unknown');
  network.filters = {};
  await until(() => client.state === 'ready');

  // Refused by the cluster, which says that nothing was applied.
  const refused = await client.put('k', new Uint8Array(2_000_000)).catch((error: unknown) => error);
  assert.ok(ConclaveError.is(refused, 'TOO_LARGE'), 'it is not so');
  assert.equal(refused.outcome, 'not-applied');

  // Never left.
  for (const id of harness.cluster.ids) network.down.add(id);
  network.current?.cut();
  await until(() => client.state === 'reconnecting');
  const never = await client.put('k', 'v', { timeoutMs: 20 }).catch((error: unknown) => error);
  assert.ok(ConclaveError.is(never, 'DEADLINE_EXCEEDED'), 'it is not so');
  assert.equal(never.outcome, 'not-applied');
  const aborted = await client.put('k', 'v', { signal: AbortSignal.abort('enough') }).catch((error: unknown) => error);
  assert.ok(ConclaveError.is(aborted, 'CANCELLED'), 'it is not so');
  assert.equal(aborted.outcome, 'not-applied');
  assert.equal(aborted.cause, 'enough');
});

test('a mutation in flight when the session dies is of unknown outcome, and the next one has a new session', async (context) => {
  const harness = await Harness.start(context);
  const { client, network } = await harness.client();
  const { client: operator } = await harness.client({ identity: 'idempotency-key' });
  await client.put('k', '1');
  const opened = network.framesSent.flat().findLast(({ type }) => type === 'mutate');
  const session = opened?.type === 'mutate' && opened.identity.by === 'session' ? opened.identity.session : 0;
  let swallowed = false;
  network.filters.toMember = (message, connection) => {
    if (message.type !== 'mutate' || swallowed) return true;
    swallowed = true;
    connection.silence('to-member');
    return true;
  };
  const inFlight = client.put('k', '2').catch((error: unknown) => error);
  await until(() => swallowed);
  await operator.perform({ type: 'leaseRevoke', lease: session });
  const error = await inFlight;
  assert.ok(ConclaveError.is(error, 'OUTCOME_UNKNOWN'), 'it is not so');
  assert.equal(error.outcome, 'unknown');
  network.current?.cut();
  assert.equal((await client.put('k', '3')).ok, true);
});

test('a lost compare-and-set is a value', async (context) => {
  const harness = await Harness.start(context);
  const { client } = await harness.client();
  const created = await client.put('k', 'first', { ifRevision: 0 });
  assert.equal(created.ok, true);
  const lost = await client.put('k', 'second', { ifRevision: 0 });
  assert.deepEqual(lost.ok ? null : [lost.current?.text(), lost.current?.modRevision], ['first', created.revision]);
  const kept = await client.delete('k', { ifRevision: created.revision + 100 });
  assert.equal(kept.ok, false);
  const deleted = await client.delete('k', { ifRevision: created.revision });
  assert.equal(deleted.ok && deleted.deleted, 1);
});

test('what does not fit into the queue is refused, and nothing of it is done', async (context) => {
  const harness = await Harness.start(context);
  const { client, network } = await harness.client({ identity: 'idempotency-key' });
  for (const id of harness.cluster.ids) network.down.add(id);
  network.current?.cut();
  await until(() => client.state === 'reconnecting');
  const value = new Uint8Array(1_000_000);
  const waiting = Array.from({ length: 67 }, () => client.put('k', value));
  for (const one of waiting) one.catch(() => {});
  await assert.rejects(client.put('k', value), { code: 'OVERLOADED', outcome: 'not-applied' });
  network.down.clear();
  await Promise.all(waiting);
  assert.equal((await client.get('k'))?.version, 67);
});

test('the window of the member is respected, and the bytes of a resent operation are the same', async (context) => {
  const harness = await Harness.start(context);
  const { client, network } = await harness.client();
  await client.put('k', '0');
  let unanswered = 0;
  let most = 0;
  network.filters.toMember = (message) => {
    if (message.type === 'mutate') most = Math.max(most, ++unanswered);
    return true;
  };
  network.filters.toClient = (message) => {
    if (message.type === 'result') unanswered--;
    return true;
  };
  await Promise.all(Array.from({ length: 3_000 }, (_, n) => client.put(`k${n % 7}`, `${n}`)));
  // The window of a session is smaller than that of the connection.
  assert.ok(most <= 1_024, `${most} at a time`);
  const bySequence = new Map<number, string>();
  for (const message of network.framesSent.flat()) {
    if (message.type !== 'mutate' || message.identity.by !== 'session') continue;
    const shown = JSON.stringify(decodeOperation(message.operation));
    assert.equal(bySequence.get(message.identity.sequence) ?? shown, shown);
    bySequence.set(message.identity.sequence, shown);
  }
});

test('what was refused in passing does not wait behind others that wait for its sequence', {
  timeout: 20_000,
}, async (context) => {
  const harness = await Harness.start(context);
  const { client, network } = await harness.client();
  await client.put('k', '0');
  let refusals = 1;
  network.filters.replace = (message) => {
    if (message.type !== 'result' || refusals-- <= 0) return message;
    const error = { code: 'OVERLOADED', message: 'not now', outcome: 'not-applied', details: {} } as const;
    return { type: 'error', id: message.id, error };
  };
  // Twice the window of a session.
  await Promise.all(Array.from({ length: 2 * limits.maxSessionWindow }, (_, n) => client.put(`k${n % 7}`, `${n}`)));
});

test('without a quorum a mutation is given up with the word of the member that nothing was applied', async (context) => {
  const harness = await Harness.start(context);
  const { client, network } = await harness.client({ identity: 'idempotency-key', endpoints: ['ws://m1:1'] });
  await client.put('k', '1');
  network.down.add(2).add(3);
  harness.cluster.isolate(2);
  harness.cluster.isolate(3);
  await until(() => harness.cluster.member(1)?.raft.leader === null);
  const error = await client.put('k', '2', { timeoutMs: 1_500 }).catch((reason: unknown) => reason);
  assert.equal(ConclaveError.is(error, 'DEADLINE_EXCEEDED') && error.outcome, 'not-applied');
  const { entry } = await client.read('k', { consistency: 'local' });
  assert.equal(entry?.text(), '1');
  assert.equal((await client.status()).hasQuorum, false);
  await assert.rejects(client.get('k', { timeoutMs: 300 }), { code: 'DEADLINE_EXCEEDED', outcome: 'not-applied' });
});
