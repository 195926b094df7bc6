import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ErrorBody } from '@conclave/protocol';
import { Harness, until } from '../../testing/harness.ts';
import { ConclaveError } from '../error.ts';
import { driftMarginMs, Liveness } from './liveness.ts';
import { SequenceLedger } from './sequence-ledger.ts';

test('the deadline counts from when a confirmed request was sent, less a margin', () => {
  const liveness = new Liveness(10_000);
  assert.equal(liveness.isOver(1e12), false);
  liveness.confirm(1_000);
  assert.equal(liveness.deadlineMs, 11_000 - driftMarginMs(10_000));
  // The answer to an earlier request comes later.
  liveness.confirm(500);
  assert.equal(liveness.deadlineMs, 11_000 - driftMarginMs(10_000));
  assert.equal(liveness.isInJeopardy(5_999), false);
  assert.equal(liveness.isInJeopardy(6_000), true);
  assert.equal(liveness.isOver(10_880), true);
  liveness.confirm(2_000);
  liveness.suspect(3_000);
  assert.equal(liveness.isInJeopardy(3_001), true);
  liveness.confirm(2_900);
  assert.equal(liveness.isInJeopardy(3_001), true);
  liveness.confirm(3_000);
  assert.equal(liveness.isInJeopardy(3_001), false);
});

test('what is only kept gives way when the window of the session is full', () => {
  const ledger = new SequenceLedger();
  const acquire = ledger.take();
  ledger.keep(acquire);
  for (let n = 0; n < 1_023; n++) ledger.settle(ledger.take());
  assert.equal(ledger.acknowledgedBelow, acquire);
  assert.equal(ledger.hasRoom(), true);
  assert.equal(ledger.isOpen(acquire), false);
  assert.equal(ledger.acknowledgedBelow, 1_025);
  const again = ledger.take();
  ledger.keep(again);
  ledger.unkeep(again);
  for (let n = 0; n < 1_023; n++) ledger.settle(ledger.take());
  assert.equal(ledger.hasRoom(), false, 'it gave up what is asked again');
  ledger.keep(again);
  assert.equal(ledger.hasRoom(), true);
  const unanswered = ledger.take();
  for (let n = 0; n < 1_023; n++) ledger.take();
  assert.equal(ledger.hasRoom(), false);
  ledger.settle(unanswered);
  assert.equal(ledger.hasRoom(), true);
});

test('a session lives on while it is kept alive, over members, and its states are told', async (context) => {
  const harness = await Harness.start(context);
  const { client, network } = await harness.client();
  const session = await client.session({ ttlMs: 1_000, metadata: { app: 'test' } });
  const states: string[] = [];
  session.on('state', (state) => states.push(state));
  await client.put('mine', 'x', { session });
  const keepalives = (): number => network.framesSent.flat().filter(({ type }) => type === 'keepalive').length;
  // Eight thirds of its ttl.
  for (let n = 0; n < 8; n++) {
    network.current?.cut();
    await until(() => client.state === 'ready');
    const before = keepalives();
    await until(() => keepalives() > before);
    assert.equal(session.remainingMs() > 0, true);
  }
  assert.equal((await client.get('mine'))?.lease, session.id);
  const described = await client.perform({ type: 'lease', lease: session.id });
  assert.deepEqual(described.lease?.metadata, { app: 'test' });
  await session.close();
  assert.equal(session.state, 'closed');
  assert.equal(session.signal.aborted, true);
  assert.equal(await client.get('mine'), null);
  await assert.rejects(client.lock('l', { session }), { code: 'SESSION_EXPIRED', outcome: 'not-applied' });
});

test('a session that nothing confirms is first in jeopardy, then expired, by the local clock', async (context) => {
  const harness = await Harness.start(context);
  const { client, network } = await harness.client();
  const session = await client.session({ ttlMs: 1_000 });
  const states: string[] = [];
  session.on('state', (state, why) => states.push(why === null ? state : `${state} ${why.code}`));
  for (const id of harness.cluster.ids) network.down.add(id);
  network.current?.silence();
  await until(() => session.signal.aborted);
  assert.deepEqual(states, ['jeopardy', 'expired SESSION_EXPIRED']);
  assert.equal(ConclaveError.is(session.signal.reason, 'SESSION_EXPIRED'), true);
});

test('a machine that slept puts a session in jeopardy until it is confirmed', async (context) => {
  const harness = await Harness.start(context);
  const { client, network } = await harness.client();
  const session = await client.session({ ttlMs: 10_000 });
  const states: string[] = [];
  session.on('state', (state) => states.push(state));
  network.wallSkippedMs = 60_000;
  await until(() => states.length === 2);
  assert.deepEqual(states, ['jeopardy', 'active']);
});

