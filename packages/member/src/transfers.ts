import type { Failure, MemberId, TransferId } from '@conclave/core';
import type { Pump } from './pump.ts';

/** Why leadership stayed where it is. */
export class TransferError extends Error {
  override readonly name = 'TransferError';
  readonly reason: Failure['reason'];

  constructor(reason: Failure['reason'], message: string) {
    super(message);
    this.reason = reason;
  }
}

const reasons: Partial<Record<Failure['reason'], string>> = {
  'not-leader': 'this member does not lead',
  transferring: 'leadership is being handed over already',
  'invalid-target': 'leadership can only be handed to another voter that is up',
  'transfer-timeout': 'the other member did not take over within an election time',
};

/** Leadership on its way to another member. What is proposed meanwhile waits for whoever leads next. */
export class Transfers {
  readonly #pump: Pick<Pump, 'push'>;
  readonly #hold: (held: boolean) => void;
  readonly #underWay = new Map<
    TransferId,
    { readonly resolve: () => void; readonly reject: (error: TransferError) => void }
  >();
  #nextId: TransferId = 1;

  /** `hold`: whether proposals are to wait. */
  constructor(pump: Pick<Pump, 'push'>, hold: (held: boolean) => void) {
    this.#pump = pump;
    this.#hold = hold;
  }

  /** Resolves when this member does not lead any more; rejects with TransferError when it still does, or never did. */
  async begin(to: MemberId | 'best'): Promise<void> {
    return new Promise((resolve, reject) => {
      const id = this.#nextId++;
      this.#underWay.set(id, { resolve, reject });
      this.#hold(true);
      this.#pump.push({ type: 'transferLeader', id, to });
    });
  }

  handedOver(ids: readonly TransferId[]): void {
    for (const id of ids) this.#take(id)?.resolve();
  }

  failed({ detail, id, reason }: Failure): void {
    const transfer = this.#take(id);
    if (this.#underWay.size === 0) this.#hold(false);
    transfer?.reject(new TransferError(reason, detail ?? reasons[reason] ?? reason));
  }

  #take(id: TransferId): { readonly resolve: () => void; readonly reject: (error: TransferError) => void } | undefined {
    const transfer = this.#underWay.get(id);
    this.#underWay.delete(id);
    return transfer;
  }

  /** This member stops, and with it all that it was asked. */
  abandon(): void {
    for (const { resolve } of this.#underWay.values()) resolve();
    this.#underWay.clear();
  }
}
