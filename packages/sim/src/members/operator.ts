import { createHash } from 'node:crypto';
import type { Client } from '@conclave/client';
import { ConclaveError } from '@conclave/client/internal';
import { type Configuration, isJoint, type MemberId, membersOf } from '@conclave/core';
import type { ClientMutation } from '@conclave/protocol';
import type { Random } from '../random.ts';
import type { Scheduler } from '../scheduler.ts';
import { Violation } from '../violation.ts';
import type { ClientProcess } from './client-process.ts';
import type { MemberHost } from './host.ts';
import type { MemberObserver } from './observer.ts';
import type { AppliedEntry } from './oracle.ts';
import type { OperatorSettings } from './settings.ts';

/** A machine on which a new member is to run. */
export interface Joiner {
  readonly id: MemberId;
  readonly clientUrl: string;
  readonly peerUrl: string;
  readonly joinSecret: Uint8Array;
}

interface World {
  readonly settings: OperatorSettings;
  readonly electionMs: number;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly hosts: readonly MemberHost[];
  readonly clients: readonly ClientProcess[];
  readonly start: (joiner: Joiner) => void;
}

/** As many as there may ever be in one run, and in the cluster at a time. */
const maxMachines = 12;
const maxPresent = 7;
/** A machine is switched on some time after it was announced. */
const maxStartMs = 300;
const timeoutMs = 3_000;
/** So long a machine is only switched off: leaders know by then that it is silent, and begin no change that would need it. */
const doubtElections = 3;

/**
 * Who takes part, who leads and how reads are answered, changed by an operator over the SDK: members are added as learners or voters, promoted, demoted,
 * removed, and replaced when their disk is lost; leadership is handed over; leases are turned on and off. The first member always stays: applications
 * know where it is.
 */
export class MemberOperator implements MemberObserver {
  readonly name = 'operator';
  readonly counts: Record<
    'added' | 'joined' | 'roles' | 'removed' | 'wiped' | 'leases' | 'transfers' | 'handedOver' | 'declined',
    number
  > = { added: 0, joined: 0, roles: 0, removed: 0, wiped: 0, leases: 0, transfers: 0, handedOver: 0, declined: 0 };
  readonly #world: World;
  /** By the address under which they were announced. */
  readonly #secrets = new Map<string, Uint8Array>();
  #leaseReads: boolean;
  #stopped = false;

  constructor(world: World) {
    this.#world = world;
    const { changeEveryMs, leaseReads, transferEveryMs } = world.settings;
    this.#leaseReads = leaseReads;
    this.#every(changeEveryMs, (sdk) => this.#change(sdk));
    this.#every(transferEveryMs, (sdk) => this.#transfer(sdk));
    if (leaseReads)
      this.#every(changeEveryMs, (sdk) => this.#perform(sdk, { type: 'clusterSet', leaseReads: this.#leaseReads }));
  }

  stop(): void {
    this.#stopped = true;
  }

  applied({ applied: { repeated, response }, command }: AppliedEntry): void {
    if (command === null || repeated) return;
    const { operation } = command;
    if (response?.type === 'memberRole' && operation.type === 'memberRole' && response.changed) {
      if (operation.role === 'removed') this.counts.removed++;
      else this.counts.roles++;
    }
    if (response?.type === 'clusterSet' && response.changed) this.counts.leases++;
    if (response?.type === 'memberAdd' && operation.type === 'memberAdd') this.#added(response.member, operation);
  }

