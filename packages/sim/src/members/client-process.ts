import type { Client, Session } from '@conclave/client';
import { ConclaveError, createClient, type Environment } from '@conclave/client/internal';
import type { Clock } from '../clock.ts';
import type { Random } from '../random.ts';
import type { Scheduler } from '../scheduler.ts';
import { Violation } from '../violation.ts';
import { SimulatedSocket, type SocketWorld } from './client-socket.ts';
import type { MemberHost } from './host.ts';
import type { Microtasks } from './microtasks.ts';
import type { Claim } from './observer.ts';
import { VirtualProcess } from './process.ts';

/** When a client stands still, as processes do at the worst moment. */
export interface Suffering {
  /** Of what it sends, that with which under way it stands still, goes on for a moment, and stands still again. */
  readonly stumbleShare: number;
  /** Of its connections, those after whose first answer it stands still. */
  readonly welcomeShare: number;
}

/** What a client lives in. */
export interface ClientWorld {
  readonly scheduler: Scheduler;
  readonly microtasks: Microtasks;
  readonly sockets: SocketWorld;
  readonly hosts: readonly MemberHost[];
  /** Mean time between faults of its connection. */
  readonly breakEveryMs: number;
  readonly suffering: Suffering;
  readonly fail: (error: unknown) => void;
}

const wallBaseMs = 1_700_000_000_000;
const maxStallMs = 4_000;
/** So soon after the frame, and so long between two pauses. */
const meanStumbleMs = 2;
/** How long a refused connection takes. */
const refusedMs = 2;

/** A process with an application and the real SDK in it. Its event loop can stand still, its connections can break, it can die. */
export class ClientProcess {
  readonly name: string;
  readonly ttlMs: number;
  readonly identity: 'session' | 'idempotency-key';
  readonly process: VirtualProcess;
  readonly #world: ClientWorld;
  readonly #random: Random;
  readonly #sockets = new Set<SimulatedSocket>();
  readonly #connected: Promise<Client>;
  #session: Promise<Session> | null = null;
  #isReliable = false;
  /** What it would act on, with the time until which it would by its own clock, for while it stands still. */
  readonly #claims = new Map<Claim, number>();
  /** Largest revision that it was shown. */
  seen = 0;
  /** What it asked for and was not told the fate of. */
  pending = 0;
  /** Locks and elections that it waits for or holds. */
  wishes = 0;
  readonly counts: { connections: number; sessions: number; sessionsLost: number } = {
    connections: 0,
    sessions: 0,
    sessionsLost: 0,
  };

  constructor(name: string, ttlMs: number, clock: Clock, random: Random, world: ClientWorld) {
    this.name = name;
    this.ttlMs = ttlMs;
    this.#random = random;
    this.#world = world;
    this.process = new VirtualProcess(world.scheduler, world.microtasks, clock, world.fail);
    this.identity = random.pick(['session', 'session', 'idempotency-key'] as const);
    this.#connected = this.#connect();
    if (world.breakEveryMs < Number.POSITIVE_INFINITY) this.#breakNowAndThen();
  }

  async #connect(): Promise<Client> {
    const { identity } = this;
    const endpoints = this.#world.hosts.filter(({ isPresent }) => isPresent).map(({ clientUrl }) => clientUrl);
    for (;;) {
      try {
        const client = await createClient(this.#environment(), { endpoints, author: this.name, identity });
        client.on('state', (_state, why) => {
          if (why?.code === 'PROTOCOL') this.#fail(`its connection ended: ${why.message}`);
        });
        return client;
      } catch (error) {
        // Nobody could be reached for so long.
        if (!ConclaveError.is(error, 'DEADLINE_EXCEEDED')) throw error;
      }
    }
  }

  #environment(): Environment {
    const { clock } = this.process;
    return {
      clock: { nowMs: () => clock.now(), wallMs: () => wallBaseMs + clock.now() },
      timers: {
        after: (delayMs, run) => this.process.after(delayMs, run),
        soon: (run) => this.process.soon(run),
      },
      random: {
        fraction: () => this.#random.next(),
        bytes: (length) => Uint8Array.from({ length }, () => this.#random.integer(0, 256)),
      },
      openSocket: (url, events) => {
        this.counts.connections++;
        const host = this.#world.hosts.find(({ clientUrl }) => clientUrl === url);
        for (const old of this.#sockets) if (!old.isOpen) this.#sockets.delete(old);
        // Nothing runs there, or not yet.
        if (host?.isUp !== true) {
          const cancel = this.process.after(refusedMs, () => events.closed('refused'));
          return { send: () => {}, close: cancel };
        }
        let isNew = true;
        const socket = new SimulatedSocket(host, this.process, this.#world.sockets, {
          ...events,
          received: (frame) => {
            events.received(frame);
            if (isNew) this.#mayStandStill();
            isNew = false;
          },
        });
        this.#sockets.add(socket);
        return {
          send: (frame) => {
            socket.send(frame);
            this.#mayStumble();
          },
          close: () => socket.close(),
        };
      },
      report: (error, where) => this.#fail(`${where}: ${String(error)}`),
    };
  }

