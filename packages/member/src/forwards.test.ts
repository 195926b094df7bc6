import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Entry, EntryKind, type Index, type MemberId, type Term } from '@conclave/core';
import type { ProtocolError } from '@conclave/protocol';
import type { Applied } from '@conclave/state-machine';
import type { Lane, PeerTransport, Timers } from './environment.ts';
import type { Renewals } from './lease/renewals.ts';
import { Mutation, type Settled } from './mutation.ts';
import { Mutations } from './mutations.ts';
import { decodePeerFrame } from './peer/codec.ts';
import { LeaderLink } from './peer/leader-link.ts';
import { PeerLinks } from './peer/links.ts';
import type { Forward } from './peer/message.ts';
import { bounds } from './settings.ts';

const [leader, follower] = [1 as MemberId, 2 as MemberId];
const term = 1 as Term;
const megabyte = 1_000_000;
const zeros = new Uint8Array(2 * megabyte);
/** As the shell's socket has them: what it takes, and what its peer takes. */
const maxBufferedBytes = 16_777_216;
const maxFrameBytes = 67_108_864;
const [sweepMs, heartbeatMs, latencyMs] = [250, 100, 1];

/** A follower's mutations, over a socket of some rate to a leader that answers at once, in a time of their own. */
class World {
  nowMs = 0;
  readonly mutations: Mutations;
  /** Forwarded mutations as they came to the leader, which puts each into its log. */
  readonly log: Forward[] = [];
  /** Of the mutations that were asked for, as they were answered. */
  readonly answers: { readonly name: string; readonly atMs: number; readonly error: ProtocolError | null }[] = [];
  readonly frameBytes: number[] = [];
  refused = 0;
  /** Says of the how-manieth entry that its answer is lost. */
  losesAnswer = (_index: number): boolean => false;
  /** This follower gets no entries. */
  isBehind = false;
  readonly #bytesPerMs: number;
  readonly #links: PeerLinks;
  readonly #leaderLink: LeaderLink;
  readonly #events: { readonly atMs: number; readonly run: () => void }[] = [];
  #turnScheduled = false;
  #isConnected = true;
  /** When the last byte that was written so far is across. */
  #acrossMs = 0;

  constructor(bytesPerSecond: number) {
    this.#bytesPerMs = bytesPerSecond / 1_000;
    const timers: Timers = { after: (delayMs, run) => this.#after(delayMs, run), soon: (run) => this.#after(0, run) };
    const transport: PeerTransport = {
      send: (_to, lane, frame) => this.#send(lane, frame),
      bufferedBytes: () => this.#bufferedBytes,
      reach: () => {},
    };
    this.#links = new PeerLinks(follower, transport, timers, { next: () => 0.5 }, (_peer, lane) => this.lose(lane));
    this.mutations = new Mutations(
      this.#links,
      { nowMs: () => this.nowMs, wallMs: () => this.nowMs },
      () => ({ clusterTimeMs: 0, wallTimeMs: 0 }),
      () => 1,
      () => this.#wake(),
      () => {},
      () => false,
    );
    const renewals = { linkToLeaderLost: () => {} } as Renewals;
    this.#leaderLink = new LeaderLink(timers, heartbeatMs, this.mutations, renewals);
    const sweep = (): void => {
      this.mutations.expire(this.nowMs);
      this.#after(sweepMs, sweep);
    };
    sweep();
  }

  ask(name: string, lane: object, bytes: number, then: () => void = () => {}): void {
    const settle = (settled: Settled): void => {
      this.answers.push({ name, atMs: this.nowMs, error: 'error' in settled ? settled.error : null });
      then();
    };
    const identity = { by: 'key', key: new TextEncoder().encode(name) } as const;
    const intent = { identity, author: null, reason: null, operation: zeros.subarray(0, bytes) };
    this.mutations.submit(new Mutation(intent, { from: 'client', lane, settle }, Number.POSITIVE_INFINITY));
  }

  /** Runs until `isDone`, or for so long. */
  run(forMs: number, isDone: () => boolean = () => false): void {
    const endMs = this.nowMs + forMs;
    while (!isDone()) {
      let next = this.#events[0];
      for (const event of this.#events) if (next === undefined || event.atMs < next.atMs) next = event;
      if (next === undefined || next.atMs > endMs) break;
      this.#events.splice(this.#events.indexOf(next), 1);
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.run();
    }
    if (!isDone()) this.nowMs = endMs;
  }

  get applied(): number {
    return this.answers.filter(({ error }) => error === null).length;
  }

  /** Copies that the leader got of what it had already. */
  get copies(): number {
    return this.log.length - new Set(this.log.map(({ identity }) => JSON.stringify(identity))).size;
  }

  /** Messages of this lane were not sent. */
  lose(lane: Lane): void {
    this.#leaderLink.lost(lane);
  }

  /** The socket has so much of something else to send first. */
  clog(bytes: number): void {
    this.#acrossMs = Math.max(this.nowMs, this.#acrossMs) + bytes / this.#bytesPerMs;
  }

  get #bufferedBytes(): number {
    return Math.max(0, this.#acrossMs - this.nowMs) * this.#bytesPerMs;
  }

  #after(delayMs: number, run: () => void): () => void {
    const event = { atMs: this.nowMs + delayMs, run };
    this.#events.push(event);
    return () => {
      const at = this.#events.indexOf(event);
      if (at >= 0) this.#events.splice(at, 1);
    };
  }

  #wake(): void {
    if (this.#turnScheduled) return;
    this.#turnScheduled = true;
    this.#after(0, () => {
      this.#turnScheduled = false;
      this.#links.turnBegins();
      assert.deepEqual(this.mutations.takeProposals(bounds.maxProposalsPerTurn), []);
      this.#links.turnEnds();
    });
  }

  #send(lane: Lane, frame: Uint8Array): boolean {
    assert.equal(lane, 'bulk');
    if (!this.#isConnected || this.#bufferedBytes > maxBufferedBytes) {
      this.refused++;
      return false;
    }
    this.frameBytes.push(frame.length);
    this.clog(frame.length);
    this.#after(this.#acrossMs - this.nowMs + latencyMs, () => this.#receive(frame));
    return true;
  }

  #receive(frame: Uint8Array): void {
    if (!this.#isConnected) return;
    if (frame.length > maxFrameBytes) return this.#reconnect();
    for (const message of decodePeerFrame(frame, follower, leader)) {
      assert.equal(message.type, 'forward');
      if (message.type === 'forward') this.#propose(message);
    }
  }

  #reconnect(): void {
    this.#isConnected = false;
    this.#acrossMs = this.nowMs;
    this.lose('bulk');
    this.#after(heartbeatMs / 2, () => {
      this.#isConnected = true;
    });
  }

  #propose(forward: Forward): void {
    this.log.push(forward);
    const index = this.log.length as Index;
    const { request } = forward;
    const entry: Entry = { index, term, kind: EntryKind.Command, data: new Uint8Array(0) };
    const outcome = { repeated: false, response: {} } as Applied;
    this.#after(latencyMs, () => {
      if (!this.losesAnswer(index))
        this.mutations.proposed(leader, { type: 'proposed', request, index, term }, (index - 1) as Index);
      if (!this.isBehind) this.mutations.applied(entry, outcome);
    });
  }
}

