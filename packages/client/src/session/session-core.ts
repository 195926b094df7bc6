import {
  type Broken,
  decodeResult,
  encodeOperation,
  type Identity,
  type Result,
  type SessionClaim,
  type SessionEndCause,
  type SessionOpenRequest,
  wireLimits,
} from '@conclave/protocol';
import { bounds } from '../bounds.ts';
import { Emitter } from '../emitter.ts';
import type { Environment } from '../environment.ts';
import { asConclaveError, ConclaveError } from '../error.ts';
import type { Exchange, Waiting } from '../exchange/exchange.ts';
import { Lane } from '../exchange/lane.ts';
import type { Answered, Request, RequestSpec } from '../exchange/request.ts';
import type { GrantListener } from '../lock/grant-listener.ts';
import type { Hold } from '../lock/hold.ts';
import { Liveness } from './liveness.ts';
import { SequenceLedger } from './sequence-ledger.ts';
import type { SessionMutation } from './session-mutation.ts';
import type { SessionEvents, SessionOptions, SessionState } from './session-state.ts';

/**
 * One session: its life as this side knows it, and its identity at the cluster. The two end apart. At the local deadline all holds
 * are lost, for good; the identity is still resumed to learn what became of mutations that had left, and is closed after that.
 */
export class SessionCore {
  readonly ttlMs: number;
  readonly lane: Lane;
  readonly ledger: SequenceLedger = new SequenceLedger();
  readonly events: Emitter<SessionEvents>;
  readonly report: Environment['report'];
  readonly holds: Set<Hold> = new Set();
  /** By the sequence of their acquire. */
  readonly waiters: Map<number, GrantListener> = new Map();
  readonly #environment: Environment;
  readonly #exchange: Exchange;
  readonly #metadata: Readonly<Record<string, string>>;
  readonly #liveness: Liveness;
  readonly #over: (core: SessionCore) => void;
  readonly #controller = new AbortController();
  #opened: Promise<void> | null = null;
  /** Why the cluster did not open it. */
  #refusal: ConclaveError | null = null;
  readonly #givenUp = new AbortController();
  #id: number | null = null;
  #secret: Uint8Array;
  #epoch = 0;
  #attached = false;
  #disconnections = 0;
  #resuming = false;
  #identity: 'opening' | 'open' | 'closing' | 'over' = 'opening';
  #state: SessionState = 'active';
  #pending = 0;
  readonly #gone: Promise<void>;
  #go: () => void = () => {};

