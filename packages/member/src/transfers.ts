import type { Failure, MemberId, TransferId } from '@conclave/core';
import type { Cancel, Timers } from './environment.ts';
import type { HandOver, HandOverEnded, PeerMessage, PeerRequestId } from './peer/message.ts';
import type { Pump } from './pump.ts';
import { bounds } from './settings.ts';
import { isTransferRefusal, TransferError, type TransferRefusal } from './transfer-refusal.ts';

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (error: TransferError) => void;
}

export interface TransferParts {
  readonly pump: Pick<Pump, 'push'>;
  readonly timers: Timers;
  readonly electionMs: number;
  /** Whether proposals are to wait for whoever leads next. */
  hold(held: boolean): void;
  takeRequest(): PeerRequestId;
  send(to: MemberId, message: PeerMessage): void;
}

/** Leadership on its way to another member: asked for here, or by a client of another member. */
export class Transfers {
  readonly #parts: TransferParts;
  readonly #underWay = new Map<TransferId, Waiting>();
  readonly #passedOn = new Map<PeerRequestId, Waiting & { readonly patience: Cancel }>();
  /** Who asked, and waits to hear who leads next. */
  #curious: { readonly resolve: (leader: MemberId) => void; readonly reject: (error: TransferError) => void }[] = [];
  #stopped = false;
  #leader: MemberId | null = null;
  #leads = false;
  #nextId = 1;

  constructor(parts: TransferParts) {
    this.#parts = parts;
  }

  /** As leader. Resolves when this member does not lead any more; rejects with TransferError when it still does, or never did. */
  async begin(to: MemberId | null): Promise<void> {
    if (this.#stopped) throw new TransferError('not-leader');
    return new Promise((resolve, reject) => {
      const id = this.#nextId++;
      this.#underWay.set(id, { resolve, reject });
      this.#parts.hold(true);
      this.#parts.pump.push({ type: 'transferLeader', id, to: to ?? 'best' });
    });
  }

  /** Whoever leads. Resolves to who leads then; rejects with TransferError. */
  async throughLeader(to: MemberId | null): Promise<MemberId> {
    const before = this.#leader;
    if (before === null) throw new TransferError('not-leader');
    await (this.#leads ? this.begin(to) : this.#ask(before, to));
    if (this.#leader !== null && this.#leader !== before) return this.#leader;
    return new Promise((resolve, reject) => this.#curious.push({ resolve, reject }));
  }

  leadership(leader: MemberId | null, leads: boolean): void {
    this.#leader = leader;
    this.#leads = leads;
    if (leader === null) return;
    const curious = this.#curious;
    this.#curious = [];
    for (const { resolve } of curious) resolve(leader);
  }

  async #ask(leader: MemberId, to: MemberId | null): Promise<void> {
    return new Promise((resolve, reject) => {
      const request = this.#parts.takeRequest();
      // Longer than the leader takes to give it up: its word is the better one.
      const patience = this.#parts.timers.after(this.#parts.electionMs + bounds.forwardPatienceMs, () => {
        if (this.#passedOn.delete(request)) reject(new TransferError('transfer-timeout'));
      });
      this.#passedOn.set(request, { resolve, reject, patience });
      this.#parts.send(leader, { type: 'handOver', request, to });
    });
  }

  asked(from: MemberId, { request, to }: HandOver): void {
    const end = (refusal: TransferRefusal | null): void =>
      this.#parts.send(from, { type: 'handOverEnded', request, refusal });
    this.begin(to).then(
      () => end(null),
      (error: TransferError) => end(error.reason),
    );
  }

  answered({ refusal, request }: HandOverEnded): void {
    const waiting = this.#passedOn.get(request);
    this.#passedOn.delete(request);
    waiting?.patience();
    if (refusal === null) waiting?.resolve();
    else waiting?.reject(new TransferError(refusal));
  }

  handedOver(ids: readonly TransferId[]): void {
    for (const id of ids) this.#take(id)?.resolve();
  }

  failed({ id, reason }: Failure): void {
    const transfer = this.#take(id);
    // One that was refused because another is under way does not end that one.
    if (this.#underWay.size === 0) this.#parts.hold(false);
    transfer?.reject(new TransferError(isTransferRefusal(reason) ? reason : 'not-leader'));
  }

  /** This member stops, and with it all that it was asked. */
  abandon(): void {
    this.#stopped = true;
    const all = [...this.#underWay.values(), ...this.#passedOn.values(), ...this.#curious];
    this.#curious = [];
    for (const { patience } of this.#passedOn.values()) patience();
    this.#underWay.clear();
    this.#passedOn.clear();
    for (const { reject } of all) reject(new TransferError('not-leader'));
  }

  #take(id: TransferId): Waiting | undefined {
    const transfer = this.#underWay.get(id);
    this.#underWay.delete(id);
    return transfer;
  }
}