function lanes(count: number): object[] {
  return Array.from({ length: count }, () => ({}));
}

test('70 MB of writes that waited for a leader go to it once, in frames that it takes, and a later small one does not wait for them all', () => {
  const world = new World(125 * megabyte);
  for (const [at, lane] of lanes(10).entries())
    for (let one = 0; one < 7; one++) world.ask(`${at}/${one}`, lane, megabyte);
  world.mutations.leadership(leader, false);
  world.ask('small', {}, 100);
  world.run(30_000, () => world.applied === 71);
  assert.equal(world.applied, 71);
  assert.ok(world.nowMs < 1_000, `70 MB at 125 MB/s took ${world.nowMs} ms`);
  assert.equal(world.copies, 0);
  assert.ok(Math.max(...world.frameBytes) < bounds.peerFrameBytes + 2 * megabyte);
  assert.ok(world.answers.findIndex(({ name }) => name === 'small') < 20);
});

test('35 MB that waited, and a trickle of small writes: nothing goes twice, because a full socket has lost nothing', () => {
  const world = new World(125 * megabyte);
  for (const [at, lane] of lanes(5).entries())
    for (let one = 0; one < 7; one++) world.ask(`${at}/${one}`, lane, megabyte);
  world.mutations.leadership(leader, false);
  const lane = {};
  let asked = 0;
  for (; asked < 100; asked++) {
    world.ask(`small ${asked}`, lane, 100);
    world.run(20);
  }
  world.run(30_000, () => world.applied === 35 + asked);
  assert.deepEqual([world.applied, world.copies, world.refused], [135, 0, 0]);
});

test('over a link of 6 MB/s four clients with 7 MB under way each get 6 MB/s, and a fifth its small writes within two seconds', () => {
  const world = new World(6 * megabyte);
  world.mutations.leadership(leader, false);
  let asked = 0;
  const goOn = (lane: object): void => world.ask(`${asked++}`, lane, megabyte, () => goOn(lane));
  for (const lane of lanes(4)) for (let one = 0; one < 7; one++) goOn(lane);
  world.run(8_000);
  const fifth = {};
  const since = world.nowMs;
  let smallMs = 0;
  world.ask('small', fifth, 100, () => {
    smallMs = world.nowMs - since;
  });
  world.run(8_000);
  assert.ok(world.applied >= 90, `${world.applied} of 96`);
  assert.deepEqual([world.copies, world.refused], [0, 0]);
  assert.ok(smallMs > 0 && smallMs < 2_000, `${smallMs} ms`);
});

