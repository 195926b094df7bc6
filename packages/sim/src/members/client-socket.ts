import type { Socket, SocketEvents } from '@conclave/client/internal';
import type { ClientConnection, ClientSocket } from '@conclave/member';
import type { Random } from '../random.ts';
import type { Scheduler } from '../scheduler.ts';
import type { Trace } from '../trace.ts';
import { demand } from '../violation.ts';
import type { MemberHost } from './host.ts';
import type { VirtualProcess } from './process.ts';

export interface SocketWorld {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly trace: Trace;
  readonly minDelayMs: number;
  readonly meanDelayMs: number;
}

/** A side notices within this time that the network has lost the connection; of clients only some do, the others must find out. */
const maxNoticeMs = 600;
const noticeShare = 0.6;

/** One connection of a client to a member: in order, until a side closes it or the network loses it. */
export class SimulatedSocket implements Socket {
  readonly #host: MemberHost;
  readonly #process: VirtualProcess;
  readonly #world: SocketWorld;
  readonly #events: SocketEvents;
  readonly #life: number;
  #connection: ClientConnection | null = null;
  /** The client closed it, or was told that it is over: it is told nothing more. */
  #isOver = false;
  /** The network lost it: nothing passes any more. */
  #isLost = false;
  /** The member closed it, or was told that it is gone. */
  #isDone = false;
  #memberReads = true;
  #upAt = 0;
  #downAt = 0;
  /** What reached the member's machine while it did not read. */
  #unread: (() => void)[] = [];
  #bufferedBytes = 0;

  constructor(host: MemberHost, process: VirtualProcess, world: SocketWorld, events: SocketEvents) {
    this.#host = host;
    this.#process = process;
    this.#world = world;
    this.#events = events;
    this.#life = host.life;
    this.#up(() => {
      const { member } = host;
      if (member === null) return this.#endSoon();
      this.#connection = member.connectClient(this.#memberSide());
      this.#down(() => this.#events.opened());
    });
  }

  get isOpen(): boolean {
    return !this.#isOver && !this.#isLost;
  }

  send(frame: Uint8Array): void {
    if (!this.#isOver) this.#up(() => this.#receive(frame));
  }

  close(): void {
    this.#isOver = true;
    this.#up(() => this.#closedByClient());
  }

  #closedByClient(): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#connection?.closed();
  }

  /** The network loses it: each side notices some time later, or never. */
  lose(): void {
    const { random, scheduler } = this.#world;
    this.#isLost = true;
    if (random.chance(noticeShare)) this.#endSoon();
    scheduler.after(random.between(0, maxNoticeMs), () => this.#inMember(() => this.#closedByClient()));
  }

  /** Nothing passes for a while, and then everything does, as over a path that loses packets. */
  stall(durationMs: number): void {
    const until = this.#world.scheduler.now + durationMs;
    this.#upAt = Math.max(this.#upAt, until);
    this.#downAt = Math.max(this.#downAt, until);
  }

  /** The process on the other side is gone; of some machines nobody says so. */
  hostDied(host: MemberHost): void {
    if (this.#host !== host || !this.isOpen || host.life === this.#life) return;
    if (this.#world.random.chance(noticeShare)) this.#endSoon();
    else this.#isLost = true;
  }

  #up(act: () => void): void {
    const { meanDelayMs, minDelayMs, random, scheduler } = this.#world;
    this.#upAt = Math.max(this.#upAt, scheduler.now + minDelayMs + random.exponential(meanDelayMs));
    scheduler.at(this.#upAt, () => {
      if (this.#isLost) return;
      if (this.#host.life !== this.#life || !this.#host.isUp) return this.#endSoon();
      this.#inMember(() => {
        if (this.#memberReads) act();
        else this.#unread.push(act);
      });
    });
  }

  #inMember(act: () => void): void {
    if (this.#host.life === this.#life) this.#host.enter('arrivals', act);
  }

  #receive(frame: Uint8Array): void {
    if (this.#isDone) return;
    const { scheduler, trace } = this.#world;
    const { id } = this.#host;
    trace.record(scheduler.now, 10, id, 0, frame.length, () => `client -> ${id} ${frame.length} bytes`);
    this.#connection?.receive(frame);
  }

  #down(act: () => void): void {
    const { meanDelayMs, minDelayMs, random, scheduler } = this.#world;
    this.#downAt = Math.max(this.#downAt, scheduler.now + minDelayMs + random.exponential(meanDelayMs));
    scheduler.at(this.#downAt, () => {
      if (this.#isLost) return;
      this.#process.enter('arrivals', () => {
        if (!this.#isOver) act();
      });
    });
  }

  /** The client learns that it is over. */
  #endSoon(): void {
    const { meanDelayMs, random, scheduler } = this.#world;
    scheduler.after(random.exponential(meanDelayMs) + 1, () =>
      this.#process.enter('arrivals', () => this.#end('reset')),
    );
  }

  #end(reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#events.closed(reason);
  }

  #memberSide(): ClientSocket {
    const check = (what: string): void =>
      demand(
        !this.#isDone,
        'sockets are used while they are open',
        () => `member ${this.#host.id}: ${what} on a closed socket`,
      );
    const buffered = (): number => this.#bufferedBytes;
    return {
      get bufferedBytes() {
        return buffered();
      },
      send: (frame) => {
        check('send');
        this.#bufferedBytes += frame.length;
        this.#down(() => {
          const { scheduler, trace } = this.#world;
          const { id } = this.#host;
          trace.record(scheduler.now, 11, id, 0, frame.length, () => `client <- ${id} ${frame.length} bytes`);
          this.#bufferedBytes -= frame.length;
          this.#events.received(frame);
        });
      },
      pause: () => {
        check('pause');
        this.#memberReads = false;
      },
      resume: () => {
        check('resume');
        this.#memberReads = true;
        this.#world.scheduler.after(0, () =>
          this.#inMember(() => {
            while (this.#memberReads) {
              const act = this.#unread.shift();
              if (act === undefined) return;
              act();
            }
          }),
        );
      },
      close: () => {
        this.#isDone = true;
        this.#down(() => this.#end('closed by the member'));
      },
    };
  }
}
