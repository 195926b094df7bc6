import type { Acknowledged, MemberId } from '@conclave/core';
import type { LogStore } from '@conclave/storage';
import { asError } from '../defect.ts';
import type { Environment } from '../environment.ts';
import { commandsOf } from '../level.ts';
import type { Membership } from '../membership/membership.ts';
import type { MemberSettings } from '../settings.ts';
import { Abstention } from './abstention.ts';
import {
  Admission,
  encodeHello,
  LostAcknowledgedError,
  type PeerHello,
  PeerRefusedError,
  type Verdict,
} from './hello.ts';

type Own = MemberSettings & { readonly storeUuid: string; readonly bootId: number };

/** Where links between members begin: what this member says of itself, and whom it lets in. */
export class Door {
  readonly #own: Own;
  readonly #membership: Membership;
  readonly #admission: Admission;
  readonly #failed: (error: Error) => void;
  readonly abstention: Abstention;

  constructor(
    own: Own,
    membership: Membership,
    log: LogStore,
    { clock, hash }: Pick<Environment, 'clock' | 'hash'>,
    failed: (error: Error) => void,
  ) {
    this.#own = own;
    this.#membership = membership;
    this.#admission = new Admission(own, membership.directory, log, hash, () => membership.level);
    this.#failed = failed;
    this.abstention = new Abstention(own, clock, () => membership.voters);
  }

  hello(to: MemberId, acknowledged: Acknowledged): Uint8Array {
    const { bootId, clusterId, id, joinSecret, peerUrl, storeUuid } = this.#own;
    const { changedAt, own } = this.#membership.directory;
    const who = { clusterId, memberId: id, to, storeUuid, bootId, acknowledged, knows: commandsOf(this.#own).known };
    return encodeHello({ ...who, membersChangedAt: changedAt, peerUrl: peerUrl ?? own.peerUrl, joinSecret });
  }

  /** Rejects with PeerRefusedError when the peer may not take part. */
  async admit(hello: PeerHello): Promise<void> {
    try {
      await this.#admission.admit(hello);
    } catch (error) {
      // The peer's store could not be noted: the disk has failed, and a member that never leads or votes again would not notice otherwise.
      if (!(error instanceof PeerRefusedError)) this.#failed(asError(error));
      throw error;
    }
    this.#membership.announced(hello.memberId, hello.peerUrl);
  }

  acceptedBy(peer: MemberId): void {
    this.abstention.acceptedBy(peer);
  }

  told(by: MemberId, verdict: Verdict): void {
    if (verdict === 'removed') this.#membership.toldRemoved(by);
    else this.#failed(new LostAcknowledgedError(by));
  }

  witness(peer: MemberId, acknowledged: Acknowledged): void {
    this.#admission.witness(peer, acknowledged);
  }
}
