import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Harness, until } from '../../testing/harness.ts';
import type { Environment } from '../environment.ts';
import { Endpoints } from './endpoints.ts';
import { Link } from './link.ts';

test('the first attempt waits for nothing, later ones a random part of a growing time', () => {
  const endpoints = new Endpoints(['ws://a', 'ws://b', 'ws://c'], {
    fraction: () => 0.999,
    bytes: () => new Uint8Array(),
  });
  const waits = Array.from({ length: 12 }, () => Math.round(endpoints.next(0).waitMs));
  assert.deepEqual(waits.slice(0, 5), [0, 25, 50, 100, 200]);
  assert.equal(Math.max(...waits), 1_998);
  endpoints.left('ws://a', 0, 0, 60_000);
  assert.equal(endpoints.next(0).waitMs, 0);
});

test('every member is tried before one is tried again, and one that asked for time is left alone', () => {
  const endpoints = new Endpoints(['ws://a', 'ws://b'], { fraction: () => 0, bytes: () => new Uint8Array() });
  endpoints.learn([{ id: 3, name: 'c', clientUrl: 'ws://c' }]);
  const tried = [endpoints.next(0).url, endpoints.next(0).url, endpoints.next(0).url];
  assert.deepEqual(tried.toSorted(), ['ws://a', 'ws://b', 'ws://c']);
  endpoints.left('ws://a', 0, 500, 0);
  const others = [endpoints.next(100).url, endpoints.next(100).url, endpoints.next(100).url];
  assert.equal(others.includes('ws://a'), false);
  const urls = new Set([endpoints.next(600).url, endpoints.next(600).url, endpoints.next(600).url]);
  assert.equal(urls.has('ws://a'), true);
});

test('a member that says no welcome is given up sooner while others can be tried, and later each time', () => {
  const random = { fraction: () => 0, bytes: () => new Uint8Array() };
  /** For how long each attempt waits for its welcome, at a client that waits `patienceMs` for anything else. */
  const waits = (endpoints: readonly string[], patienceMs: number): number[] => {
    const given: number[] = [];
    const due: (() => void)[] = [];
    const environment: Environment = {
      clock: { nowMs: () => 0, wallMs: () => 0 },
      timers: {
        after: (delayMs, run) => {
          if (delayMs > 0) given.push(delayMs);
          due.push(run);
          return () => {};
        },
        soon: () => {},
      },
      random,
      openSocket: () => ({ send: () => {}, close: () => {} }),
      report: assert.fail,
    };
    const nobody = { author: null, claims: () => [], arriving: () => {}, stateChanged: () => {} };
    new Link(environment, { endpoints, patienceMs: () => patienceMs, ...nobody }).start();
    while (given.length < 7) due.shift()?.();
    return given;
  };
  assert.deepEqual(waits(['ws://a', 'ws://b'], 5_000), [1_000, 2_000, 4_000, 5_000, 5_000, 5_000, 5_000]);
  assert.deepEqual(new Set(waits(['ws://a', 'ws://b'], 300)), new Set([300]));
  assert.deepEqual(new Set(waits(['ws://a'], 5_000)), new Set([5_000]));
});

test('a member that stops is left for another one at once, and the others are known from the first', async (context) => {
  const harness = await Harness.start(context);
  const { client, network } = await harness.client({ endpoints: ['ws://m1:1'] });
  await network.kill(1);
  assert.equal((await client.put('k', 'v')).ok, true);
  assert.notEqual(network.current?.memberId, 1);
});

test('a member that answers nothing is left in time for its sessions', async (context) => {
  const harness = await Harness.start(context);
  const { client, network } = await harness.client();
  const session = await client.session({ ttlMs: 3_000 });
  const silent = network.current;
  silent?.silence();
  await until(() => network.connections.length > 1 && client.state === 'ready');
  assert.equal(session.state === 'active' || session.state === 'jeopardy', true);
  assert.equal(session.signal.aborted, false);
});

test('a member without a quorum is left for one that has it', async (context) => {
  const harness = await Harness.start(context);
  const { client, network } = await harness.client();
  await client.session({ ttlMs: 6_000 });
  const alone = network.current?.memberId ?? 0;
  harness.cluster.isolate(alone);
  assert.equal((await client.put('k', 'v')).ok, true);
  assert.notEqual(network.current?.memberId, alone);
});
