import type { ClientConnection, ClientSocket } from '@conclave/member';
import type { Random } from '../random.ts';
import type { Scheduler } from '../scheduler.ts';
import type { Trace } from '../trace.ts';
import { demand } from '../violation.ts';
import type { MemberHost } from './host.ts';

export interface SocketWorld {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly trace: Trace;
  readonly minDelayMs: number;
  readonly meanDelayMs: number;
}

/** What the client hears of its socket. */
export interface SocketEvents {
  frame(bytes: Uint8Array): void;
  closed(): void;
}

/** One client's connection to one member, seen from the client: in order, until it is closed by a side or breaks. */
export class SimulatedSocket {
  readonly host: MemberHost;
  readonly #world: SocketWorld;
  readonly #events: SocketEvents;
  readonly #life: number;
  #connection: ClientConnection | null = null;
  #isOver = false;
  /** The member closed it, or was told that it is gone. */
  #isDone = false;
  #reading = true;
  #memberReads = true;
  #upAt = 0;
  #downAt = 0;
  /** Frames that reached the member's machine while it did not read. */
  #unread: Uint8Array[] = [];
  /** Sent by the member, not taken by the client. */
  #arrived: Uint8Array[] = [];
  #bufferedBytes = 0;

  constructor(host: MemberHost, world: SocketWorld, events: SocketEvents) {
    this.host = host;
    this.#world = world;
    this.#events = events;
    this.#life = host.life;
    this.#up(() => {
      const { member } = host;
      if (member === null) this.#endSoon();
      else this.#connection = member.connectClient(this.#memberSide());
    });
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  send(frame: Uint8Array): void {
    this.#up(() => {
      if (this.#memberReads) this.#receive(frame);
      else this.#unread.push(frame);
    });
  }

  /** A client that does not read lets its member's buffer grow. */
  set reading(reading: boolean) {
    this.#reading = reading;
    if (reading) this.#take();
  }

  /** The network loses it, or the client closes it: this side is done at once, the member notices some time later. */
  break(noticeMs: number): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const { scheduler } = this.#world;
    scheduler.after(noticeMs, () =>
      this.#inMember(() => {
        this.#isDone = true;
        this.#connection?.closed();
      }),
    );
  }

  #up(act: () => void): void {
    const { meanDelayMs, minDelayMs, random, scheduler } = this.#world;
    this.#upAt = Math.max(this.#upAt, scheduler.now + minDelayMs + random.exponential(meanDelayMs));
    scheduler.at(this.#upAt, () => {
      if (this.#isOver) return;
      if (this.host.life === this.#life && this.host.isUp) this.#inMember(act);
      else this.#endSoon();
    });
  }

  #inMember(act: () => void): void {
    if (this.host.life === this.#life) this.host.enter('arrivals', act);
  }

  #receive(frame: Uint8Array): void {
    const { scheduler, trace } = this.#world;
    trace.record(
      scheduler.now,
      10,
      this.host.id,
      0,
      frame.length,
      () => `client -> ${this.host.id} ${frame.length} bytes`,
    );
    this.#connection?.receive(frame);
  }

  /** The client learns that it is over. */
  #endSoon(): void {
    const { meanDelayMs, random, scheduler } = this.#world;
    scheduler.after(random.exponential(meanDelayMs) + 1, () => this.#end());
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#events.closed();
  }

  #take(): void {
    while (this.#reading && !this.#isOver) {
      const frame = this.#arrived.shift();
      if (frame === undefined) return;
      this.#bufferedBytes -= frame.length;
      this.#events.frame(frame);
    }
  }

  #memberSide(): ClientSocket {
    const { meanDelayMs, minDelayMs, random, scheduler } = this.#world;
    const later = (act: () => void): void => {
      this.#downAt = Math.max(this.#downAt, scheduler.now + minDelayMs + random.exponential(meanDelayMs));
      scheduler.at(this.#downAt, act);
    };
    const check = (what: string): void =>
      demand(
        !this.#isDone,
        'sockets are used while they are open',
        () => `member ${this.host.id}: ${what} on a closed socket`,
      );
    const buffered = (): number => this.#bufferedBytes;
    return {
      get bufferedBytes() {
        return buffered();
      },
      send: (frame) => {
        check('send');
        this.#bufferedBytes += frame.length;
        later(() => {
          this.#arrived.push(frame);
          this.#take();
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
              const frame = this.#unread.shift();
              if (frame === undefined) return;
              this.#receive(frame);
            }
          }),
        );
      },
      close: () => {
        this.#isDone = true;
        later(() => this.#end());
      },
    };
  }

  /** The process on the other side is gone. */
  hostDied(): void {
    if (!this.#isOver && this.host.life !== this.#life) this.#endSoon();
  }
}
