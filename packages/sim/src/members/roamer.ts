import {
  type ClientMessage,
  type ClientMutation,
  decodeMemberFrame,
  decodeResult,
  encodeClientFrame,
  encodeOperation,
  type LockName,
  type MemberMessage,
  minProtocolVersion,
  protocolVersion,
  wireLimits,
} from '@conclave/protocol';
import type { Random } from '../random.ts';
import { demand } from '../violation.ts';
import { SimulatedSocket, type SocketWorld } from './client-socket.ts';
import type { MemberHost } from './host.ts';
import type { MemberObserver } from './observer.ts';
import type { VirtualProcess } from './process.ts';

export interface RoamerSettings {
  readonly count: number;
  readonly ttlMs: number;
  readonly moveEveryMs: number;
  readonly sendEveryMs: number;
  /** Of what is sent, over a connection that the session has left. */
  readonly oldShare: number;
  readonly locks: number;
}

export interface RoamerCounts {
  moves: number;
  /** Over a connection that the session has left. */
  late: number;
  /** By connections that never claimed it. */
  strange: number;
  resent: number;
  acknowledged: number;
}

interface World {
  readonly settings: RoamerSettings;
  readonly random: Random;
  readonly hosts: readonly MemberHost[];
  readonly sockets: SocketWorld;
  readonly observers: readonly MemberObserver[];
  readonly counts: RoamerCounts;
  /** That no other request writes. */
  readonly nextValue: () => string;
}

/** Sent perhaps many times, always the same. */
interface Sent {
  readonly sequence: number;
  readonly operation: ClientMutation;
  readonly encoded: Uint8Array;
  isAnswered: boolean;
}

interface Line {
  readonly socket: SimulatedSocket;
  readonly epoch: number;
  /** It never proved that the session is its own. */
  readonly isStranger: boolean;
  isWelcome: boolean;
  isOver: boolean;
  /** By the id of the request. */
  readonly asked: Map<number, Sent>;
}

/** The newest, and those that the session has left and that are still there. */
const maxLines = 4;
/** What may be sent again. */
const maxRemembered = 24;
const keys = 3;
/** Of its connections, those over which it claims nothing and acts for its session all the same. */
const strangerShare = 0.1;

/**
 * A session without manners, below the SDK: it moves between members in a loop, leaves its old connections open and goes on sending over them, sends what was
 * answered again, here and there at once, gives back what it gave back long ago, and takes back what it may have by now. It believes in nothing, so what
 * it does must do no harm; and what it is told was done must be done, once.
 */
export class Roamer {
  readonly #name: string;
  readonly #process: VirtualProcess;
  readonly #world: World;
  #secret: Uint8Array = new Uint8Array();
  #session: number | null = null;
  #epoch = 0;
  /** Of the newest connection that was told that it has the session. */
  #takenEpoch = 0;
  #lines: Line[] = [];
  #sent: Sent[] = [];
  /** Sequences and fences of holds that it was told of. */
  #holds: { readonly sequence: number; readonly fence: number }[] = [];
  #sequence = 1;
  #acknowledgedBelow = 1;
  #nextId = 1;
  #isStopped = false;

  constructor(name: string, process: VirtualProcess, world: World) {
    this.#name = name;
    this.#process = process;
    this.#world = world;
    this.#begin();
    const { moveEveryMs, sendEveryMs, ttlMs } = world.settings;
    this.#every(moveEveryMs, () => this.#move());
    this.#every(sendEveryMs, () => this.#send());
    this.#every(ttlMs / 4, () => this.#keepAlive(world.settings.oldShare));
  }

  /** The connection that has it is gone, and those that it has left go on asking for its session: it must end all the same, and give back what it holds. */
  stop(): void {
    this.#isStopped = true;
    const isLeft = (line: Line): boolean => line.isStranger || line.epoch < this.#takenEpoch;
    for (const line of this.#lines) if (!isLeft(line)) line.socket.close();
    this.#lines = this.#lines.filter(isLeft);
    this.#insist();
  }

  #insist(): void {
    this.#keepAlive(1);
    this.#process.after(this.#world.settings.ttlMs / 4, () => this.#insist());
  }

