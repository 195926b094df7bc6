import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Harness } from '../../testing/harness.ts';
import { ConclaveError } from '../error.ts';
import { forgetOnce, JobNotBegun, type OnceContext, once, onceOutcome } from '../jobs.ts';

const ttlMs = 1_000;

test('of many that ask, on several instances, one runs the job, and all get what it came to', async (context) => {
  const harness = await Harness.start(context);
  const clients = await Promise.all([1, 2, 3].map(async () => (await harness.client()).client));
  let runs = 0;
  const outcomes = await Promise.all(
    [...clients, ...clients, ...clients].map(async (client, n) =>
      once(
        client,
        'migrate/17',
        async ({ attempt, fence }) => {
          runs++;
          await client.put('migrated', `${fence}`);
          return { attempt, rows: 42 };
        },
        { by: `caller ${n}` },
      ),
    ),
  );
  assert.equal(runs, 1);
  assert.equal(outcomes.filter(({ ran }) => ran).length, 1);
  const [first] = outcomes;
  for (const outcome of outcomes) assert.deepEqual({ ...outcome, ran: true }, { ...first, ran: true });
  assert.ok(first?.state === 'done' && first.fence > 0 && first.endedAt >= first.startedAt);
  assert.deepEqual(first.result, { attempt: 1, rows: 42 });
  const winner = outcomes.findIndex(({ ran }) => ran);
  assert.equal(first.by, `caller ${winner}`);
  assert.equal((await clients[0]?.get('migrated'))?.text(), `${first.fence}`);
});

test('a job that fails has failed for all, until that is forgotten', async (context) => {
  const harness = await Harness.start(context);
  const { client } = await harness.client();
  const { client: other } = await harness.client();
  const why = new Error('no such table');
  const failed = await once(client, 'job', () => {
    throw why;
  });
  assert.deepEqual(
    [failed.state, failed.state === 'failed' && failed.error, failed.ran, failed.cause],
    ['failed', 'no such table', true, why],
  );
  const seen = await once(other, 'job', () => assert.fail('it is over'));
  assert.deepEqual([seen.state, seen.state === 'failed' && seen.error, seen.ran], ['failed', 'no such table', false]);
  assert.equal(await forgetOnce(other, 'job'), true);
  assert.equal(await forgetOnce(other, 'job'), false);
  const again = await once(other, 'job', () => undefined);
  assert.deepEqual([again.state, again.state === 'done' && again.result, again.ran], ['done', null, true]);
});

test('what cannot be recorded has failed, and says so', async (context) => {
  const harness = await Harness.start(context, 1);
  const { client } = await harness.client();
  const large = await once(client, 'large', () => 'x'.repeat(70_000));
  assert.match(large.state === 'failed' ? large.error : '', /70002 bytes, the limit is 65536/);
  const odd = await once(client, 'odd', () => () => 1);
  assert.match(odd.state === 'failed' ? odd.error : '', /no JSON/);
  await client.put('jobs/once/damaged', '"running"');
  await assert.rejects(
    once(client, 'damaged', () => 1),
    { code: 'INVALID_ARGUMENT', message: /no object/ },
  );
});

/** Begins the job on an instance that hangs in it. */
async function begun(harness: Harness): Promise<{
  readonly context: OnceContext;
  readonly goOn: () => void;
  readonly outcome: Promise<unknown>;
  readonly network: Awaited<ReturnType<Harness['client']>>['network'];
}> {
  const { client, network } = await harness.client();
  let goOn = (): void => {};
  const hangs = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  return new Promise((resolve) => {
    const outcome = once(
      client,
      'job',
      async (context) => {
        resolve({ context, goOn, outcome, network });
        await hangs;
        return 'late';
      },
      { ttlMs, by: 'the first' },
    );
    outcome.catch(() => {});
  });
}