test('a link as slow as one may be carries large writes once: patience counts from when they can have arrived', () => {
  const world = new World(bounds.minForwardBytesPerSecond);
  world.mutations.leadership(leader, false);
  const lane = {};
  for (let one = 0; one < 8; one++) world.ask(`${one}`, lane, 1_500_000);
  world.run(120_000, () => world.applied === 8);
  assert.deepEqual([world.applied, world.copies], [8, 0]);
});

test('while the socket is full of something else writes wait here, and go on when it has drained', () => {
  const world = new World(4 * megabyte);
  world.clog(maxBufferedBytes + megabyte);
  world.mutations.leadership(leader, false);
  world.ask('one', {}, 100);
  world.run(2_000);
  assert.deepEqual([world.frameBytes.length, world.refused], [0, 0]);
  world.run(3_000, () => world.applied === 1);
  assert.deepEqual([world.applied, world.log.length], [1, 1]);
});

test('an answer that is lost is asked for again: soon while others are answered, and when none is', () => {
  for (const isLost of [(index: number) => index === 3, (index: number) => index <= 10]) {
    const world = new World(125 * megabyte);
    world.losesAnswer = isLost;
    world.mutations.leadership(leader, false);
    for (const [at, lane] of lanes(10).entries()) world.ask(`${at}`, lane, 100);
    world.run(2 * bounds.forwardPatienceMs, () => world.applied === 10);
    assert.equal(world.applied, 10);
    assert.equal(world.copies, isLost(1) ? 10 : 1);
  }
  // The others keep the leader heard, and large ones the window full: the one that is missing is asked for all the same.
  const world = new World(6 * megabyte);
  world.losesAnswer = (index) => index === 3;
  world.mutations.leadership(leader, false);
  let asked = 0;
  const goOn = (lane: object): void => world.ask(`${asked++}`, lane, megabyte, () => goOn(lane));
  for (const lane of lanes(10)) goOn(lane);
  world.run(8_000, () => world.answers.some(({ name }) => name === '2'));
  assert.ok(world.nowMs < bounds.forwardPatienceMs + 2_500, `${world.nowMs} ms`);
  assert.equal(world.copies, 1);
});

test('messages lost in the lane of heartbeats take nothing along that went in the other; those lost in its own do', () => {
  for (const lane of ['control', 'bulk'] as const) {
    const world = new World(megabyte);
    world.mutations.leadership(leader, false);
    world.ask('one', {}, megabyte);
    world.run(500);
    world.lose(lane);
    world.run(10_000);
    assert.deepEqual([world.applied, world.copies], [1, lane === 'bulk' ? 1 : 0], lane);
  }
});

test('what waits on a member is bounded in bytes: one more is refused with the limit, and was certainly not applied', () => {
  const world = new World(125 * megabyte);
  const fits = Math.floor(bounds.maxPendingMutationBytes / (megabyte + 256));
  const [lane] = lanes(1) as [object];
  for (let one = 0; one < fits; one++) world.ask(`${one}`, lane, megabyte);
  assert.equal(world.answers.length, 0);
  world.ask('one more', lane, megabyte);
  const [refused] = world.answers;
  assert.equal(refused?.error?.code, 'OVERLOADED');
  assert.equal(refused?.error?.outcome, 'not-applied');
  assert.match(refused?.error?.message ?? '', new RegExp(`limit is .*${bounds.maxPendingMutationBytes} bytes`));
  // What is answered makes room.
  world.mutations.leadership(leader, false);
  world.run(10_000, () => world.applied === fits);
  assert.equal(world.mutations.count, 0);
  for (let one = 0; one < fits; one++) world.ask(`again ${one}`, lane, megabyte);
  assert.equal(world.answers.length, fits + 1);
});

test('who waits for an entry that arrives in a snapshot hears that nobody here has seen what came of it', () => {
  const world = new World(125 * megabyte);
  world.isBehind = true;
  for (const name of ['first', 'second']) world.ask(name, {}, 100);
  world.mutations.leadership(leader, false);
  world.run(1_000, () => world.log.length === 2);
  world.run(10);
  assert.equal(world.answers.length, 0);
  world.mutations.skippedTo(1 as Index);
  assert.deepEqual(
    world.answers.map(({ error, name }) => [name, error?.code, error?.outcome]),
    [['first', 'OUTCOME_UNKNOWN', 'unknown']],
  );
  world.isBehind = false;
  world.mutations.skippedTo(2 as Index);
  assert.equal(world.answers.length, 2);
});
