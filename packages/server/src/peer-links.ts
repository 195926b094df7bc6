import { type Lane, lanes, type Member, type MemberId, type PeerRoute } from '@conclave/member';
import type { Logger } from 'pino';
import { PeerLink } from './peer-link.ts';
import { peerSilence } from './peer-listener.ts';
import { SilenceWatch } from './silence.ts';

/** The links of this member to the others: one for each lane, as long as the other is in the cluster. */
export class PeerLinks {
  readonly #member: () => Member;
  readonly #log: Logger;
  readonly #links = new Map<MemberId, Readonly<Record<Lane, PeerLink>>>();
  readonly #silence = new SilenceWatch(peerSilence);
  #isClosed = false;

  constructor(member: () => Member, log: Logger) {
    this.#member = member;
    this.#log = log;
  }

  send(to: MemberId, lane: Lane, frame: Uint8Array): boolean {
    return this.#links.get(to)?.[lane].send(frame) ?? false;
  }

  bufferedBytes(to: MemberId, lane: Lane): number {
    return this.#links.get(to)?.[lane].bufferedBytes ?? 0;
  }

  reach(peers: readonly PeerRoute[]): void {
    if (this.#isClosed) return;
    const wanted = new Set(peers.map(({ id }) => id));
    for (const [id, own] of this.#links) {
      if (wanted.has(id)) continue;
      this.#links.delete(id);
      for (const lane of lanes) own[lane].close();
    }
    for (const { id, urls } of peers) {
      const known = this.#links.get(id);
      const own = known ?? {
        control: this.#link(id, 'control'),
        bulk: this.#link(id, 'bulk'),
        snapshot: this.#link(id, 'snapshot'),
      };
      this.#links.set(id, own);
      for (const lane of lanes) own[lane].found(urls);
    }
  }

  #link(peer: MemberId, lane: Lane): PeerLink {
    return new PeerLink(peer, lane, this.#member, this.#log, this.#silence);
  }

  close(): void {
    this.#isClosed = true;
    this.#silence.close();
    for (const own of this.#links.values()) for (const lane of lanes) own[lane].close();
    this.#links.clear();
  }
}
