import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Harness, until } from '../../testing/harness.ts';
import type { Client } from '../client.ts';
import { type CatchUp, type CronContext, type CronOptions, type CronRun, cron, resetCron } from '../jobs.ts';
import { scheduleOf } from './schedule.ts';

const everySecond = '* * * * * *';
const ttlMs = 1_000;
const hourMs = 3_600_000;

/** Far from the present moment, so that nothing fires by itself while the test runs. */
function hourly(): { readonly schedule: string; readonly last: Date } {
  const at = new Date();
  const minute = (at.getUTCMinutes() + 30) % 60;
  const schedule = `${minute} * * * *`;
  const latest = scheduleOf(schedule, 'UTC').latest(at);
  assert.ok(latest !== null);
  return { schedule, last: latest };
}

/** As if the job had last been decided on so many firings ago. */
async function missed(client: Client, name: string, last: Date, firings: number): Promise<void> {
  const state = { last: new Date(last.getTime() - firings * hourMs), running: null };
  await client.put(`jobs/cron/${name}`, JSON.stringify(state));
}

test('instances whose clocks differ run each firing once, in turn', async (context) => {
  const harness = await Harness.start(context);
  const ran: { readonly by: string; readonly firing: number; readonly fence: number }[] = [];
  const handles = await Promise.all(
    [-400, 0, 500].map(async (skewMs) => {
      const { client, network } = await harness.client();
      network.wallSkippedMs = skewMs;
      const by = `${skewMs}`;
      const work = ({ fence, firing }: CronContext): void => void ran.push({ by, firing: firing.getTime(), fence });
      return cron(client, 'tick', everySecond, work, { by, catchUp: 'all' });
    }),
  );
  await until(() => ran.length >= 7);
  await Promise.all(handles.map(async (handle) => handle.stop()));
  const [first] = ran;
  assert.deepEqual(
    ran.map(({ firing }) => firing),
    ran.map((_, n) => (first?.firing ?? 0) + n * 1_000),
    'each second once, none left out',
  );
  assert.deepEqual(
    ran.map(({ fence }) => fence),
    ran.map(({ fence }) => fence).toSorted((a, b) => a - b),
  );
  assert.equal(new Set(ran.map(({ by }) => by)).size, 3, 'each had its share');
  const runs = (await handles[0]?.runs()) ?? [];
  assert.deepEqual(
    runs.map(({ by, firing, state }) => [state, by, firing.getTime()]),
    ran.map(({ by, firing }) => ['done', by, firing]).toReversed(),
  );
});

async function caughtUp(
  context: Parameters<typeof Harness.start>[0],
  catchUp: CatchUp,
  options: Partial<CronOptions> = {},
): Promise<{ readonly firings: number[]; readonly last: Date; readonly runs: CronRun[]; readonly state: string }> {
  const harness = await Harness.start(context, 1);
  const { client } = await harness.client();
  const { last, schedule } = hourly();
  await missed(client, 'hourly', last, 5);
  const firings: number[] = [];
  const handle = cron(client, 'hourly', schedule, ({ firing }) => void firings.push(firing.getTime()), {
    catchUp,
    ...options,
  });
  const lastOf = async (): Promise<string> =>
    String((JSON.parse((await client.get('jobs/cron/hourly'))?.text() ?? '{}') as { last?: string }).last);
  await until(async () => (await lastOf()) === last.toISOString());
  await handle.stop();
  return { firings, last, runs: await handle.runs(), state: await lastOf() };
}

test('catch-up all: every firing that was missed is run, one behind the other', async (context) => {
  const { firings, last, runs } = await caughtUp(context, 'all', { keep: 3 });
  assert.deepEqual(
    firings,
    [4, 3, 2, 1, 0].map((n) => last.getTime() - n * hourMs),
  );
  assert.deepEqual(
    runs.map(({ firing }) => firing.getTime()),
    [0, 1, 2].map((n) => last.getTime() - n * hourMs),
    'the last three are remembered, the latest first',
  );
});

test('catch-up latest: the last one is run, for all', async (context) => {
  const { firings, last } = await caughtUp(context, 'latest');
  assert.deepEqual(firings, [last.getTime()]);
});

test('catch-up none: what was missed is passed over, but not what is only a little late', async (context) => {
  const { firings, runs } = await caughtUp(context, 'none');
  assert.deepEqual([firings, runs], [[], []]);
  const late = await caughtUp(context, 'none', { graceMs: hourMs });
  assert.deepEqual(late.firings, [late.last.getTime()]);
});

