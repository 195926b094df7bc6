// Changes of the membership, by the commands that an operator has, while everything else happens, too.
import { type Client, ConclaveError } from '@conclave/client';
import { conclave, type Finished, runConclave } from '../processes/conclave-program.ts';
import { patienceMs, type Site, type TestCluster } from '../processes/test-cluster.ts';
import type { MembershipKind } from './plan.ts';
import type { Tally } from './tally.ts';

interface Listed {
  readonly id: number;
  readonly wanted: 'voter' | 'learner' | 'removed';
  readonly standing: string | null;
}

interface Issued {
  readonly id: number;
  readonly token: string;
}

/** So many members may come to those with which the cluster began. */
const maxAdditions = 2;
const minVoters = 3;
/** Of one command, in a storm. */
const commandTimeoutMs = '15000';
const listTimeoutMs = 5_000;

export class MembershipChanges {
  readonly #cluster: TestCluster;
  readonly #client: Client;
  readonly #tally: Tally;
  readonly #log: (line: string) => void;
  readonly #maxMembers: number;
  #last: Promise<void> = Promise.resolve();
  #underWay = 0;
  #failure: Error | null = null;

  /** `client`: with it the record is read. */
  constructor(cluster: TestCluster, client: Client, tally: Tally, log: (line: string) => void) {
    this.#cluster = cluster;
    this.#client = client;
    this.#tally = tally;
    this.#log = log;
    this.#maxMembers = cluster.ids.length + maxAdditions;
  }

  /** One behind the other. */
  begin(kind: MembershipKind, target: number | null): void {
    this.#underWay++;
    this.#last = this.#last
      .then(async () => this.#change(kind, target))
      .catch((error: unknown) => {
        this.#failure ??= error instanceof Error ? error : new Error(String(error));
      })
      .finally(() => this.#underWay--);
  }

  async #change(kind: MembershipKind, target: number | null): Promise<void> {
    const did = await this.#attempt(kind, target);
    this.#log(`${kind}: ${did ?? 'it did not come about'}`);
    if (did === null) this.#tally.omitted(kind);
    else this.#tally.occurred(kind);
  }

  /** What was done, or null. */
  async #attempt(kind: MembershipKind, target: number | null): Promise<string | null> {
    const members = await this.#listed();
    if (members === null) return null;
    const learner = members.find(({ wanted }) => wanted === 'learner');
    const hasRoom = members.length < this.#maxMembers;
    switch (kind) {
      case 'add':
      case 'add learner':
        return hasRoom ? this.#add(kind === 'add' ? [] : ['--learner']) : null;
      case 'promote': {
        if (learner === undefined && hasRoom) await this.#add(['--learner']);
        const one = learner ?? (await this.#listed())?.find(({ wanted }) => wanted === 'learner');
        if (one === undefined) return null;
        return (await this.#member('promote', `${one.id}`)).code === 0 ? `${one.id}` : null;
      }
      case 'remove': {
        const voters = members.filter(({ wanted }) => wanted === 'voter');
        const id = voters.length > minVoters ? (target ?? voters[0]?.id) : learner?.id;
        return id === undefined ? null : this.#remove(id);
      }
      case 'replace':
        return target === null ? null : this.#replace(target);
    }
  }

  async #add(flags: readonly string[]): Promise<string | null> {
    const site = await this.#cluster.site();
    const { code, stdout } = await this.#member('add', site.urls, ...flags, '--json');
    if (code !== 0) {
      await closeSite(site);
      return null;
    }
    const { id, token } = JSON.parse(stdout) as Issued;
    this.#cluster.join(id, token, site);
    return `${id}`;
  }

  async #remove(id: number): Promise<string | null> {
    const { code } = await this.#member('remove', `${id}`);
    return code === 0 ? `${id}` : null;
  }

  /** The command prints the token, and waits until the new member votes and the old one is gone. */
  async #replace(id: number): Promise<string | null> {
    const site = await this.#cluster.site();
    const args = ['member', 'replace', `${id}`, site.urls, '--json', '--timeout-ms', '60000'];
    await using replacing = conclave(args, { env: this.#cluster.environment });
    const line = await replacing.line(/token/, patienceMs).catch(() => null);
    if (line === null) {
      this.#log(replacing.output());
      await closeSite(site);
      return null;
    }
    const issued = JSON.parse(line) as Issued;
    this.#cluster.join(issued.id, issued.token, site);
    const { code } = await replacing.ended(2 * patienceMs);
    if (code !== 0) this.#log(replacing.output());
    return code === 0 ? `${id} by ${issued.id}` : null;
  }

  /**
   * Whether everything that was begun has ended, and whoever is on record runs and is what it is to be. To be asked until it is so: it ends
   * the processes of those that are removed, and removes whoever is on record without having run, because the answer to its addition was lost.
   */
  async isSettled(): Promise<boolean> {
    if (this.#failure !== null) throw this.#failure;
    if (this.#underWay > 0) return false;
    const members = await this.#listed();
    if (members === null) return false;
    for (const id of this.#cluster.ids) {
      if (members.some((one) => one.id === id)) continue;
      this.#log(`${id} is removed`);
      await this.#cluster.discard(id);
    }
    for (const { id, wanted } of members) {
      if (wanted !== 'removed' && !this.#cluster.ids.includes(id)) await this.#member('remove', `${id}`);
    }
    const isWanted = members.every(({ id, standing, wanted }) => standing === wanted && this.#cluster.ids.includes(id));
    return isWanted && members.length === this.#cluster.ids.length;
  }

  /** Removed ones among them as long as they are not gone; null when the cluster does not say. */
  async #listed(): Promise<readonly Listed[] | null> {
    try {
      const { members: recorded } = await this.#client.perform({ type: 'members' }, { timeoutMs: listTimeoutMs });
      const { members } = await this.#client.status({ timeoutMs: listTimeoutMs });
      return recorded.flatMap(({ member: id, role: wanted }) => {
        const found = members.find((one) => one.id === id);
        return wanted === 'removed' && found === undefined ? [] : [{ id, wanted, standing: found?.standing ?? null }];
      });
    } catch (error) {
      if (!ConclaveError.is(error)) throw error;
      return null;
    }
  }

  async #member(...args: readonly string[]): Promise<Finished> {
    return this.#conclave(['member', ...args, '--timeout-ms', commandTimeoutMs]);
  }

  async #conclave(args: readonly string[]): Promise<Finished> {
    const ended = await runConclave(args, { env: this.#cluster.environment });
    if (ended.code !== 0) this.#log(`${args.join(' ')}: exit ${ended.code}: ${ended.stderr}`);
    return ended;
  }
}

async function closeSite({ door, link }: Site): Promise<void> {
  await door?.[Symbol.asyncDispose]();
  await link?.[Symbol.asyncDispose]();
}
