import assert from 'node:assert/strict';
import { integerBetween } from '@conclave/core';
import type { Member } from '@conclave/member';
import {
  type ClientMessage,
  decodeMemberFrame,
  decodeResult,
  encodeClientFrame,
  encodeOperation,
  type MemberMessage,
  type Operation,
  type Result,
  type SessionClaim,
} from '@conclave/protocol';

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function put(key: string, value: string): Operation {
  return { type: 'put', key: bytes(key), value: bytes(value), lease: null, returnPrevious: false };
}

export function get(key: string): Operation {
  return {
    type: 'range',
    range: { key: bytes(key), end: null },
    revision: null,
    limit: 0,
    order: 'ascending',
    keysOnly: false,
    countOnly: false,
    modifiedSince: null,
  };
}

export function someSecret(): Uint8Array {
  return Uint8Array.from({ length: 16 }, () => integerBetween({ next: Math.random }, 0, 256));
}

/** A client that speaks frames, without the SDK. */
export class RawClient {
  readonly received: MemberMessage[] = [];
  readonly #wake: (() => void)[] = [];
  readonly #connection: ReturnType<Member['connectClient']>;
  #nextId = 1;

  constructor(member: Member) {
    this.#connection = member.connectClient({
      send: (frame) => {
        this.received.push(...decodeMemberFrame(frame));
        for (const wake of this.#wake.splice(0)) wake();
      },
      bufferedBytes: 0,
      pause: () => {},
      resume: () => {},
      close: () => {},
    });
    this.send({
      type: 'hello',
      minVersion: 1,
      maxVersion: 1,
      features: [],
      author: 'test',
      clusterId: null,
      sessions: [],
    });
  }

  send(...messages: ClientMessage[]): void {
    this.#connection.receive(encodeClientFrame(messages));
  }

  /** Its connection is gone. */
  close(): void {
    this.#connection.closed();
  }

  async wait<T extends MemberMessage['type']>(
    type: T,
    fits: (message: Extract<MemberMessage, { type: T }>) => boolean = () => true,
  ): Promise<Extract<MemberMessage, { type: T }>> {
    for (;;) {
      const found = this.received.find(
        (message): message is Extract<MemberMessage, { type: T }> =>
          message.type === type && fits(message as Extract<MemberMessage, { type: T }>),
      );
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
  }

  async ask(
    operation: Operation,
    identity: 'none' | { session: number; sequence: number; epoch?: number } = 'none',
  ): Promise<Result> {
    const id = this.#nextId++;
    const encoded = encodeOperation(operation);
    const reads = operation.type === 'range' || operation.type === 'lock' || operation.type === 'members';
    if (reads) {
      this.send({
        type: 'query',
        id,
        consistency: 'linearizable',
        minRevision: 0,
        deadlineMs: null,
        operation: encoded,
      });
    } else {
      const by =
        identity === 'none'
          ? ({ by: 'key', key: bytes(`${Math.random()}`) } as const)
          : ({ by: 'session', acknowledgedBelow: 1, epoch: 0, ...identity } as const);
      this.send({ type: 'mutate', id, identity: by, reason: null, deadlineMs: null, operation: encoded });
    }
    const answer = await Promise.race([
      this.wait('result', (message) => message.id === id),
      this.wait('error', (message) => message.id === id),
    ]);
    if (answer.type === 'error') throw new Error(`${answer.error.code} ${answer.error.message}`);
    return decodeResult(answer.result);
  }

  async openSession(ttlMs: number, secret: Uint8Array = someSecret()): Promise<number> {
    const id = this.#nextId++;
    this.send({ type: 'sessionOpen', id, ttlMs, secret, metadata: {} });
    const answer = await this.wait('result', (message) => message.id === id);
    const result = decodeResult(answer.result);
    assert.equal(result.type, 'sessionOpen');
    return result.type === 'sessionOpen' ? result.session : 0;
  }

  /** Its time to live, confirmed; null when it was not taken. */
  async resume(claim: SessionClaim): Promise<number | null> {
    const id = this.#nextId++;
    this.send({ type: 'sessionResume', id, sessions: [claim] });
    const answer = await this.wait('sessionsResumed', (message) => message.id === id);
    return answer.sessions[0]?.ttlMs ?? null;
  }
}