  constructor(
    environment: Environment,
    exchange: Exchange,
    options: SessionOptions,
    over: (core: SessionCore) => void,
  ) {
    this.#environment = environment;
    this.#exchange = exchange;
    this.#metadata = options.metadata;
    this.ttlMs = options.ttlMs;
    this.#liveness = new Liveness(options.ttlMs);
    this.#over = over;
    this.#secret = environment.random.bytes(wireLimits.sessionSecretBytes);
    this.report = environment.report;
    this.events = new Emitter(environment.report);
    this.lane = new Lane((request) => this.#attached && (request.isNumbered || this.ledger.hasRoom()));
    exchange.openLane(this.lane);
    this.#gone = new Promise((resolve) => {
      this.#go = resolve;
    });
  }

  /** Null until it was opened. */
  get id(): number | null {
    return this.#id;
  }

  get state(): SessionState {
    return this.#state;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** No hold of it is worth anything any more, and nothing new is done under it. */
  get isFinal(): boolean {
    return this.#state !== 'active' && this.#state !== 'jeopardy';
  }

  get isAttached(): boolean {
    return this.#attached;
  }

  /** The cluster may still have it. */
  get isOpen(): boolean {
    return this.#identity === 'open' || this.#identity === 'closing';
  }

  get deadlineMs(): number {
    return this.#liveness.deadlineMs;
  }

  remainingMs(nowMs: number): number {
    return this.isFinal ? 0 : Math.max(0, this.#liveness.deadlineMs - nowMs);
  }

  // --- Its life ---

  /** Resolves when the cluster has it. Asked until it has, or for ever refuses. */
  async open(): Promise<void> {
    this.#opened ??= this.#open();
    await this.#opened;
  }

  async #open(): Promise<void> {
    try {
      while (!(await this.#openOnce())) this.#secret = this.#environment.random.bytes(wireLimits.sessionSecretBytes);
    } catch (error) {
      if (error instanceof ConclaveError && !this.isFinal) this.#refusal = error;
      this.#end('closed', this.#refusal);
      this.#leave();
      throw error;
    }
    this.#exchange.pump();
  }

  /** Nobody waits for it any more. What may have left ends by itself, when its time to live is over. */
  #giveUpOpening(): void {
    if (!this.#exchange.isConnected) return this.#givenUp.abort();
    const stop = this.#environment.timers.after(bounds.closeTimeoutMs, () => this.#givenUp.abort());
    void this.#gone.then(stop);
  }

  /** False: it was opened so slowly that it ended meanwhile. */
  async #openOnce(): Promise<boolean> {
    const { message, firstSentMs } = await this.#askVital((id) => this.#openRequest(id));
    if (message.type !== 'result') throw new Error(`sessionOpen was answered by ${message.type}`);
    const result = decodeResult(message.result);
    if (result.type !== 'sessionOpen') throw new Error(`sessionOpen was answered by ${result.type}`);
    const connection = this.#disconnections;
    const nowMs = this.#environment.clock.nowMs();
    // Opened by its first sending, perhaps, long ago: the answer to a repeated one says nothing of how much time is left.
    if (nowMs - firstSentMs >= this.ttlMs / 2 && !(await this.#isAlive(result.session))) return false;
    this.#id = result.session;
    if (nowMs - firstSentMs < this.ttlMs / 2) this.#liveness.confirm(firstSentMs);
    this.#identity = 'open';
    this.#attached = connection === this.#disconnections;
    // Lost before the session was known here: nobody claimed it with the hello of the next one.
    if (!this.#attached) void this.resume();
    if (this.isFinal) this.#endIdentityWhenIdle();
    return true;
  }

  #openRequest(id: number): SessionOpenRequest {
    return { type: 'sessionOpen', id, ttlMs: this.ttlMs, secret: this.#secret, metadata: this.#metadata };
  }

  async #isAlive(session: number): Promise<boolean> {
    const { message, sentMs } = await this.#askVital((id) => ({ type: 'keepalive', id, leases: [session] }));
    const standing = message.type === 'keepaliveAnswer' ? message.leases[0] : undefined;
    if (standing === undefined || standing.ttlMs === null) return false;
    this.#liveness.confirm(sentMs);
    return true;
  }

  async #askVital(message: RequestSpec['message']): Promise<Answered> {
    // Whoever waits for the session hears what it waits for itself.
    const refused = (why: ConclaveError): void => {
      this.lane.obstacle = why;
    };
    const spec = {
      what: 'session',
      lane: this.#exchange.vital,
      changes: false,
      // There may be no leader for a moment, on a connection that stays: nobody else would ask for it there.
      repeatable: true,
      bytes: 0,
      message,
      refused,
    };
    // Once it is open it is claimed for as long as it lives.
    const signal = this.#id === null ? this.#givenUp.signal : undefined;
    const answered = await this.#exchange.ask(spec, { deadlineMs: Number.POSITIVE_INFINITY, signal });
    this.lane.obstacle = null;
    return answered;
  }

  /** Says what of its time has passed. Called before anything else is done, whenever anything is done. */
  check(nowMs: number): void {
    if (this.isFinal) return;
    if (this.#liveness.isOver(nowMs)) return this.#expire('nothing was confirmed within its time');
    this.#setState(this.#liveness.isInJeopardy(nowMs) ? 'jeopardy' : 'active', null);
    for (const hold of this.holds) hold.check(nowMs);
  }

  confirmed(sentMs: number): void {
    this.#liveness.confirm(sentMs);
    this.check(this.#environment.clock.nowMs());
  }

  /** The machine seems to have slept. */
  suspect(nowMs: number): void {
    this.#liveness.suspect(nowMs);
  }

  #expire(why: string): void {
    this.#end('expired', new ConclaveError('SESSION_EXPIRED', `session ${this.#id}: ${why}`));
    this.#failUnsent();
    this.#endIdentityWhenIdle();
  }

  /** The cluster does not have it any more, or has it for somebody else. */
  ended(cause: SessionEndCause): void {
    if (this.#identity === 'over') return;
    const state = cause === 'revoked' ? 'expired' : cause;
    const code = cause === 'fenced' ? 'FENCED' : 'SESSION_EXPIRED';
    this.#end(state, new ConclaveError(code, `session ${this.#id} has ended: ${cause}`, { details: { cause } }));
    this.#leave();
  }

  /** Somebody waits for what a request of this session holds. */
  contended(sequence: number): void {
    this.waiters.get(sequence)?.contended();
    for (const hold of this.holds) if (hold.sequence === sequence) hold.contended();
  }

  /** One hold was taken away; the others are as safe as before. */
  broken(message: Broken): void {
    this.waiters.get(message.sequence)?.broken(message);
    for (const hold of this.holds) hold.broken(message);
  }

  #end(state: SessionState, why: ConclaveError | null): void {
    if (this.isFinal) return;
    const reason = why ?? new ConclaveError('SESSION_EXPIRED', `session ${this.#id} was closed`);
    // Before anything else of ours goes on: whoever holds something learns it first.
    this.#controller.abort(reason);
    for (const hold of this.holds) hold.end(reason.message, reason);
    this.#setState(state, why);
  }

  #setState(state: SessionState, why: ConclaveError | null): void {
    if (state === this.#state) return;
    this.#state = state;
    this.events.emit('state', state, why);
  }

  // --- Its identity ---

  /** The answer of the cluster to one mutation under this session, exactly once. Rejects with ConclaveError only. */
  async mutate(mutation: SessionMutation, waiting: Waiting): Promise<Result> {
    let sequence: number | null = null;
    const { message } = await this.send(mutation, waiting, {
      isTaken: false,
      sequence: () => (sequence ??= this.ledger.take()),
      settled: () => {
        if (sequence !== null) this.ledger.settle(sequence);
      },
    });
    if (message.type !== 'result') throw new ConclaveError('PROTOCOL', `a mutation was answered by ${message.type}`);
    try {
      return decodeResult(message.result);
    } catch (error) {
      throw asConclaveError(error);
    }
  }

  /** The same, by whoever keeps its sequence himself. */
  async send(
    { givesBack, operation, reason, what }: SessionMutation,
    waiting: Waiting,
    numbering: { readonly isTaken: boolean; sequence(): number; settled(): void },
  ): Promise<Answered> {
    this.check(this.#environment.clock.nowMs());
    if (this.isFinal) throw this.lostError();
    this.#pending++;
    const spec: RequestSpec = {
      what,
      lane: this.lane,
      changes: true,
      repeatable: true,
      numbered: numbering.isTaken,
      bytes: operation.length,
      message: (id, deadlineMs) => {
        const sequence = numbering.sequence();
        const { acknowledgedBelow } = this.ledger;
        const identity = this.#named(sequence, acknowledgedBelow);
        return { type: 'mutate', id, identity, reason, deadlineMs, operation };
      },
      settled: () => numbering.settled(),
      ...(givesBack === true && { insists: () => !this.isFinal }),
      fenced: () => void this.resume(),
    };
    try {
      const answered = await this.#exchange.ask(spec, waiting);
      // The leader that logged it gave the session its whole ttl, and did so after this left (docs/decisions/expiry-tolerance.md).
      if (answered.message.type === 'result') this.#liveness.confirm(answered.sentMs);
      return answered;
    } catch (error) {
      // It may have left its sequence to somebody who waits for one.
      this.#exchange.pump();
      throw this.#translated(error);
    } finally {
      this.#pending--;
      this.#endIdentityWhenIdle();
    }
  }

  /** As of now: sent again over another connection, it bears the epoch of that one. */
  #named(sequence: number, acknowledgedBelow: number): Extract<Identity, { by: 'session' }> {
    return { by: 'session', session: this.#id ?? 0, sequence, acknowledgedBelow, epoch: this.#epoch };
  }

  /** Code `SESSION_EXPIRED`: it was open, and another one may take its place. */
  lostError(): ConclaveError {
    const { reason } = this.#controller.signal;
    const cause = this.#refusal;
    if (cause !== null) return new ConclaveError(cause.code, cause.message, { details: cause.details, cause });
    const code = this.#state === 'fenced' ? 'FENCED' : 'SESSION_EXPIRED';
    return new ConclaveError(code, `session ${this.#id} has ended (${this.#state})`, { cause: reason });
  }

  #translated(error: unknown): unknown {
    if (!ConclaveError.is(error, 'SESSION_EXPIRED')) return error;
    // The cluster says so before we knew.
    this.ended('expired');
    if (error.outcome === 'not-applied') return error;
    return new ConclaveError('OUTCOME_UNKNOWN', error.message, { outcome: 'unknown', cause: error });
  }

  /** For the hello. Null: there is nothing to claim. */
  claim(): SessionClaim | null {
    if (!this.isOpen || this.#id === null) return null;
    this.#epoch++;
    return { session: this.#id, secret: this.#secret, epoch: this.#epoch };
  }

  resumed(ttlMs: number | null, sentMs: number): void {
    if (ttlMs === null) return this.ended('expired');
    this.#attached = true;
    this.confirmed(sentMs);
    this.#endIdentityWhenIdle();
    this.#exchange.pump();
    for (const waiter of this.waiters.values()) waiter.attached();
  }

  disconnected(): void {
    this.#disconnections++;
    this.#attached = false;
  }

  /** On a connection that stands: it was not claimed with the hello, or the member says that it does not have the session here. */
  async resume(): Promise<void> {
    if (this.#resuming || !this.isOpen) return;
    this.#resuming = true;
    this.#attached = false;
    try {
      const request = (id: number) => ({ type: 'sessionResume', id, sessions: this.#claims() }) as const;
      const { message, sentMs } = await this.#askVital(request);
      const standing = message.type === 'sessionsResumed' ? message.sessions[0] : undefined;
      if (standing !== undefined) this.resumed(standing.ttlMs, sentMs);
    } catch (error) {
      // The client is closed, or this member will not have it: its deadline ends it, if no other connection claims it before.
      if (!(error instanceof ConclaveError)) this.report(error, `session ${this.#id}: resume`);
    } finally {
      this.#resuming = false;
    }
  }

  /** Asked again over another connection, whose hello has claimed it already: a second claim would outdate what left under the first. */
  #claims(): SessionClaim[] {
    const claim = this.#attached ? null : this.claim();
    return claim === null ? [] : [claim];
  }

  /** Orderly: what left is answered first, then locks are released and keys deleted, at one revision. */
  async close(): Promise<void> {
    if (!this.isFinal) {
      this.#end('closed', null);
      if (this.#identity === 'opening' && this.#opened === null) this.#leave();
      else if (this.#identity === 'opening') this.#giveUpOpening();
      this.#endIdentityWhenIdle();
    }
    await this.#gone;
  }

  #endIdentityWhenIdle(): void {
    if (!this.isFinal || this.#identity !== 'open' || this.#pending > 0) return;
    this.#identity = 'closing';
    void this.#closeIdentity();
  }

  async #closeIdentity(): Promise<void> {
    const operation = encodeOperation({ type: 'sessionClose', session: this.#id ?? 0 });
    const sequence = this.ledger.take();
    const { acknowledgedBelow } = this.ledger;
    const spec: RequestSpec = {
      what: 'session.close',
      lane: this.lane,
      changes: true,
      repeatable: true,
      numbered: true,
      bytes: operation.length,
      message: (id) => {
        const identity = this.#named(sequence, acknowledgedBelow);
        return { type: 'mutate', id, identity, reason: null, deadlineMs: null, operation };
      },
      insists: () => this.isOpen,
      fenced: () => void this.resume(),
    };
    try {
      await this.#exchange.ask(spec, { deadlineMs: Number.POSITIVE_INFINITY });
    } catch {
      // It has ended by itself, or the client is closed and its time runs out.
    }
    this.#leave();
  }

  #failUnsent(): void {
    for (const request of this.lane.all()) if (request.sends === 0) request.fail(this.lostError());
  }

  #leave(): void {
    this.#identity = 'over';
    this.#attached = false;
    this.#exchange.failLane(this.lane, (request) => this.#failure(request));
    this.#exchange.closeLane(this.lane);
    this.#over(this);
    this.#go();
  }

  #failure(request: Request): ConclaveError {
    if (request.sends === 0) return this.lostError();
    const message = `${request.spec.what}: session ${this.#id} ended before it was answered`;
    return new ConclaveError('OUTCOME_UNKNOWN', message, { outcome: 'unknown', cause: this.lostError() });
  }
}