test('a firing whose instance is lost in the middle of it is begun anew by another one', async (context) => {
  const harness = await Harness.start(context);
  const { client, network } = await harness.client();
  const { client: other } = await harness.client();
  const { last, schedule } = hourly();
  await missed(client, 'job', last, 1);
  let begun: CronContext | null = null;
  let goOn = (): void => {};
  const errors: unknown[] = [];
  const options = { catchUp: 'latest', ttlMs } as const;
  const first = cron(
    client,
    'job',
    schedule,
    async (run) => {
      begun = run;
      await new Promise<void>((resolve) => {
        goOn = resolve;
      });
    },
    { ...options, by: 'first', onError: (error) => errors.push(error) },
  );
  await until(() => begun !== null);
  const again: CronContext[] = [];
  // Which passes over what nobody has begun.
  const second = cron(other, 'job', schedule, (run) => void again.push(run), { ttlMs, catchUp: 'none', by: 'second' });
  network.cutOff();
  await until(() => again.length === 1);
  const [lost, taken] = [begun as CronContext | null, again[0]];
  assert.ok(lost !== null && taken !== undefined && lost.signal.aborted, 'the first one was told before');
  assert.deepEqual([taken.firing, taken.attempt, taken.fence > lost.fence], [last, 2, true]);
  goOn();
  await until(() => errors.length > 0);
  await until(async () => (await second.runs()).length === 1);
  await Promise.all([first.stop(), second.stop()]);
  assert.deepEqual(
    (await second.runs()).map(({ attempt, by, state }) => [attempt, by, state]),
    [[2, 'second', 'done']],
  );
});

test('a job that fails is recorded, and the next firing is run all the same; begun too often it is not run again', async (context) => {
  const harness = await Harness.start(context, 1);
  const { client } = await harness.client();
  const { last, schedule } = hourly();
  const dead = {
    by: 'poor soul',
    fence: 1,
    attempt: 2,
    startedAt: new Date(0),
    firing: new Date(last.getTime() - hourMs),
  };
  const state = { last: new Date(last.getTime() - 2 * hourMs), running: dead };
  await client.put('jobs/cron/job', JSON.stringify(state));
  const told: string[] = [];
  const handle = cron(
    client,
    'job',
    schedule,
    () => {
      throw new Error('no space');
    },
    { catchUp: 'all', maxAttempts: 2, onRun: (run, cause) => told.push(`${run.state} ${String(cause)}`) },
  );
  await until(() => told.length === 2);
  await handle.stop();
  const errors = (await handle.runs()).map((run) => (run.state === 'failed' ? run.error : run.state));
  assert.deepEqual(errors, ['no space', 'whoever ran it was lost, 2 times']);
  assert.deepEqual(told, ['failed null', 'failed Error: no space']);
});

test('stopping waits for the run under way, and gives the job to the next', async (context) => {
  const harness = await Harness.start(context);
  const { client } = await harness.client();
  const { client: other } = await harness.client();
  const { last, schedule } = hourly();
  await missed(client, 'job', last, 2);
  const order: string[] = [];
  const handle = cron(
    client,
    'job',
    schedule,
    async () => {
      void handle.stop().then(() => order.push('stopped'));
      await client.put('half', 'way');
      order.push('ran');
    },
    { catchUp: 'all' },
  );
  await until(() => order.length === 2);
  assert.deepEqual(order, ['ran', 'stopped']);
  await using next = cron(other, 'job', schedule, () => void order.push('next'), { catchUp: 'all' });
  await until(() => order.length === 3);
  assert.equal(order[2], 'next');
  assert.equal(next.name, 'job');
});