test('a committed write confirms the session, from when it was sent; a read does not', async (context) => {
  const harness = await Harness.start(context);
  const { client, network } = await harness.client();
  const { client: other } = await harness.client();
  const session = await client.session({ ttlMs: 60_000 });
  network.framesSent.length = 0;
  network.skippedMs += 15_000;
  await client.get('k');
  assert.ok(session.remainingMs() < 45_000, `${session.remainingMs()} ms`);

  await client.put('k', 'v', { session });
  assert.ok(session.remainingMs() > 50_000, `${session.remainingMs()} ms`);

  const release = network.holdBack();
  const slow = client.put('k', 'w', { session });
  await until(async () => (await other.get('k'))?.text() === 'w');
  network.skippedMs += 12_000;
  release();
  await slow;
  assert.ok(session.remainingMs() <= 48_000, `${session.remainingMs()} ms: it counted from the answer`);
  assert.ok(session.remainingMs() > 40_000, `${session.remainingMs()} ms`);
  // Nothing else confirmed anything.
  const kinds = new Set(network.framesSent.flat().map(({ type }) => type));
  assert.ok(!kinds.has('keepalive') && !kinds.has('hello') && !kinds.has('sessionResume'), [...kinds].join());
});

test('a session that cannot be claimed for want of a leader is claimed again, on the same connection', async (context) => {
  const harness = await Harness.start(context);
  const { client, network } = await harness.client();
  const session = await client.session({ ttlMs: 10_000 });
  // The member does not have it on this connection, and then there is no leader for a moment.
  const refusals = { mutation: 1, claim: 1 };
  const error = (id: number, code: 'FENCED' | 'UNAVAILABLE') =>
    ({ type: 'error', id, error: { code, message: 'not now', outcome: 'not-applied', details: {} } }) as const;
  network.filters.replace = (message) => {
    if (message.type === 'result' && refusals.mutation-- > 0) return error(message.id, 'FENCED');
    if (message.type === 'sessionsResumed' && refusals.claim-- > 0) return error(message.id, 'UNAVAILABLE');
    return message;
  };
  network.framesSent.length = 0;
  await client.put('k', 'v', { session });
  const kinds = network.framesSent.flat().map(({ type }) => type);
  assert.equal(kinds.filter((type) => type === 'sessionResume').length, 2);
  assert.ok(!kinds.includes('hello'));
});

test('an answer that comes after the deadline revives nothing', async (context) => {
  const harness = await Harness.start(context);
  const { client, network } = await harness.client();
  const { client: other } = await harness.client();
  const session = await client.session({ ttlMs: 60_000 });
  const lock = await client.lock('l', { session });
  const release = network.holdBack();
  const put = client.put('k', 'v', { session });
  await until(async () => (await other.get('k')) !== null);
  network.skippedMs += 60_000;
  release();
  await put;
  assert.equal(session.state, 'expired');
  assert.equal(lock.signal.aborted, true);
});

test('after the local deadline the fate of what was in flight is still learnt, and the session is closed', async (context) => {
  const harness = await Harness.start(context);
  const { client, network } = await harness.client();
  const { client: other } = await harness.client();
  const session = await client.session({ ttlMs: 60_000 });
  const lock = await client.lock('l', { session });
  network.filters.toClient = (message) => message.type !== 'result';
  const inFlight = client.put('k', 'v', { session });
  await until(async () => (await other.get('k')) !== null);
  // The client has slept through its ttl; the cluster has not.
  network.skippedMs = 61_000;
  assert.throws(() => lock.assertHeld(), { code: 'LOCK_LOST' });
  network.filters = {};
  const { revision } = await inFlight;
  assert.equal((await other.get('k'))?.modRevision ?? revision, revision);
  await until(async () => (await other.get('k')) === null);
  assert.notEqual(await other.tryLock('l'), null);
});

test('a client that never hears a welcome does not keep alive what it has given up, however often it says hello', {
  timeout: 30_000,
}, async (context) => {
  const harness = await Harness.start(context);
  const { client, network } = await harness.client();
  const { client: next } = await harness.client();
  const session = await client.session({ ttlMs: 1_000 });
  const lock = await client.lock('l', { session });
  const granted = next.lock('l');
  let hellos = 0;
  network.filters.toMember = (message) => {
    if (message.type === 'hello') hellos++;
    return true;
  };
  network.filters.toClient = () => false;
  await until(() => lock.signal.aborted);
  const before = hellos;
  await granted;
  await until(() => hellos > before);
  // What was given up is closed when there is somebody to hear it.
  network.filters = {};
  await session.close();
  assert.equal(session.state, 'expired');
});

test('a session that is closed by somebody else ends at once', async (context) => {
  const harness = await Harness.start(context);
  const { client } = await harness.client();
  const { client: operator } = await harness.client({ identity: 'idempotency-key' });
  const session = await client.session({ ttlMs: 60_000 });
  const lock = await client.lock('l', { session });
  await operator.perform({ type: 'leaseRevoke', lease: session.id });
  await until(() => lock.signal.aborted);
  assert.equal(session.state, 'expired');
});

