import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeMemberFrame, type MemberMessage, ProtocolError, wireLimits } from '@conclave/protocol';
import type { ClientSocket, Timers } from '../environment.ts';
import { bounds } from '../settings.ts';
import { Dispatch } from './dispatch.ts';
import { Outbox } from './outbox.ts';

interface Wire {
  readonly outbox: Outbox;
  readonly frames: Uint8Array[];
  buffered: number;
  overruns: number;
  readonly turn: () => void;
}

function wire(): Wire {
  const soon: (() => void)[] = [];
  const frames: Uint8Array[] = [];
  const timers: Timers = { after: () => () => {}, soon: (run) => soon.push(run) };
  const socket: ClientSocket = {
    send: (frame) => frames.push(frame),
    get bufferedBytes() {
      return result.buffered;
    },
    pause: () => {},
    resume: () => {},
    close: () => {},
  };
  const outbox = new Outbox(socket, new Dispatch(timers), () => result.overruns++);
  const turn = (): void => {
    for (const run of soon.splice(0)) run();
  };
  const result: Wire = { outbox, frames, buffered: 0, overruns: 0, turn };
  return result;
}

const progress = (revision: number): MemberMessage => ({ type: 'watchProgress', watches: [1], revision });
const keepalive = (id: number): MemberMessage => ({
  type: 'keepaliveAnswer',
  id,
  leases: Array.from({ length: wireLimits.maxLeasesPerKeepalive }, (_, at) => ({
    lease: 2 ** 40 + at,
    ttlMs: 300_000,
  })),
});

test('all messages of one turn leave in one frame, in order', () => {
  const { frames, outbox, turn } = wire();
  for (const revision of [1, 2, 3]) outbox.add(progress(revision));
  assert.equal(frames.length, 0);
  turn();
  assert.equal(frames.length, 1);
  assert.deepEqual(decodeMemberFrame(frames[0] as Uint8Array), [progress(1), progress(2), progress(3)]);
});

test('however much one turn answers, no frame is over a limit and nothing is lost', () => {
  const { frames, outbox, turn } = wire();
  for (let id = 1; id <= 600; id++) outbox.add(keepalive(id));
  for (let revision = 1; revision <= 3_000; revision++) outbox.add(progress(revision));
  turn();
  assert.ok(frames.every((frame) => frame.length <= wireLimits.maxMemberFrameBytes));
  assert.equal(
    frames.reduce((count, frame) => count + decodeMemberFrame(frame).length, 0),
    3_600,
  );
});

test("a message that cannot be told is its maker's trouble, and those beside it leave", () => {
  const { frames, outbox, turn } = wire();
  outbox.add(progress(1));
  assert.throws(() => outbox.add(progress(-1)), ProtocolError);
  turn();
  assert.deepEqual(decodeMemberFrame(frames[0] as Uint8Array), [progress(1)]);
});

test('a client that takes nothing is congested first and overrun at last; a closed one is sent nothing', () => {
  const it = wire();
  it.buffered = bounds.maxClientBufferedBytes + 1;
  assert.ok(it.outbox.isCongested);
  it.outbox.add(progress(1));
  it.turn();
  assert.equal(it.overruns, 0);
  it.buffered = bounds.maxClientBacklogBytes + 1;
  it.outbox.add(progress(2));
  it.turn();
  assert.equal(it.overruns, 1);
  it.outbox.add(progress(3));
  it.outbox.close();
  it.turn();
  assert.equal(it.frames.length, 2);
});
