import { type ErrorBody, encodeClientMessage, type MemberMessage, type Welcome, wireLimits } from '@conclave/protocol';
import { bounds } from '../bounds.ts';
import type { Environment } from '../environment.ts';
import { asConclaveError, ConclaveError, cancelled, clientClosed } from '../error.ts';
import { backoffMs } from '../link/endpoints.ts';
import type { Link, LinkUser } from '../link/link.ts';
import { onAbort } from '../on-abort.ts';
import { Lane } from './lane.ts';
import { type Answered, isReply, Request, type RequestSpec } from './request.ts';

export interface Waiting {
  /** Monotonic. Infinite: until it is answered or the client is closed. */
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** The largest id stays free for probes. */
const maxRequestId = 0xffff_fffe;

/**
 * Refusals that pass: the request is asked again, after a pause, for as long as its caller waits. A member gives up by itself, too, what has
 * no deadline on the wire.
 */
const passing: ReadonlySet<string> = new Set<ErrorBody['code']>([
  'NOT_LEADER',
  'UNAVAILABLE',
  'OVERLOADED',
  'NO_SPACE',
  'DEADLINE_EXCEEDED',
]);

/**
 * Requests and their answers: within the window of the member, again after a lost connection, each until its deadline. Whether sending again
 * does harm is not decided here: a mutation has an identity, and everything else changes nothing.
 */
export class Exchange implements LinkUser {
  readonly #environment: Environment;
  readonly #link: Link;
  /**
   * What keeps sessions and holds alive: in front of everything else, and never refused for want of room in the queue. There are no more of these
   * than sessions, and one for so many holds as a transaction may name.
   */
  readonly vital: Lane = new Lane();
  /** What belongs to no session. */
  readonly common: Lane = new Lane();
  readonly #lanes = new Set<Lane>([this.vital, this.common]);
  /** Of this connection. Also what was given up meanwhile: it takes room in the window until it is answered. */
  readonly #sent = new Map<number, Request>();
  /** Refused in passing, and waiting for the next attempt. */
  readonly #resting = new Set<Request>();
  #sentBytes = 0;
  #windowRequests = 0;
  #windowBytes = 0;
  #nextId = 1;
  #incarnation = 0;
  #isClosed = false;
  #pumpScheduled = false;

  constructor(environment: Environment, link: Link) {
    this.#environment = environment;
    this.#link = link;
  }

  /** Somebody waits for something. */
  get isBusy(): boolean {
    return this.#sent.size > 0 || this.#resting.size > 0 || this.#queued > 0;
  }

  /** What is asked now leaves at once. */
  get isConnected(): boolean {
    return this.#link.isReady;
  }

  openLane(lane: Lane): void {
    this.#lanes.add(lane);
  }

  closeLane(lane: Lane): void {
    this.#lanes.delete(lane);
  }

