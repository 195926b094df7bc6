import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MemberId } from '@conclave/core';
import type { Timers } from '../environment.ts';
import { decodePeerFrame } from '../peer/codec.ts';
import { PeerLinks } from '../peer/links.ts';
import type { Renew } from '../peer/message.ts';
import type { LeaseKeeper } from './lease-keeper.ts';
import { Renewals } from './renewals.ts';

const [leader, member] = [1 as MemberId, 2 as MemberId];
const keeper = {} as LeaseKeeper;

/** One life of a member that does not lead: what it asks the leader, and what it tells whoever waits. */
function life(): { readonly ask: (lease: number) => Renew; renewals: Renewals; told: unknown[] } {
  const soon: (() => void)[] = [];
  const timers: Timers = { after: () => () => {}, soon: (run) => void soon.push(run) };
  const asked: Renew[] = [];
  const transport = {
    send: (_to: MemberId, _lane: string, frame: Uint8Array) => {
      for (const message of decodePeerFrame(frame, member, leader)) if (message.type === 'renew') asked.push(message);
      return true;
    },
    bufferedBytes: () => 0,
    reach: () => {},
  };
  const links = new PeerLinks(member, transport, timers, { next: Math.random }, () => {});
  const renewals = new Renewals(keeper, links, timers);
  renewals.leadership(leader, false);
  const told: unknown[] = [];
  const ask = (lease: number): Renew => {
    renewals.renew([lease], (ttlsMs) => told.push(ttlsMs));
    for (let run = soon.shift(); run !== undefined; run = soon.shift()) run();
    return asked.at(-1) as Renew;
  };
  return { ask, renewals, told };
}

test('what a leader answers to a life of a member that is over renews nothing in the next one', () => {
  const before = life();
  const { request } = before.ask(7);
  const after = life();
  const { request: own } = after.ask(8);
  after.renewals.answered({ type: 'renewed', request, ttlsMs: [1_000] });
  assert.deepEqual(after.told, []);
  after.renewals.answered({ type: 'renewed', request: own, ttlsMs: [2_000] });
  assert.deepEqual(after.told, [[2_000]]);
});

test('when the member stops, whoever waits is told that nothing was confirmed, asked or not', () => {
  const { ask, renewals, told } = life();
  ask(7);
  renewals.renew([8], (ttlsMs) => told.push(ttlsMs));
  renewals.abandon();
  assert.deepEqual([...told], [null, null]);
  renewals.renew([9], (ttlsMs) => told.push(ttlsMs));
  assert.deepEqual([...told], [null, null, null]);
});
