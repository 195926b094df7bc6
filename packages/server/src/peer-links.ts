import { type Lane, lanes, type Member, type MemberId, type PeerRoute } from '@conclave/member';
import type { Logger } from 'pino';
import { PeerLink } from './peer-link.ts';

/** The links of this member to the others: one for each lane, as long as the other is in the cluster. */
export class PeerLinks {
  readonly #member: () => Member;
  readonly #log: Logger;
  readonly #links = new Map<MemberId, Readonly<Record<Lane, PeerLink>>>();
  #isClosed = false;

  constructor(member: () => Member, log: Logger) {
    this.#member = member;
    this.#log = log;
  }

  send(to: MemberId, lane: Lane, frame: Uint8Array): boolean {
    return this.#links.get(to)?.[lane].send(frame) ?? false;
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
    return new PeerLink(peer, lane, this.#member, this.#log, () => this.#renew(peer, lane));
  }

  /** The control lane has little under way: its silence is the machine's. */
  #renew(peer: MemberId, silent: Lane): void {
    const own = this.#links.get(peer);
    for (const lane of silent === 'control' ? lanes : [silent]) own?.[lane].renew();
  }

  close(): void {
    this.#isClosed = true;
    for (const own of this.#links.values()) for (const lane of lanes) own[lane].close();
    this.#links.clear();
  }
}