  #fail(what: string): void {
    this.#world.fail(new Violation('no defect', `${this.name}: ${what}`));
  }

  /** Once a member has answered for the first time. */
  async client(): Promise<Client> {
    return this.#connected;
  }

  /** One that has not ended as far as this client knows: another one when the last was lost. */
  async session(): Promise<Session> {
    this.#session ??= this.#openSession();
    return this.#session;
  }

  async #openSession(): Promise<Session> {
    const client = await this.#connected;
    const session = await client.session({ ttlMs: this.ttlMs, timeoutMs: Number.MAX_SAFE_INTEGER });
    this.counts.sessions++;
    session.on('state', (state) => {
      // The newest connection has the session, and a client has but one.
      if (state === 'fenced') this.#fail(`session ${session.id} is said to be somebody else's`);
    });
    session.signal.addEventListener('abort', () => {
      this.counts.sessionsLost++;
      this.#session = null;
    });
    this.claim({
      client: this,
      session: session.id,
      sequence: null,
      signal: session.signal,
      remainingMs: () => session.remainingMs(),
    });
    return session;
  }

  claim(claim: Claim): void {
    if (claim.signal.aborted) return;
    this.#claims.set(claim, 0);
    claim.signal.addEventListener('abort', () => this.#claims.delete(claim));
  }

  /**
   * What it would act on at this moment. While it runs, everything whose signal has not aborted, however late; while it stands still, what its
   * clock would still let pass, were it asked.
   */
  *claims(): Iterable<Claim> {
    if (!this.process.isAlive) return;
    const nowMs = this.process.clock.now();
    for (const [claim, untilMs] of this.#claims) if (!this.process.isPaused || nowMs < untilMs) yield claim;
  }

  /** Of its holds, those that have not aborted. */
  *sessionsClaimed(): Iterable<number> {
    for (const { session } of this.#claims.keys()) yield session;
  }

  get isReady(): boolean {
    return this.process.isAlive && !this.process.isPaused;
  }

  pause(durationMs: number): void {
    if (!this.isReady) return;
    const nowMs = this.process.clock.now();
    // A look at the clock may end some.
    for (const claim of this.#claims.keys()) {
      const untilMs = nowMs + claim.remainingMs();
      if (this.#claims.has(claim)) this.#claims.set(claim, untilMs);
    }
    this.process.pause(durationMs);
  }

  get hasConnection(): boolean {
    return [...this.#sockets].some(({ isOpen }) => isOpen);
  }

  async close(): Promise<void> {
    await (await this.#connected).close();
  }

  /** Its machine closes its connections. */
  kill(): void {
    this.process.kill();
    for (const socket of this.#sockets) socket.close();
  }

  hostDied(host: MemberHost): void {
    for (const socket of this.#sockets) socket.hostDied(host);
  }

  becomeReliable(): void {
    this.#isReliable = true;
    this.process.resume();
  }

  /** What it was welcomed with is all that it knows. */
  #mayStandStill(): void {
    const { scheduler, suffering } = this.#world;
    if (this.#isReliable || !this.#random.chance(suffering.welcomeShare)) return;
    scheduler.after(this.#random.exponential(meanStumbleMs), () => this.#standStill(0.4, 1.3));
  }

  /** The answer is read late, and nothing else for long. */
  #mayStumble(): void {
    const { scheduler, suffering } = this.#world;
    if (this.#isReliable || !this.#random.chance(suffering.stumbleShare)) return;
    scheduler.after(this.#random.exponential(meanStumbleMs), () => {
      const pauseMs = this.#standStill(0.05, 0.4);
      scheduler.after(pauseMs + this.#random.exponential(meanStumbleMs), () => this.#standStill(0.8, 1.3));
    });
  }

  /** For so much of its time to live. */
  #standStill(least: number, most: number): number {
    const pauseMs = this.#random.between(least, most) * this.ttlMs;
    if (!this.#isReliable) this.pause(pauseMs);
    return pauseMs;
  }

  #breakNowAndThen(): void {
    const { breakEveryMs, scheduler } = this.#world;
    scheduler.after(this.#random.exponential(breakEveryMs), () => {
      if (this.#isReliable || !this.process.isAlive) return;
      for (const socket of this.#sockets) {
        if (!socket.isOpen) continue;
        if (this.#random.chance(0.7)) socket.lose();
        else socket.stall(this.#random.between(0, maxStallMs));
      }
      this.#breakNowAndThen();
    });
  }
}
