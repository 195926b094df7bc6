import type { Random } from '../random.ts';
import type { Scheduler } from '../scheduler.ts';
import type { ClientProcess } from './client-process.ts';
import type { MemberHost } from './host.ts';
import type { PeerNetwork } from './peer-network.ts';

interface Cluster {
  readonly hosts: readonly MemberHost[];
  readonly network: PeerNetwork;
  readonly clients: readonly ClientProcess[];
}

interface Rhythm {
  readonly everyMs: number;
  readonly electionMs: number;
}

/** For so long after its pause it still hears of nobody. */
const maxDeafMs = 300;
const meanClientDelayMs = 30;

/**
 * A leader whose machine is moved: it stands still until there is another one, and its links come back a little later than it does. Meanwhile it reads
 * what its clients had sent, and believes that it leads. Then some clients stand still, so that whatever it told them is all they know.
 */
export class StaleLeader {
  readonly counts: { staleLeaders: number; severedLeaders: number } = { staleLeaders: 0, severedLeaders: 0 };
  readonly #cluster: Cluster;
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  readonly #rhythm: Rhythm;
  #isStopped = false;

  constructor(cluster: Cluster, scheduler: Scheduler, random: Random, rhythm: Rhythm) {
    this.#cluster = cluster;
    this.#scheduler = scheduler;
    this.#random = random;
    this.#rhythm = rhythm;
    if (rhythm.everyMs < Number.POSITIVE_INFINITY) this.#nowAndThen();
  }

  stop(): void {
    this.#isStopped = true;
  }

  #nowAndThen(): void {
    this.#scheduler.after(this.#random.exponential(this.#rhythm.everyMs), () => {
      if (this.#isStopped) return;
      const leader = this.#cluster.hosts.find((host) => host.leads && !host.isPaused);
      if (leader !== undefined && this.#random.chance(0.5)) this.#move(leader);
      else if (leader !== undefined) this.#sever(leader);
      this.#nowAndThen();
    });
  }

  #move(leader: MemberHost): void {
    this.counts.staleLeaders++;
    const { clients, hosts, network } = this.#cluster;
    const pauseMs = this.#random.between(1.5, 6) * this.#rhythm.electionMs;
    for (const { id } of hosts) {
      if (id === leader.id) continue;
      network.cut(leader.id, id);
      network.cut(id, leader.id);
    }
    leader.pause(pauseMs);
    this.#scheduler.after(pauseMs + this.#random.between(0, maxDeafMs), () => network.heal());
    this.#pauseClients(clients, () => pauseMs + this.#random.exponential(meanClientDelayMs));
  }

  /**
   * A switch that dies resets the links of whoever leads: the others know at once and may elect another one, while this one believes in itself until an
   * election timeout has passed. Meanwhile its clients are answered.
   */
  #sever(leader: MemberHost): void {
    this.counts.severedLeaders++;
    const { clients, hosts, network } = this.#cluster;
    const { electionMs } = this.#rhythm;
    for (const { id } of hosts) if (id !== leader.id) network.sever(leader.id, id);
    const cutMs = this.#random.between(1, 3) * electionMs;
    this.#scheduler.after(cutMs, () => network.heal());
    this.#pauseClients(clients, () => this.#random.between(0.1, 1.2) * electionMs);
  }

  #pauseClients(clients: readonly ClientProcess[], afterMs: () => number): void {
    for (const client of clients) {
      if (!this.#random.chance(0.9)) continue;
      this.#scheduler.after(afterMs(), () => {
        if (!this.#isStopped) client.pause(this.#random.between(0.9, 1.3) * client.ttlMs);
      });
    }
  }
}