  /** Rejects with ConclaveError only. */
  async ask(spec: RequestSpec, { deadlineMs, signal }: Waiting): Promise<Answered> {
    return new Promise<Answered>((resolve, reject) => {
      if (this.#isClosed) return reject(clientClosed());
      if (signal?.aborted === true) return reject(cancelled(signal, spec.what));
      const full = spec.insists === undefined && spec.lane !== this.vital ? this.#full(spec) : null;
      if (full !== null) return reject(full);
      const request = new Request(spec, deadlineMs, resolve, reject);
      this.#limitTime(request);
      if (signal !== undefined) this.#obey(request, signal);
      if (request.isSettled) return;
      spec.lane.add(request);
      this.pump();
    });
  }

  /** Sends what may leave. Called whenever that may have changed. */
  pump(): void {
    if (!this.#link.isReady || this.#windowRequests === 0) return;
    for (const lane of this.#lanes) {
      for (let request = lane.first; request !== null && this.#hasRoom(request); request = lane.first) {
        lane.remove(request);
        this.#send(request);
      }
    }
  }

  /** All of a lane, and what of it is on its way, fail: `failure` says how, by whether it had left. */
  failLane(lane: Lane, failure: (request: Request) => ConclaveError): void {
    const onTheWay = [...this.#sent.values(), ...this.#resting].filter(({ spec }) => spec.lane === lane);
    for (const request of [...lane.all(), ...onTheWay]) if (!request.isSettled) request.fail(failure(request));
  }

  connected(welcome: Welcome): void {
    if (this.#incarnation !== 0 && this.#incarnation !== welcome.incarnation) this.#restored();
    this.#incarnation = welcome.incarnation;
    this.#windowRequests = welcome.windowRequests;
    this.#windowBytes = welcome.windowBytes;
    // Not at once: others learn of the connection first, and sessions open their lanes.
    this.#pumpSoon();
  }

  /** A restored cluster remembers no answers: what was sent to the one before, and sent again to this one, could apply twice. */
  #restored(): void {
    for (const request of [...[...this.#lanes].flatMap((lane) => lane.all()), ...this.#resting]) {
      if (request.outcome !== 'unknown') continue;
      const message = `${request.spec.what}: the cluster was restored from a backup before it was answered`;
      request.fail(new ConclaveError('OUTCOME_UNKNOWN', message, { outcome: 'unknown' }));
    }
  }

  disconnected(): void {
    const lost = [...this.#sent.values()].filter(({ isSettled }) => !isSettled);
    this.#sent.clear();
    this.#sentBytes = 0;
    this.#windowRequests = 0;
    const again = new Map<Lane, Request[]>();
    for (const request of lost) {
      if (!request.spec.repeatable) {
        request.fail(new ConclaveError('UNAVAILABLE', `${request.spec.what}: the connection was lost`));
        continue;
      }
      const together = again.get(request.spec.lane);
      if (together === undefined) again.set(request.spec.lane, [request]);
      else together.push(request);
    }
    for (const [lane, requests] of again) lane.addInFront(requests);
  }

  message(message: MemberMessage): boolean {
    if (!isReply(message)) return false;
    const request = this.#sent.get(message.id);
    if (request === undefined) return false;
    this.#sent.delete(message.id);
    this.#sentBytes -= weight(request);
    if (message.type === 'error') this.#refused(request, message.error);
    else request.answer(message);
    this.#pumpSoon();
    return true;
  }

  close(): void {
    this.#isClosed = true;
    const all = [...this.#lanes].flatMap((lane) => lane.all());
    for (const request of [...all, ...this.#sent.values(), ...this.#resting]) {
      if (!request.isSettled) request.fail(clientClosed(request.outcome));
    }
    this.#resting.clear();
  }

  get #queued(): number {
    let queued = 0;
    for (const lane of this.#lanes) queued += lane.length;
    return queued;
  }

  #full(spec: RequestSpec): ConclaveError | null {
    const queued = this.#queued + this.#resting.size;
    let bytes = spec.bytes;
    for (const lane of this.#lanes) bytes += lane.bytes;
    const [name, limit, is] =
      queued >= bounds.maxQueuedRequests
        ? (['requests', bounds.maxQueuedRequests, queued] as const)
        : (['bytes', bounds.maxQueuedBytes, bytes] as const);
    if (is < limit || (name === 'bytes' && is <= limit)) return null;
    const message = `${spec.what}: ${is} ${name} wait to be sent, the limit is ${limit}`;
    return new ConclaveError('OVERLOADED', message, { details: { limit } });
  }

  #limitTime(request: Request): void {
    if (request.deadlineMs === Number.POSITIVE_INFINITY) return;
    const leftMs = Math.max(0, request.deadlineMs - this.#environment.clock.nowMs());
    request.cancels.push(this.#environment.timers.after(leftMs, () => request.timedOut()));
  }

  #obey(request: Request, signal: AbortSignal): void {
    request.cancels.push(onAbort(signal, () => request.fail(cancelled(signal, request.spec.what, request.outcome))));
  }

  #hasRoom(request: Request): boolean {
    if (this.#sent.size === 0) return true;
    return this.#sent.size < this.#windowRequests && this.#sentBytes + weight(request) <= this.#windowBytes;
  }

  #send(request: Request): void {
    const nowMs = this.#environment.clock.nowMs();
    // The member gives up a little earlier, so that what it says of the outcome still arrives in time.
    const leftMs = Math.max(0, request.deadlineMs - nowMs);
    const memberMs = Math.ceil(leftMs - Math.min(bounds.answerMarginMs, leftMs / 4));
    const deadlineMs = memberMs > wireLimits.maxDeadlineMs ? null : memberMs;
    const id = this.#nextId;
    let encoded: Uint8Array;
    try {
      encoded = encodeClientMessage(request.spec.message(id, deadlineMs));
    } catch (error) {
      return request.fail(asConclaveError(error));
    }
    this.#nextId = id === maxRequestId ? 1 : id + 1;
    request.left(nowMs);
    this.#sent.set(id, request);
    this.#sentBytes += weight(request);
    this.#link.sendEncoded(encoded);
  }

  #refused(request: Request, error: ErrorBody): void {
    if (request.isSettled) return;
    const fenced = error.code === 'FENCED' && request.spec.fenced !== undefined;
    if (fenced) request.spec.fenced?.();
    const again = passing.has(error.code) || fenced || request.insistsAfter(error);
    // Less time than a member was told to take: its word about the outcome is the last one, and better than none.
    const leftMs = request.deadlineMs - this.#environment.clock.nowMs();
    const restMs = again ? backoffMs(request.refusals++, this.#environment.random) : 0;
    const last =
      (error.code === 'DEADLINE_EXCEEDED' && leftMs <= bounds.answerMarginMs) ||
      // The caller learns why, and not only that its time is over.
      (error.code === 'NO_SPACE' && leftMs - restMs <= bounds.answerMarginMs);
    if (!again || last || !request.spec.repeatable) return request.refuse(error);
    request.refused(error);
    this.#resting.add(request);
    const rest = this.#environment.timers.after(restMs, () => {
      this.#resting.delete(request);
      if (request.isSettled) return;
      request.spec.lane.add(request);
      this.pump();
    });
    request.cancels.push(() => {
      rest();
      this.#resting.delete(request);
    });
  }

  #pumpSoon(): void {
    if (this.#pumpScheduled) return;
    this.#pumpScheduled = true;
    this.#environment.timers.soon(() => {
      this.#pumpScheduled = false;
      this.pump();
    });
  }
}

function weight({ spec }: Request): number {
  return spec.bytes + wireLimits.maxRequestOverheadBytes;
}
