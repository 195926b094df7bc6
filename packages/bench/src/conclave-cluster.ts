import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, connect } from '@conclave/client';
import { RunningProcess } from './running-process.ts';

const command = join(import.meta.dirname, '../../cli/bin/conclave.js');

type Status = Awaited<ReturnType<Client['status']>>;

const statusPatienceMs = 10_000;
const pollMs = 50;

/** When the member that is asked knows of every other which process it is: which it hears from them some time after the first one serves. */
async function statusOfAll(endpoints: readonly string[]): Promise<Status> {
  await using client = await connect({ endpoints });
  const endMs = performance.now() + statusPatienceMs;
  for (;;) {
    const status = await client.status();
    const isComplete = status.leader !== null && status.members.every(({ pid }) => pid !== null);
    if (isComplete) return status;
    if (performance.now() > endMs) throw new Error('not all members were heard from in time');
    await sleep(pollMs);
  }
}

/** Three members as `npm start` runs them, each a process, on free ports. */
export class ConclaveCluster implements AsyncDisposable {
  readonly #dev: RunningProcess;
  /** The leader's first. */
  readonly endpoints: readonly string[];
  /** In the same order. */
  readonly pids: readonly number[];

  static async start(directory: string): Promise<ConclaveCluster> {
    const data = join(directory, 'conclave');
    const parameters = [command, 'dev', '--port', '0', '--json', '--data', data];
    const dev = new RunningProcess(process.execPath, parameters, join(directory, 'conclave.log'));
    try {
      const { endpoints } = JSON.parse(await dev.firstLine()) as { readonly endpoints: readonly string[] };
      const { leader, members } = await statusOfAll(endpoints);
      const leaderFirst = members.toSorted((a, b) => Number(b.id === leader) - Number(a.id === leader));
      const pids = leaderFirst.map(({ pid }) => pid as number);
      return new ConclaveCluster(
        dev,
        leaderFirst.map(({ clientUrl }) => clientUrl),
        pids,
      );
    } catch (error) {
      await dev.stop();
      throw error;
    }
  }

  private constructor(dev: RunningProcess, endpoints: readonly string[], pids: readonly number[]) {
    this.#dev = dev;
    this.endpoints = endpoints;
    this.pids = pids;
  }

  /**
   * The n-th client begins at member n modulo 3, the leader first: as the clients of etcd's generator do. The SDK itself begins at a random
   * member, so that with one connection the numbers of two runs could not be compared.
   */
  clients(): () => Promise<Client> {
    let next = 0;
    return async () => connect({ endpoints: [this.endpoints[next++ % this.endpoints.length] as string] });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#dev.stop();
  }
}
