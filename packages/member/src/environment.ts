// Everything that a member knows of the world comes in here: so the same code runs as a process, in the simulator and in a browser tab.
import type { MemberId, Prng } from '@conclave/core';
import type { Storage } from '@conclave/storage';
import type { PeerRoute } from './membership/directory.ts';

export interface Clock {
  /** Monotonic milliseconds of any origin. Decides. */
  nowMs(): number;
  /** Milliseconds since 1970. For people to read. */
  wallMs(): number;
}

export type Cancel = () => void;

export interface Timers {
  after(delayMs: number, run: () => void): Cancel;
  /** After everything that has arrived by now was read: what comes in together is worked on together. */
  soon(run: () => void): void;
}

/** Values and secrets never go in here. */
export interface Logger {
  info(facts: Readonly<Record<string, unknown>>, message: string): void;
  warn(facts: Readonly<Record<string, unknown>>, message: string): void;
  error(facts: Readonly<Record<string, unknown>>, message: string): void;
}

/**
 * `control`: heartbeats, votes, acknowledgements. `bulk`: entries, and the requests that lead to them. `snapshot`: whole states. Each keeps its
 * order, and none waits behind another.
 */
export type Lane = 'control' | 'bulk' | 'snapshot';
export const lanes: readonly Lane[] = ['control', 'bulk', 'snapshot'];

/** Frames to the other members. Frames of one lane arrive in order or not at all. */
export interface PeerTransport {
  /** False when the frame was dropped: the peer is not connected, or too much waits for it already. */
  send(to: MemberId, lane: Lane, frame: Uint8Array): boolean;
  /** Bytes that were sent to it in this lane and have not left yet. 0 while it is not connected. */
  bufferedBytes(to: MemberId, lane: Lane): number;
  /** With whom to be connected from now on; connections with all others are closed. Called when that, or an address, has changed. */
  reach(peers: readonly PeerRoute[]): void;
}

/** One client's connection. The member writes whole frames and says whether it can take more. */
export interface ClientSocket {
  send(frame: Uint8Array): void;
  /** Bytes that were sent and have not left yet. */
  readonly bufferedBytes: number;
  /** Stops and goes on reading: what the client sends waits in its own buffers. */
  pause(): void;
  resume(): void;
  /** Closes after what was sent. */
  close(): void;
}

/** What of its storage a member uses. `state` is another object after each snapshot that replaced it. */
export type Store = Pick<Storage, 'log' | 'state' | 'snapshots' | 'space' | 'restoreReserve'>;

export interface Environment {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly prng: Prng;
  readonly log: Logger;
  readonly transport: PeerTransport;
  readonly store: Store;
  /** SHA-256. */
  readonly hash: (bytes: Uint8Array) => Uint8Array;
  /**
   * Something happened after which this member must not go on: it has stopped everything, and the process ends. After a LostAcknowledgedError
   * the disk must first be marked, so that no later process votes on it.
   */
  readonly onFatal: (error: Error) => void;
}