  get #now(): Line | undefined {
    return this.#lines.findLast(({ isOver, isStranger, isWelcome }) => isWelcome && !isOver && !isStranger);
  }

  #every(meanMs: number, act: () => void): void {
    this.#process.after(this.#world.random.exponential(meanMs), () => {
      if (this.#isStopped) return;
      act();
      this.#every(meanMs, act);
    });
  }

  /** Another session; of the last one nobody takes care any more. */
  #begin(): void {
    const { random } = this.#world;
    this.#secret = Uint8Array.from({ length: wireLimits.sessionSecretBytes }, () => random.integer(0, 256));
    this.#session = null;
    this.#epoch = 0;
    this.#takenEpoch = 0;
    this.#sent = [];
    this.#holds = [];
    this.#sequence = 1;
    this.#acknowledgedBelow = 1;
    for (const { socket } of this.#lines.splice(0)) socket.close();
  }

  #move(): void {
    const { counts, hosts, random, sockets } = this.#world;
    const reachable = hosts.filter(({ isPresent, isUp }) => isPresent && isUp);
    if (reachable.length === 0) return;
    const isStranger = this.#session !== null && random.chance(strangerShare);
    if (this.#session !== null && !isStranger) {
      counts.moves++;
      this.#epoch++;
    }
    const claims =
      this.#session === null || isStranger
        ? []
        : [{ session: this.#session, secret: this.#secret, epoch: this.#epoch }];
    const socket: SimulatedSocket = new SimulatedSocket(random.pick(reachable), this.#process, sockets, {
      opened: () =>
        socket.send(
          encodeClientFrame([
            {
              type: 'hello',
              minVersion: minProtocolVersion,
              maxVersion: protocolVersion,
              features: [],
              author: this.#name,
              clusterId: null,
              sessions: claims,
            },
          ]),
        ),
      received: (frame) => {
        for (const message of decodeMemberFrame(frame)) this.#received(line, message);
      },
      closed: () => {
        line.isOver = true;
      },
    });
    const line: Line = { socket, epoch: this.#epoch, isStranger, isWelcome: false, isOver: false, asked: new Map() };
    this.#lines = [...this.#lines.filter(({ isOver }) => !isOver), line];
    if (this.#lines.length > maxLines) this.#lines.shift()?.socket.close();
  }

  #received(line: Line, message: MemberMessage): void {
    if (this.#isStopped) return;
    if (message.type === 'welcome') {
      line.isWelcome = true;
      const [standing] = message.sessions;
      if (standing?.session === this.#session && standing.ttlMs !== null)
        this.#takenEpoch = Math.max(this.#takenEpoch, line.epoch);
      // Nobody has it any more, and a newer line may have asked for it already.
      if (standing?.session === this.#session && standing.ttlMs === null && line.epoch === this.#epoch) this.#begin();
      else if (this.#session === null && line.epoch === 0) this.#open(line);
    }
    if (message.type === 'sessionEnded' && message.session === this.#session && message.cause !== 'fenced')
      this.#begin();
    if (message.type === 'result') this.#answered(line, message.id, message.result);
    if (message.type === 'error') line.asked.delete(message.id);
  }

  #open(line: Line): void {
    const { ttlMs } = this.#world.settings;
    this.#say(line, { type: 'sessionOpen', id: this.#nextId++, ttlMs, secret: this.#secret, metadata: {} });
  }

  #answered(line: Line, id: number, encoded: Uint8Array): void {
    const result = decodeResult(encoded);
    if (result.type === 'sessionOpen') {
      // Opened by an earlier sending, perhaps: one secret, one session.
      if (this.#session === null && this.#lines.includes(line)) this.#session = result.session;
      return;
    }
    const sent = line.asked.get(id);
    line.asked.delete(id);
    if (sent === undefined) return;
    demand(
      !line.isStranger,
      'sessions belong to who opened them',
      () => `${this.#name} was answered over a connection that never proved session ${this.#session}`,
    );
    sent.isAnswered = true;
    const { operation, sequence } = sent;
    if (result.type === 'lockAcquire' && result.state === 'held') this.#holds.push({ sequence, fence: result.fence });
    // A put whose sequence was taken back before it came is told that it was cancelled.
    if (operation.type !== 'put' || result.type !== 'put') return;
    this.#world.counts.acknowledged++;
    const value = Buffer.from(operation.value).toString('latin1');
    for (const observer of this.#world.observers) observer.acknowledged?.(this.#name, value);
  }

  #send(): void {
    const { counts, random, settings } = this.#world;
    const newest = this.#now;
    if (newest === undefined || this.#session === null) return;
    const old = this.#lines.filter((line) => line !== newest && line.isWelcome && !line.isOver);
    const line = old.length > 0 && random.chance(settings.oldShare) ? random.pick(old) : newest;
    if (line.isStranger) counts.strange++;
    else if (line !== newest) counts.late++;
    if (this.#sent.length > 0 && random.chance(0.3)) {
      counts.resent++;
      return this.#ask(line, random.pick(this.#sent));
    }
    const sent = this.#make(this.#draw());
    // Taken back before it arrives, as when the frames of two connections cross.
    if (sent.operation.type === 'lockAcquire' && random.chance(0.2))
      this.#ask(newest, this.#make({ type: 'lockCancel', sequence: sent.sequence }));
    this.#ask(line, sent);
    // The same at two members at once.
    if (line !== newest && random.chance(0.5)) this.#ask(newest, sent);
  }

  #make(operation: ClientMutation): Sent {
    const encoded = encodeOperation(operation);
    const sent: Sent = { sequence: this.#sequence++, operation, encoded, isAnswered: false };
    this.#sent.push(sent);
    if (this.#sent.length > maxRemembered) this.#acknowledge();
    return sent;
  }

  /** Half of what it remembers is given up, as far as it was answered. */
  #acknowledge(): void {
    const unanswered = this.#sent.findIndex(({ isAnswered }) => !isAnswered);
    const given = Math.min(maxRemembered / 2, unanswered === -1 ? this.#sent.length : unanswered);
    // What was never answered is given up all the same, and comes too late after that.
    this.#sent.splice(0, Math.max(1, given));
    this.#acknowledgedBelow = this.#sent[0]?.sequence ?? this.#sequence;
  }

  #ask(line: Line, sent: Sent): void {
    const id = this.#nextId++;
    line.asked.set(id, sent);
    const identity = {
      by: 'session',
      session: this.#session ?? 0,
      sequence: sent.sequence,
      acknowledgedBelow: this.#acknowledgedBelow,
      epoch: line.isStranger ? this.#epoch : line.epoch,
    } as const;
    this.#say(line, { type: 'mutate', id, identity, reason: null, deadlineMs: null, operation: sent.encoded });
  }

  #draw(): ClientMutation {
    const { random } = this.#world;
    const roll = random.next();
    if (roll < 0.5) return this.#put();
    if (roll < 0.75) return this.#acquire();
    // Of an acquire long ago, of one that waits, or of one that has not arrived yet.
    const sequence = Math.max(1, this.#sequence - random.integer(0, 12));
    if (roll < 0.85 && sequence !== this.#sequence) return { type: 'lockCancel', sequence };
    const hold = this.#holds.length === 0 ? null : random.pick(this.#holds);
    if (hold === null) return this.#put();
    return { type: 'lockRelease', sequence: hold.sequence, fence: hold.fence, heir: null };
  }

  #put(): ClientMutation {
    const { nextValue, random } = this.#world;
    const key = Buffer.from(`r${random.integer(0, keys)}`);
    return { type: 'put', key, value: Buffer.from(nextValue(), 'latin1'), lease: null, returnPrevious: false };
  }

  #acquire(): ClientMutation {
    const { random, settings } = this.#world;
    const name: LockName = { kind: 'lock', name: Buffer.from(`l${random.integer(0, settings.locks)}`) };
    const claim = random.chance(0.5) ? ({ mode: 'exclusive', name } as const) : ({ mode: 'shared', name } as const);
    return {
      type: 'lockAcquire',
      claims: [claim],
      wait: random.chance(0.5),
      value: null,
      lockDelayMs: random.pick([0, 200]),
      keeping: [],
    };
  }

  /** The newest line renews it; so many of the old ones try. */
  #keepAlive(oldShare: number): void {
    const { random } = this.#world;
    if (this.#session === null) {
      const line = this.#now;
      if (line !== undefined && !this.#isStopped) this.#open(line);
      return;
    }
    const message = { type: 'keepalive', leases: [this.#session] } as const;
    const newest = this.#isStopped ? undefined : this.#now;
    for (const line of this.#lines) {
      if (!line.isWelcome || line.isOver || (line !== newest && !random.chance(oldShare))) continue;
      this.#say(line, { ...message, id: this.#nextId++ });
    }
  }

  #say({ socket }: Line, message: ClientMessage): void {
    socket.send(encodeClientFrame([message]));
  }
}