test('a schedule means the same instants everywhere, and what is none is refused', () => {
  const winter = scheduleOf('30 9 * * 1-5', 'Europe/Berlin').next(new Date('2026-11-23T18:00:00Z'));
  assert.equal(winter?.toISOString(), '2026-11-24T08:30:00.000Z');
  const utc = scheduleOf('30 9 * * 1-5', 'UTC');
  assert.equal(utc.next(new Date('2026-11-27T18:00:00Z'))?.toISOString(), '2026-11-30T09:30:00.000Z');
  const at = new Date('2026-11-24T09:30:00Z');
  assert.equal(utc.latest(at)?.getTime(), at.getTime(), 'at the very instant it is due');
  assert.equal(utc.latest(new Date(at.getTime() - 1))?.toISOString(), '2026-11-23T09:30:00.000Z');
  const clustered = scheduleOf('* * 9 24 11 *', 'UTC');
  assert.equal(clustered.latest(new Date('2026-11-20T00:00:00Z'))?.toISOString(), '2025-11-24T09:59:59.000Z');
  assert.equal(clustered.latest(new Date('2026-11-24T09:30:10.700Z'))?.toISOString(), '2026-11-24T09:30:10.000Z');
  assert.equal(scheduleOf('0 0 29 2 *', 'UTC').latest(at)?.toISOString(), '2024-02-29T00:00:00.000Z');
  assert.equal(scheduleOf('0 0 30 2 *', 'UTC').latest(at), null);
  for (const [expression, zone] of [
    ['every day', 'UTC'],
    ['61 * * * *', 'UTC'],
    ['* * * * *', 'Nowhere/Else'],
  ] as const) {
    assert.throws(() => scheduleOf(expression, zone), { code: 'INVALID_ARGUMENT' });
  }
});

test('options that are wrong are refused when it is called', async (context) => {
  const harness = await Harness.start(context, 1);
  const { client } = await harness.client();
  const wrong: readonly CronOptions[] = [
    { ttlMs: 5 },
    { catchUp: 'sometimes' as CatchUp },
    { graceMs: Number.NaN },
    { graceMs: -1 },
    { maxAttempts: 0 },
    { maxAttempts: -1 },
    { keep: 0 },
  ];
  for (const options of wrong) {
    assert.throws(() => cron(client, 'job', everySecond, () => {}, options), { code: 'INVALID_ARGUMENT' });
  }
});

test('listeners that throw are no failure of the job, and stopping does not reject', async (context) => {
  const harness = await Harness.start(context, 1);
  const { client, network } = await harness.client();
  const { last, schedule } = hourly();
  await missed(client, 'job', last, 1);
  const errors: unknown[] = [];
  const handle = cron(client, 'job', schedule, () => {}, {
    catchUp: 'latest',
    onError: (error) => errors.push(error),
    onRun: () => {
      throw new Error('onRun threw');
    },
  });
  await until(() => network.errors.length === 1);
  await handle.stop();
  assert.deepEqual([(await handle.runs()).map(({ state }) => state), errors], [['done'], []]);
  await client.put('jobs/cron/damaged', 'no state');
  const damaged = cron(client, 'damaged', schedule, () => {}, {
    onError: () => {
      throw new Error('onError threw');
    },
  });
  await until(() => network.errors.length === 2);
  await damaged.stop();
});

test('an instance whose clock was far ahead is told of, and its decisions are taken back by a reset', async (context) => {
  const harness = await Harness.start(context, 1);
  const { client, network } = await harness.client();
  const ahead = new Date(Date.now() + 365 * 24 * hourMs);
  const begun = { by: 'one ahead', fence: 1, attempt: 1, startedAt: ahead, firing: ahead };
  await client.put('jobs/cron/job', JSON.stringify({ last: ahead, running: begun }));
  let looks = 0;
  network.filters.refuse = ({ type }) => {
    if (type === 'query') looks += 1;
    return null;
  };
  const errors: string[] = [];
  const firings: Date[] = [];
  const handle = cron(client, 'job', everySecond, ({ firing }) => void firings.push(firing), {
    catchUp: 'latest',
    onError: (error) => errors.push(String(error)),
  });
  // It is looked at again and again, and told of once.
  await until(() => errors.length > 0 && looks > 3);
  assert.match(errors.join(), new RegExp(`up to ${ahead.toISOString()} is decided on.*resetCron`));
  assert.equal(await resetCron(client, 'job'), true);
  const reset = (await client.get('jobs/cron/job'))?.json() as { running: unknown } | undefined;
  assert.equal(reset?.running, null);
  assert.equal(await resetCron(client, 'job'), false, 'nothing was ahead any more');
  assert.equal(await resetCron(client, 'unknown'), false);
  await until(() => firings.length > 0);
  await handle.stop();
  assert.equal(errors.length, 1, 'told once');
  assert.ok((firings[0]?.getTime() ?? 0) < Date.now() + hourMs);
});