test('a session and its ttl are checked before anything leaves', async (context) => {
  const harness = await Harness.start(context);
  const { client } = await harness.client();
  await assert.rejects(client.session({ ttlMs: 10 }), { code: 'INVALID_ARGUMENT' });
  await assert.rejects(client.lock('l', { ttlMs: 1e9 }), { code: 'INVALID_ARGUMENT' });
  await assert.rejects(client.session({ signal: AbortSignal.abort() }), { code: 'CANCELLED' });
});

test('a session that lives shorter than the others of its client is kept alive in its own time', async (context) => {
  const harness = await Harness.start(context);
  const { client, network } = await harness.client();
  await client.put('k', 'under the session of 15 s');
  const keepalives = (): number => network.framesSent.flat().filter(({ type }) => type.startsWith('keepalive')).length;
  await until(() => keepalives() > 0);
  const before = keepalives();
  await using lock = await client.lock('l', { ttlMs: 1_000 });
  await until(() => lock.signal.aborted || keepalives() > before + 2);
  assert.equal(lock.signal.aborted, false);
});

const full: ErrorBody = {
  code: 'LIMIT_EXCEEDED',
  message: '100000 sessions, the limit is 100000',
  outcome: 'not-applied',
  details: { limit: 100_000 },
};

test('a session that the cluster refuses for good is asked for once a call, and the caller is told why', async (context) => {
  const harness = await Harness.start(context);
  const { client, network } = await harness.client();
  network.filters = { refuse: ({ type }) => (type === 'sessionOpen' ? full : null) };
  const refused = { code: 'LIMIT_EXCEEDED', message: full.message, outcome: 'not-applied', details: full.details };
  await assert.rejects(client.put('k', 'v'), refused);
  await assert.rejects(client.lock('l'), refused);
  await assert.rejects(client.session(), refused);
  assert.equal(network.framesSent.flat().filter(({ type }) => type === 'sessionOpen').length, 3);
  network.filters = {};
  assert.equal((await client.put('k', 'v')).ok, true);
});

test('what no session can bear is refused by name, when the client connects or the session is asked for', async (context) => {
  const harness = await Harness.start(context);
  const invalid = (message: RegExp) => ({ code: 'INVALID_ARGUMENT', message, outcome: 'not-applied' });
  await assert.rejects(harness.client({ metadata: { app: 'x'.repeat(2_000) } }), invalid(/metadata/));
  await assert.rejects(harness.client({ metadata: { pid: 5 as unknown as string } }), invalid(/metadata/));
  await assert.rejects(harness.client({ author: 'x'.repeat(129) }), invalid(/author.*128/));
  const { client } = await harness.client();
  await assert.rejects(client.session({ metadata: { app: 'x'.repeat(2_000) } }), { message: /metadata/ });
});

test('sessions that nobody waits for any more take no room while no member answers', async (context) => {
  const harness = await Harness.start(context);
  const { client, network } = await harness.client();
  network.cutOff();
  network.current?.cut();
  await until(() => client.state !== 'ready');
  const late = { code: 'DEADLINE_EXCEEDED' };
  for (let nth = 0; nth < 300; nth++) await assert.rejects(client.session({ timeoutMs: 1 }), late);
  network.down.clear();
  await using session = await client.session();
  assert.equal(session.state, 'active');
});

test('a session whose connection was lost between its late opening and the look whether it lives is claimed on the next one', async (context) => {
  const harness = await Harness.start(context);
  const { cluster } = harness;
  await until(() => cluster.leader !== null);
  const [first = 0, second = 0] = cluster.ids.filter((id) => id !== cluster.leader);
  const { client, network } = await harness.client({ endpoints: [`ws://m${first}:1`, `ws://m${second}:1`] });
  const onlyTo = (member: number): void => {
    network.down.clear();
    for (const id of cluster.ids) if (id !== member) network.down.add(id);
  };
  onlyTo(first);
  if (network.current?.memberId === second) network.current.cut();
  await client.get('k');
  // Where the client goes next, nobody knows of the session yet; its leader does.
  const resumeDisk = cluster.stallDisk(second);
  let keepalives = 0;
  network.filters = {
    toClient: ({ type }) => {
      // As if the answer had taken more than half of the ttl: whether the session lives still must be asked.
      if (type === 'result') network.skippedMs += 600;
      return true;
    },
    toMember: ({ type }) => {
      if (type !== 'keepalive' || keepalives++ > 0) return true;
      onlyTo(second);
      return false;
    },
  };
  await using session = await client.session({ ttlMs: 1_000 });
  network.filters.toClient = () => true;
  assert.equal(network.current?.memberId, second);
  resumeDisk();
  const before = keepalives;
  await until(() => keepalives > before + 2 || session.state !== 'active');
  assert.equal(session.state, 'active');
});
