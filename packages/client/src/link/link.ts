import {
  type ClientMessage,
  encodeClientMessage,
  holdsFeature,
  type MemberMessage,
  minProtocolVersion,
  protocolVersion,
  type SessionClaim,
  type Welcome,
} from '@conclave/protocol';
import { bounds } from '../bounds.ts';
import type { Cancel, Environment } from '../environment.ts';
import { ConclaveError } from '../error.ts';
import { Connection, type ConnectionEnd } from './connection.ts';
import { type Attempt, Endpoints } from './endpoints.ts';

export type ClientState = 'connecting' | 'ready' | 'reconnecting' | 'closed';

/** The parts of the client that talk over the link, in the order in which they are told. */
export interface LinkUser {
  /** Another member, or the same again: everything of the old connection is gone. */
  connected?(welcome: Welcome, helloSentMs: number): void;
  disconnected?(): void;
  /** True: it was for this part. */
  message?(message: MemberMessage): boolean;
}

export interface LinkOptions {
  readonly endpoints: readonly string[];
  readonly author: string | null;
  /** How long a member may answer nothing. */
  readonly patienceMs: () => number;
  readonly claims: () => readonly SessionClaim[];
  /** Before anything that arrived is looked at. */
  readonly arriving: () => void;
  readonly stateChanged: (state: ClientState, why: ConclaveError | null) => void;
}

/** The connection of a client: one at a time, and another one when it is lost, for as long as the client lives. */
export class Link {
  readonly #environment: Environment;
  readonly #options: LinkOptions;
  readonly #endpoints: Endpoints;
  readonly #users: LinkUser[] = [];
  #connection: Connection | null = null;
  #state: ClientState = 'connecting';
  #timer: Cancel | null = null;
  #welcomedMs: number | null = null;
  #clusterId: string | null = null;
  #incarnation = 0;
  #lastReceivedMs = 0;
  #lastEnd: ConnectionEnd | null = null;

  constructor(environment: Environment, options: LinkOptions) {
    this.#environment = environment;
    this.#options = options;
    this.#endpoints = new Endpoints(options.endpoints, environment.random);
  }

  get state(): ClientState {
    return this.#state;
  }

  get isReady(): boolean {
    return this.#state === 'ready';
  }

  get lastReceivedMs(): number {
    return this.#lastReceivedMs;
  }

  /** Where else it could go. */
  get hasAlternatives(): boolean {
    return this.#endpoints.count > 1;
  }

  get incarnation(): number {
    return this.#incarnation;
  }

  get lastEnd(): ConnectionEnd | null {
    return this.#lastEnd;
  }

  use(user: LinkUser): void {
    this.#users.push(user);
  }

  start(): void {
    this.#attempt();
  }

  /** The message is in the frame of this turn. Without a connection it is dropped: whoever sends, sends again when there is one. */
  send(message: ClientMessage): void {
    this.sendEncoded(encodeClientMessage(message));
  }

  sendEncoded(message: Uint8Array): void {
    if (this.isReady) this.#connection?.send(message);
  }

  /** This member is of no use: on to another one. */
  leave(reason: string): void {
    this.#connection?.end({ reason, error: null, retryAfterMs: 0 });
  }

  close(): void {
    if (this.#state === 'closed') return;
    this.#timer?.();
    this.#timer = null;
    this.#connection?.close();
    this.#connection = null;
    this.#setState('closed', null);
  }

  #setState(state: ClientState, why: ConclaveError | null): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#options.stateChanged(state, why);
  }

  #attempt(): void {
    const attempt = this.#endpoints.next(this.#environment.clock.nowMs());
    this.#timer = this.#environment.timers.after(attempt.waitMs, () => this.#connect(attempt));
  }

  #connect({ patienceMs: given, url }: Attempt): void {
    const patienceMs = Math.min(this.#options.patienceMs(), given);
    const connection: Connection = new Connection(this.#environment, url, {
      hello: () => ({
        type: 'hello',
        minVersion: minProtocolVersion,
        maxVersion: protocolVersion,
        features: [holdsFeature],
        author: this.#options.author,
        clusterId: this.#clusterId,
        sessions: this.#options.claims(),
      }),
      arriving: () => {
        this.#lastReceivedMs = this.#environment.clock.nowMs();
        this.#options.arriving();
      },
      welcomed: (welcome, helloSentMs) => this.#welcomed(connection, welcome, helloSentMs),
      message: (message) => this.#message(message),
      ended: (end) => this.#ended(connection, end),
    });
    this.#connection = connection;
    this.#timer = this.#environment.timers.after(patienceMs, () => {
      this.#timer = null;
      connection.end({ reason: `no welcome within ${Math.round(patienceMs)} ms`, error: null, retryAfterMs: 0 });
    });
  }

  #welcomed(connection: Connection, welcome: Welcome, helloSentMs: number): void {
    if (welcome.incarnation < this.#incarnation) {
      // What is left of the cluster from before a restore: its revisions mean something else.
      const reason = `it is of incarnation ${welcome.incarnation}, and the cluster is in ${this.#incarnation}`;
      return connection.end({ reason, error: null, retryAfterMs: bounds.backoffCapMs });
    }
    this.#timer?.();
    this.#timer = null;
    this.#clusterId = welcome.clusterId;
    this.#incarnation = welcome.incarnation;
    this.#welcomedMs = this.#environment.clock.nowMs();
    this.#endpoints.learn(welcome.members);
    this.#state = 'ready';
    for (const user of this.#users) user.connected?.(welcome, helloSentMs);
    // Told last: a listener may ask for something at once.
    this.#options.stateChanged('ready', null);
  }

  #message(message: MemberMessage): void {
    if (message.type === 'membersChanged') return this.#endpoints.learn(message.members);
    // What nobody wants is the answer to something given up meanwhile.
    for (const user of this.#users) if (user.message?.(message) === true) return;
  }

  #ended(connection: Connection, end: ConnectionEnd): void {
    if (connection !== this.#connection || this.#state === 'closed') return;
    this.#timer?.();
    this.#timer = null;
    this.#connection = null;
    this.#lastEnd = end;
    const nowMs = this.#environment.clock.nowMs();
    const lastedMs = this.#welcomedMs === null ? 0 : nowMs - this.#welcomedMs;
    this.#welcomedMs = null;
    const retryAfterMs = Math.min(end.retryAfterMs, bounds.backoffCapMs);
    this.#endpoints.left(connection.url, nowMs, retryAfterMs, lastedMs);
    const wasReady = this.#state === 'ready';
    if (wasReady) this.#state = 'reconnecting';
    this.#attempt();
    if (!wasReady) return;
    for (const user of this.#users) user.disconnected?.();
    this.#options.stateChanged('reconnecting', endError(connection.url, end));
  }
}

export function endError(url: string | null, end: ConnectionEnd): ConclaveError {
  const where = url === null ? '' : `${url}: `;
  return new ConclaveError(end.error?.code ?? 'UNAVAILABLE', `${where}${end.reason}`, {
    details: end.error?.details ?? {},
  });
}
