import { type Configuration, type MemberId, membersOf } from '@conclave/core';
import type { Membership } from '@conclave/state-machine';
import type { MemberAddress } from '../settings.ts';

/** A member to be connected to, and where it may be found, the likeliest address first. */
export interface PeerRoute {
  readonly id: MemberId;
  readonly urls: readonly string[];
}

/**
 * `member`: on record, or counted by the configuration. `removed`: its id was given out and is nobody's any more, for ever. `unknown`: its
 * id was not given out, as far as is known here.
 */
export type Standing = 'member' | 'removed' | 'unknown';

type Known = Membership['members'][number];

/**
 * Who is in the cluster, and where. The table of the replicated state is the truth as soon as there is one; before it the command line is.
 * Addresses can all have changed while nothing ran, so that no new ones could be put on record: therefore the command line's address, and
 * the one that a peer itself names when it connects, are tried too. A wrong one does no harm: the hello says who answers there.
 */
export class Directory {
  readonly #id: MemberId;
  readonly #given: ReadonlyMap<MemberId, MemberAddress>;
  readonly #announced = new Map<MemberId, string>();
  #table: ReadonlyMap<MemberId, Known> = new Map();
  #nextMember = 0;
  #changedAt = 0;
  #counted: ReadonlySet<MemberId>;

  constructor(id: MemberId, given: readonly MemberAddress[], configuration: Configuration) {
    this.#id = id;
    this.#given = new Map(given.map((address) => [address.id, address]));
    this.#counted = new Set(membersOf(configuration));
  }

  /** `counted`: everybody whom the configuration in force names, or to whom this leader still has something to say. */
  update({ changedAt, members, nextMember }: Membership, counted: readonly MemberId[]): void {
    this.#table = new Map(members.map((one) => [one.member as MemberId, one]));
    this.#nextMember = nextMember;
    this.#changedAt = changedAt;
    this.#counted = new Set(counted);
  }

  /** The cluster's members are on record. */
  get isSeeded(): boolean {
    return this.#nextMember > 0;
  }

  /** Log index: the larger it is, the more the table knows. 0: it is empty. */
  get changedAt(): number {
    return this.#changedAt;
  }

  /** Those who are to be in the cluster. */
  get members(): MemberAddress[] {
    if (!this.isSeeded) return [...this.#given.values()];
    return [...this.#table.values()].filter(({ role }) => role !== 'removed').map(addressOf);
  }

  /** Those and whoever is still counted, with what is known of them. */
  get present(): MemberAddress[] {
    const all = new Map(this.members.map((address) => [address.id, address]));
    for (const id of this.#counted) if (!all.has(id)) all.set(id, this.#last(id));
    return [...all.values()].toSorted((a, b) => a.id - b.id);
  }

  get own(): MemberAddress {
    return this.present.find(({ id }) => id === this.#id) ?? this.#last(this.#id);
  }

  /** Addresses of this process's command line that are not those on record. */
  get contradictions(): { readonly given: MemberAddress; readonly recorded: MemberAddress }[] {
    return this.members.flatMap((recorded) => {
      const given = this.#given.get(recorded.id);
      if (given === undefined) return [];
      const same = given.clientUrl === recorded.clientUrl && given.peerUrl === recorded.peerUrl;
      return same ? [] : [{ given, recorded }];
    });
  }

  standingOf(member: MemberId): Standing {
    if (this.#counted.has(member)) return 'member';
    if (!this.isSeeded) return this.#given.has(member) ? 'member' : 'unknown';
    const known = this.#table.get(member);
    if (known !== undefined && known.role !== 'removed') return 'member';
    return member < this.#nextMember ? 'removed' : 'unknown';
  }

  /** What a member must prove to know when it is met for the first time. Null: nothing, or it is not known here. */
  joinSecretHashOf(member: MemberId): Uint8Array | null {
    return this.#table.get(member)?.joinSecretHash ?? null;
  }

  /** The peer itself says that it is found there. Answers whether that is news. */
  announce(peer: MemberId, peerUrl: string): boolean {
    const isNews = this.#announced.get(peer) !== peerUrl;
    this.#announced.set(peer, peerUrl);
    return isNews;
  }

  get routes(): PeerRoute[] {
    const ids = new Set([...this.present.map(({ id }) => id), ...this.#admitted()]);
    ids.delete(this.#id);
    return [...ids].map((id) => {
      const urls = [this.#table.get(id)?.peerUrl, this.#announced.get(id), this.#given.get(id)?.peerUrl];
      return { id, urls: [...new Set(urls.filter((url) => url !== undefined))] };
    });
  }

  /** Those who have come and are not known here yet: they know more. */
  #admitted(): MemberId[] {
    return [...this.#announced.keys()].filter((id) => this.standingOf(id) === 'unknown');
  }

  #last(id: MemberId): MemberAddress {
    const known = this.#table.get(id);
    if (known !== undefined) return addressOf(known);
    return this.#given.get(id) ?? { id, name: `member-${id}`, clientUrl: '', peerUrl: this.#announced.get(id) ?? '' };
  }
}

function addressOf({ clientUrl, member, name, peerUrl }: Known): MemberAddress {
  return { id: member as MemberId, name, clientUrl, peerUrl };
}