  #added(member: number, { clientUrl, peerUrl }: { readonly clientUrl: string; readonly peerUrl: string }): void {
    const { random, scheduler, start } = this.#world;
    const joinSecret = this.#secrets.get(peerUrl);
    if (joinSecret === undefined) return;
    this.counts.added++;
    scheduler.after(random.between(0, maxStartMs), () => {
      this.counts.joined++;
      start({ id: member as MemberId, clientUrl, peerUrl, joinSecret });
    });
  }

  #every(meanMs: number, act: (sdk: Client) => Promise<unknown>): void {
    if (meanMs === Number.POSITIVE_INFINITY) return;
    const { random, scheduler } = this.#world;
    scheduler.after(random.exponential(meanMs), () => {
      if (this.#stopped) return;
      this.#ask(act);
      this.#every(meanMs, act);
    });
  }

  #ask(act: (sdk: Client) => Promise<unknown>): void {
    const client = this.#world.random.pick(this.#world.clients);
    client.process.spawn(async () => this.#try(async () => act(await client.client())));
  }

  /** What is refused now may be taken later; the history says what was done. */
  async #try(act: () => Promise<unknown>): Promise<void> {
    try {
      await act();
    } catch (error) {
      if (!ConclaveError.is(error) || ConclaveError.is(error, 'PROTOCOL'))
        throw new Violation('no defect', `an operator was told ${String(error)}`);
      this.counts.declined++;
    }
  }

  async #perform(sdk: Client, operation: ClientMutation): Promise<void> {
    await sdk.perform(operation, { timeoutMs });
  }

  async #change(sdk: Client): Promise<void> {
    const { random } = this.#world;
    const kind = random.pick([
      'add',
      'add',
      'promote',
      'promote',
      'demote',
      'remove',
      'replace',
      'wipe',
      'leases',
    ] as const);
    const other = this.#pickOther();
    switch (kind) {
      case 'add':
        return this.#add(sdk);
      case 'promote':
        return this.#become(sdk, other, 'voter');
      case 'demote':
        return this.#become(sdk, other, 'learner');
      case 'remove':
        return this.#become(sdk, other, 'removed');
      case 'replace':
        await this.#add(sdk);
        return this.#become(sdk, other, 'removed');
      case 'wipe':
        return this.#wipe(other);
      case 'leases':
        this.#leaseReads = !this.#leaseReads;
        return this.#perform(sdk, { type: 'clusterSet', leaseReads: this.#leaseReads });
    }
  }

  #pickOther(): MemberHost | null {
    const [, ...others] = this.#world.hosts.filter(({ isPresent }) => isPresent);
    return others.length === 0 ? null : this.#world.random.pick(others);
  }

  async #add(sdk: Client): Promise<void> {
    const { hosts, random } = this.#world;
    const machine = this.#world.settings.founders + this.#secrets.size + 1;
    if (machine > maxMachines || hosts.filter(({ isPresent }) => isPresent).length >= maxPresent) return;
    const [clientUrl, peerUrl] = [`ws://m${machine}:1`, `ws://p${machine}:1`];
    const secret = Uint8Array.from({ length: 32 }, () => random.integer(0, 256));
    this.#secrets.set(peerUrl, secret);
    const joinSecretHash = createHash('sha256').update(secret).digest();
    const role = random.pick(['learner', 'voter'] as const);
    await this.#perform(sdk, { type: 'memberAdd', name: null, clientUrl, peerUrl, joinSecretHash, role });
  }

  async #become(sdk: Client, host: MemberHost | null, role: 'voter' | 'learner' | 'removed'): Promise<void> {
    if (host !== null) await this.#perform(sdk, { type: 'memberRole', member: host.id, role });
  }

  /** Its machine is lost with all that is on it; another one takes its place. One at a time, and of three or more: what a majority has must stay. */
  #wipe(host: MemberHost | null): void {
    const configuration = this.#agreed();
    if (host === null || configuration === null) return;
    const { electionMs, hosts, scheduler } = this.#world;
    if (configuration.voters.length < 3 || !membersOf(configuration).every((id) => isPresentIn(hosts, id))) return;
    host.lose();
    scheduler.after(doubtElections * electionMs, () => {
      // A change that had begun may need its vote for good: then the machine is put back.
      if (this.#stopped || JSON.stringify(this.#agreed()) !== JSON.stringify(configuration)) return host.findAgain();
      this.counts.wiped++;
      this.#ask(async (sdk) => {
        await this.#add(sdk);
        await this.#become(sdk, host, 'removed');
      });
    });
  }

  /** How the members are counted, where all of them say the same and no change is under way. */
  #agreed(): Configuration | null {
    const present = this.#world.hosts.filter(({ isPresent }) => isPresent);
    const configurations = present.map(({ member }) => member?.raft.configuration);
    const [first] = configurations;
    if (first === undefined || isJoint(first)) return null;
    const shown = JSON.stringify(first);
    return configurations.every((configuration) => JSON.stringify(configuration) === shown) ? first : null;
  }

  async #transfer(sdk: Client): Promise<void> {
    const { hosts, random } = this.#world;
    const to = random.chance(0.3) ? null : random.pick(hosts).id;
    this.counts.transfers++;
    await sdk.transferLeader(to, { timeoutMs });
    this.counts.handedOver++;
  }
}

function isPresentIn(hosts: readonly MemberHost[], id: MemberId): boolean {
  return hosts.some((host) => host.id === id && host.isPresent);
}