test('when the instance that runs it is lost, another one begins anew under a larger fence, and what the first one says comes to nothing', async (context) => {
  const harness = await Harness.start(context);
  const first = await begun(harness);
  const { client } = await harness.client();
  assert.equal(await onceOutcome(client, 'job'), null);
  first.network.cutOff();
  const outcome = await once(client, 'job', ({ attempt, fence }) => {
    assert.ok(first.context.signal.aborted, 'the first one was told before');
    return { attempt, isLarger: fence > first.context.fence };
  });
  assert.deepEqual(
    [outcome.state, outcome.state === 'done' && outcome.result],
    ['done', { attempt: 2, isLarger: true }],
  );
  assert.throws(() => first.context.assertHeld(), { code: 'LOCK_LOST' });
  first.goOn();
  await assert.rejects(first.outcome, { code: 'LOCK_LOST' });
  assert.deepEqual(await onceOutcome(client, 'job'), { ...outcome, ran: false });
});

test('an instance that gives it up leaves it to another one', async (context) => {
  const harness = await Harness.start(context);
  const { client } = await harness.client();
  const { client: other } = await harness.client();
  const controller = new AbortController();
  const given = once(
    client,
    'job',
    async ({ signal }) => {
      controller.abort(new Error('shutting down'));
      signal.throwIfAborted();
    },
    { signal: controller.signal },
  );
  await assert.rejects(given, (error) => ConclaveError.is(error, 'CANCELLED'));
  const outcome = await once(other, 'job', ({ attempt }) => attempt);
  assert.deepEqual([outcome.state === 'done' && outcome.result, outcome.ran], [2, true]);
});

test('a job that finds that it cannot begin leaves no trace, nor an attempt of its own in the record of another', async (context) => {
  const harness = await Harness.start(context, 1);
  const { client } = await harness.client();
  const refuse = (): never => {
    throw new JobNotBegun('no such command');
  };
  await assert.rejects(once(client, 'job', refuse), { name: 'JobNotBegun' });
  assert.equal(await client.get('jobs/once/job'), null);
  const running = { state: 'running', by: 'poor soul', fence: 7, attempt: 3, startedAt: new Date(0).toISOString() };
  await client.put('jobs/once/job', JSON.stringify(running));
  await assert.rejects(once(client, 'job', refuse), { name: 'JobNotBegun' });
  assert.deepEqual((await client.get('jobs/once/job'))?.json(), running);
});

test('what the job came to is not lost when the release is not answered in time', async (context) => {
  const harness = await Harness.start(context, 1);
  const { client } = await harness.client();
  const lock = client.lock.bind(client);
  client.lock = async (...call) => {
    const held = await lock(...call);
    held.release = () => Promise.reject(new ConclaveError('DEADLINE_EXCEEDED', 'release', { outcome: 'unknown' }));
    return held;
  };
  const outcome = await once(client, 'job', ({ name }) => `ran ${name}`);
  assert.equal(outcome.state === 'done' && outcome.result, 'ran job', 'under its own name');
  assert.equal(await client.withLock('l', async () => 7), 7);
  await assert.rejects(
    client.withLock('m', () => Promise.reject(new Error('work failed'))),
    /work failed/,
  );
});

test('an attempt that is none is refused, and a job may throw anything', async (context) => {
  const harness = await Harness.start(context, 1);
  const { client } = await harness.client();
  await assert.rejects(
    once(client, 'job', () => 1, { maxAttempts: 0 }),
    { code: 'INVALID_ARGUMENT' },
  );
  const outcome = await once(client, 'job', () => {
    throw Object.create(null);
  });
  assert.deepEqual(
    [outcome.state, (await onceOutcome(client, 'job'))?.state],
    ['failed', 'failed'],
    'recorded for the others, too',
  );
});

test('what was begun and lost again and again has failed', async (context) => {
  const harness = await Harness.start(context, 1);
  const { client } = await harness.client();
  const running = { state: 'running', by: 'poor soul', fence: 7, attempt: 3, startedAt: new Date(0).toISOString() };
  await client.put('jobs/once/job', JSON.stringify(running));
  const outcome = await once(client, 'job', () => assert.fail('it was begun too often'), { maxAttempts: 3 });
  assert.deepEqual(
    [outcome.state === 'failed' && outcome.error, outcome.by, outcome.ran],
    ['whoever ran it was lost, 3 times', 'poor soul', false],
  );
  assert.deepEqual((await onceOutcome(client, 'job'))?.state, 'failed');
});
