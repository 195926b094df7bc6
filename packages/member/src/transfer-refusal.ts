/** Why leadership stayed where it is. The numbers are on the wire between members: never renumber. */
export const transferRefusals = {
  'not-leader': { number: 1, text: 'the member that was asked does not lead' },
  transferring: { number: 2, text: 'leadership is being handed over already' },
  'invalid-target': { number: 3, text: 'leadership can only be handed to another voter that is up' },
  'target-unreachable': { number: 5, text: 'the other member was not heard of just now' },
  'target-behind': { number: 6, text: 'the other member has not got, or not loaded, its state yet' },
  'transfer-timeout': { number: 4, text: 'the other member did not take over within an election time' },
} as const;

export type TransferRefusal = keyof typeof transferRefusals;

export function isTransferRefusal(reason: string): reason is TransferRefusal {
  return reason in transferRefusals;
}

/** Leadership stays. */
export class TransferError extends Error {
  override readonly name = 'TransferError';
  readonly reason: TransferRefusal;

  constructor(reason: TransferRefusal) {
    super(transferRefusals[reason].text);
    this.reason = reason;
  }
}
