import {
  type ClientMessage,
  decodeMemberFrame,
  decodeResult,
  type ErrorBody,
  encodeClientFrame,
  encodeOperation,
  type Identity,
  type MemberMessage,
  type Operation,
  type Result,
} from '@conclave/protocol';
import type { Clock } from '../clock.ts';
import type { Random } from '../random.ts';
import { Violation } from '../violation.ts';
import { adviceFor, type ClientWorld, lockText, type Outcome, type Pending } from './client-call.ts';
import { ClientSession } from './client-session.ts';
import { SimulatedSocket } from './client-socket.ts';
import type { MemberHost } from './host.ts';
import type { Call } from './observer.ts';
import type { WatchReader } from './watch-reader.ts';

const keepalivesPerTtl = 3;
/** Unanswered for so long: it tries another member. */
const patienceMs = 2_500;
const maxReconnectMs = 250;
const retryMs = 40;

type Sent = { readonly what: 'call'; readonly pending: Pending } | { readonly what: 'keepalive' | 'open' };

/** A client that speaks frames: what the SDK does about sessions, resending and deadlines, in as few words as possible. */
export class SimulatedClient {
  readonly name: string;
  readonly #world: ClientWorld;
  readonly #random: Random;
  readonly #clock: Clock;
  readonly ttlMs: number;
  #session: ClientSession;
  #socket: SimulatedSocket | null = null;
  #isWelcome = false;
  #pausedUntil = 0;
  #isReliable = false;
  #nextRequest = 1;
  /** Of this connection, by request id. */
  readonly #sent = new Map<number, { readonly sent: Sent; readonly atMs: number }>();
  /** By session sequence, in the order in which they were first sent; reads and calls by key behind them. */
  readonly #pending = new Set<Pending>();
  watch: WatchReader | null = null;
  sessionsLost = 0;
  resumed = 0;

  constructor(name: string, ttlMs: number, clock: Clock, random: Random, world: ClientWorld) {
    this.name = name;
    this.ttlMs = ttlMs;
    this.#clock = clock;
    this.#random = random;
    this.#world = world;
    this.#session = new ClientSession(this.ttlMs, this.#random);
    this.#connect();
    this.#keepAlive();
    if (world.breakEveryMs < Number.POSITIVE_INFINITY) this.#breakNowAndThen();
  }

  get pendingCount(): number {
    return this.#pending.size;
  }

  get isPaused(): boolean {
    return this.#world.scheduler.now < this.#pausedUntil;
  }

  get sessionId(): number | null {
    return this.#session.id;
  }

  /** By its own clock. */
  get isAlive(): boolean {
    return this.#session.isAlive(this.#clock.now());
  }

  /** It would act on it now, if it were asked. */
  claims(lock: string): number | null {
    return this.isAlive ? (this.#session.holds.get(lock) ?? null) : null;
  }

  hostDied(host: MemberHost): void {
    if (this.#socket?.host === host) this.#socket.hostDied();
  }

  becomeReliable(): void {
    this.#isReliable = true;
    this.#pausedUntil = 0;
    if (this.#socket !== null) this.#socket.reading = true;
  }

  pause(durationMs: number): void {
    this.#pausedUntil = this.#world.scheduler.now + durationMs;
    if (this.#socket !== null) this.#socket.reading = false;
    this.#world.scheduler.at(this.#pausedUntil, () => {
      if (!this.isPaused && this.#socket !== null) this.#socket.reading = true;
    });
  }

  // --- What the workload asks for ---

  read(call: Call, done: (outcome: Outcome) => void): void {
    this.#begin({ call, identity: null, done, sendings: 0 });
  }

  writeByKey(call: Call, key: Uint8Array, done: (outcome: Outcome) => void): void {
    this.#begin({ call, identity: { by: 'key', key }, done, sendings: 0 });
  }

  /** Null: there is no session now. Otherwise the sequence. */
  writeInSession(call: Call, done: (outcome: Outcome) => void): number | null {
    const { id } = this.#session;
    if (id === null || !this.isAlive) return null;
    const sequence = this.#session.nextSequence++;
    this.#begin({ call, identity: { by: 'session', session: id, sequence, acknowledgedBelow: 1 }, done, sendings: 0 });
    return sequence;
  }

  /** It gives a hold up, and from this moment on claims nothing. */
  letGo(lock: string): void {
    this.#session.holds.delete(lock);
  }

  /** It takes the request back: what is said of it later changes nothing. */
  stopWaiting(sequence: number): void {
    this.#session.waiting.delete(sequence);
    this.#session.concluded.add(sequence);
  }

  #begin(pending: Pending): void {
    this.#pending.add(pending);
    for (const observer of this.#world.observers) observer.called?.(pending.call);
    this.#transmit(pending);
  }

  // --- The connection ---

  #connect(): void {
    const { hosts, sockets } = this.#world;
    const socket = new SimulatedSocket(this.#random.pick(hosts), sockets, {
      frame: (bytes) => {
        if (this.#socket !== socket) return;
        for (const message of decodeMemberFrame(bytes)) if (this.#socket === socket) this.#handle(message);
      },
      closed: () => {
        if (this.#socket === socket) this.#disconnected();
      },
    });
    this.#socket = socket;
    socket.reading = !this.isPaused;
    const { id, secret } = this.#session;
    const claims = id === null ? [] : [{ session: id, secret, epoch: ++this.#session.epoch }];
    this.#helloAtMs = this.#clock.now();
    this.#write({
      type: 'hello',
      minVersion: 1,
      maxVersion: 1,
      features: [],
      author: this.name,
      clusterId: null,
      sessions: claims,
    });
    this.#afterwards(patienceMs, () => {
      if (this.#socket === socket && !this.#isWelcome) this.#leave();
    });
  }
  #helloAtMs = 0;

  /** Once it is no longer paused. */
  #afterwards(delayMs: number, act: () => void): void {
    const { scheduler } = this.#world;
    scheduler.after(delayMs, () => {
      if (this.isPaused) this.#afterwards(this.#pausedUntil - scheduler.now, act);
      else act();
    });
  }

  #leave(): void {
    this.#socket?.break(this.#random.between(0, 600));
    this.#disconnected();
  }

  #disconnected(): void {
    this.#socket = null;
    this.#isWelcome = false;
    this.#sent.clear();
    this.watch?.disconnected();
    this.#afterwards(this.#random.between(1, maxReconnectMs), () => {
      if (this.#socket === null) this.#connect();
    });
  }

  #breakNowAndThen(): void {
    this.#world.scheduler.after(this.#random.exponential(this.#world.breakEveryMs), () => {
      if (this.#isReliable) return;
      if (this.#socket !== null) this.#leave();
      this.#breakNowAndThen();
    });
  }

  #write(...messages: ClientMessage[]): void {
    this.#socket?.send(encodeClientFrame(messages));
  }

  sendWatch(message: ClientMessage): void {
    if (this.#isWelcome) this.#write(message);
  }

  #request(sent: Sent, make: (id: number) => ClientMessage): void {
    const id = this.#nextRequest++;
    this.#sent.set(id, { sent, atMs: this.#clock.now() });
    this.#write(make(id));
    const socket = this.#socket;
    this.#afterwards(patienceMs, () => {
      if (this.#socket === socket && this.#sent.has(id)) this.#leave();
    });
  }

  #transmit(pending: Pending): void {
    if (!this.#isWelcome || !this.#pending.has(pending)) return;
    const { call, identity } = pending;
    pending.sendings++;
    const operation = encodeOperation(call.operation);
    this.#request({ what: 'call', pending }, (id) =>
      identity === null
        ? {
            type: 'query',
            id,
            consistency: call.kind === 'local' ? 'local' : 'linearizable',
            minRevision: call.minRevision,
            deadlineMs: null,
            operation,
          }
        : { type: 'mutate', id, identity: this.#acknowledging(identity), reason: null, deadlineMs: null, operation },
    );
  }

  #acknowledging(identity: Identity): Identity {
    if (identity.by !== 'session') return identity;
    let acknowledgedBelow = this.#session.nextSequence;
    for (const { identity: other } of this.#pending) {
      if (other?.by === 'session') acknowledgedBelow = Math.min(acknowledgedBelow, other.sequence);
    }
    for (const sequence of this.#session.waiting.keys()) acknowledgedBelow = Math.min(acknowledgedBelow, sequence);
    return { ...identity, acknowledgedBelow: Math.min(acknowledgedBelow, identity.sequence) };
  }

  // --- The session ---

  #open(): void {
    const session = this.#session;
    session.openedAtMs = this.#clock.now();
    this.#request({ what: 'open' }, (id) => ({
      type: 'sessionOpen',
      id,
      ttlMs: session.ttlMs,
      secret: session.secret,
      metadata: {},
    }));
  }

  /** It was told so, or its own clock says so. */
  #sessionLost(): void {
    if (this.#session.id === null) return;
    this.sessionsLost++;
    this.#session = new ClientSession(this.ttlMs, this.#random);
    for (const pending of this.#pending) {
      if (pending.identity?.by === 'session') this.#settle(pending, { lost: 'session' });
    }
    if (this.#isWelcome) this.#open();
  }

  #keepAlive(): void {
    this.#afterwards(this.ttlMs / keepalivesPerTtl / 4, () => {
      const { id } = this.#session;
      if (id !== null && !this.isAlive) this.#sessionLost();
      else if (id !== null && this.#isWelcome && this.#clock.now() >= this.#nextKeepaliveMs) {
        this.#nextKeepaliveMs = this.#clock.now() + this.ttlMs / keepalivesPerTtl;
        this.#request({ what: 'keepalive' }, (request) => ({ type: 'keepalive', id: request, leases: [id] }));
      }
      this.#keepAlive();
    });
  }
  #nextKeepaliveMs = 0;

  // --- What the member says ---

  #handle(message: MemberMessage): void {
    if (this.#session.id !== null && !this.isAlive) this.#sessionLost();
    if (!this.#isWelcome && message.type !== 'welcome' && message.type !== 'goodbye')
      throw new Violation('the welcome comes first', `${this.name} got ${message.type}`);
    switch (message.type) {
      case 'welcome':
        return this.#welcome(message.sessions);
      case 'goodbye':
        this.#socket?.break(0);
        return this.#disconnected();
      case 'result':
        return this.#answered(message.id, { result: decodeResult(message.result) });
      case 'error':
        return this.#answered(message.id, { error: message.error });
      case 'keepaliveAnswer':
        return this.#keptAlive(message.id, message.leases);
      case 'granted':
        return this.#granted(message.session, message.sequence, message.fence);
      case 'broken':
        return this.#session.broken(message.session, message.fence);
      case 'sessionEnded':
        if (message.session !== this.#session.id) return;
        if (message.cause === 'fenced') throw new Violation('the newest connection has the session', this.name);
        return this.#sessionLost();
      case 'membersChanged':
      case 'status':
      case 'transferred':
      case 'sessionsResumed':
        return;
      case 'watchCreated':
      case 'watchEvents':
      case 'watchSnapshot':
      case 'watchSynced':
      case 'watchProgress':
      case 'watchEnded':
        this.watch?.handle(message);
    }
  }

  #welcome(standings: readonly { readonly session: number; readonly ttlMs: number | null }[]): void {
    this.#isWelcome = true;
    const [standing] = standings;
    if (standing !== undefined && standing.session === this.#session.id) {
      if (standing.ttlMs === null) this.#sessionLost();
      else {
        this.resumed++;
        this.#session.confirmed(this.#helloAtMs, this.#clock.now());
      }
    }
    if (this.#session.id === null && !this.#isOpening()) this.#open();
    // In the order in which they were made.
    for (const pending of [...this.#session.waiting.values(), ...this.#pending]) {
      this.#pending.add(pending);
      this.#transmit(pending);
    }
    this.watch?.connected();
  }

  #isOpening(): boolean {
    return [...this.#sent.values()].some(({ sent }) => sent.what === 'open');
  }

  #answered(id: number, answer: { readonly result: Result } | { readonly error: ErrorBody }): void {
    const known = this.#sent.get(id);
    if (known === undefined) throw new Violation('one answer for one request', `${this.name}: ${id}`);
    this.#sent.delete(id);
    const { atMs, sent } = known;
    if (sent.what === 'open') return this.#opened(answer);
    if (sent.what !== 'call') return;
    const { pending } = sent;
    if (!this.#pending.has(pending)) return;
    if ('error' in answer) return this.#failed(pending, answer.error);
    if (pending.identity?.by === 'session' && pending.identity.session === this.#session.id)
      this.#session.confirmed(atMs, this.#clock.now());
    this.#settle(pending, answer);
    if (answer.result.type === 'lockAcquire' && pending.identity?.by === 'session') {
      const { sequence, session } = pending.identity;
      if (session !== this.#session.id) return;
      if (answer.result.state === 'held') this.#hold(pending, sequence, answer.result.fence);
      else if (answer.result.state === 'queued' && !this.#session.concluded.has(sequence))
        this.#session.waiting.set(sequence, pending);
      else this.#session.waiting.delete(sequence);
    }
  }

  #opened(answer: { readonly result: Result } | { readonly error: ErrorBody }): void {
    if (this.#session.id !== null) return;
    if ('result' in answer && answer.result.type === 'sessionOpen') {
      // The member renews a session that an earlier sending had opened: the last sending counts.
      this.#session.opened(answer.result.session);
      return;
    }
    if ('error' in answer && answer.error.code === 'SESSION_EXPIRED')
      this.#session = new ClientSession(this.ttlMs, this.#random);
    this.#afterwards(retryMs, () => {
      if (this.#isWelcome && this.#session.id === null && !this.#isOpening()) this.#open();
    });
  }

  #failed(pending: Pending, error: ErrorBody): void {
    switch (adviceFor(error.code)) {
      case 'again':
        return this.#afterwards(retryMs, () => this.#transmit(pending));
      case 'session':
        if (pending.identity?.by === 'session' && pending.identity.session === this.#session.id) this.#sessionLost();
        else this.#settle(pending, { lost: 'unknown' });
        return;
      case 'settled': {
        const isDefinite = error.outcome === 'not-applied' && pending.sendings === 1;
        return this.#settle(pending, { lost: isDefinite ? 'not-applied' : 'unknown' });
      }
      case 'defect':
        throw new Violation('no defect', `${this.name} was told ${error.code}: ${error.message}`);
    }
  }

  #settle(pending: Pending, outcome: Outcome): void {
    if (!this.#pending.delete(pending)) return;
    if ('result' in outcome)
      for (const observer of this.#world.observers) observer.answered?.(pending.call, outcome.result);
    else if (outcome.lost === 'not-applied')
      for (const observer of this.#world.observers) observer.refused?.(pending.call);
    pending.done(outcome);
  }

  #keptAlive(id: number, leases: readonly { readonly lease: number; readonly ttlMs: number | null }[]): void {
    const known = this.#sent.get(id);
    if (known === undefined) throw new Violation('one answer for one request', `${this.name}: ${id}`);
    this.#sent.delete(id);
    const standing = leases.find(({ lease }) => lease === this.#session.id);
    if (standing?.ttlMs === null) this.#sessionLost();
    else if (standing !== undefined) this.#session.confirmed(known.atMs, this.#clock.now());
  }

  #granted(session: number, sequence: number, fence: number): void {
    if (session !== this.#session.id) return;
    const waiting =
      this.#session.waiting.get(sequence) ??
      [...this.#pending].find(({ identity }) => identity?.by === 'session' && identity.sequence === sequence);
    if (waiting !== undefined) this.#hold(waiting, sequence, fence);
  }

  #hold(pending: Pending, sequence: number, fence: number): void {
    this.#session.waiting.delete(sequence);
    this.#settle(pending, { lost: 'unknown' });
    const { operation } = pending.call;
    if (operation.type !== 'lockAcquire' || this.#session.concluded.has(sequence)) return;
    this.#session.concluded.add(sequence);
    const lock = lockText(operation);
    this.#session.holds.set(lock, fence);
    for (const observer of this.#world.observers) observer.held?.(this, lock, fence);
    this.onHold?.(operation, sequence, fence);
  }

  /** The workload releases after a while. */
  onHold: ((operation: Extract<Operation, { type: 'lockAcquire' }>, sequence: number, fence: number) => void) | null =
    null;
}
