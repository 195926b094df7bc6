import type { TestContext } from 'node:test';
import { TestCluster } from '../../member/testing/cluster.ts';
import type { Client } from '../src/client.ts';
import { type ConnectOptions, createClient } from '../src/create-client.ts';
import { TestNetwork } from './network.ts';

/** A cluster, and clients of it each with a network of its own, all gone when the test is over. */
export class Harness {
  readonly cluster: TestCluster;
  readonly #clients: Client[] = [];

  static async start(context: TestContext, members = 3): Promise<Harness> {
    const harness = new Harness(await TestCluster.start(members));
    context.after(() => harness.#stop());
    await until(() => harness.cluster.leader !== null);
    return harness;
  }

  private constructor(cluster: TestCluster) {
    this.cluster = cluster;
  }

  async client(options: Partial<ConnectOptions> = {}): Promise<{ client: Client; network: TestNetwork }> {
    const network = new TestNetwork(this.cluster);
    const client = await createClient(network.environment, { endpoints: this.cluster.endpoints, ...options });
    this.#clients.push(client);
    return { client, network };
  }

  async #stop(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
    await this.cluster.stop();
  }
}

const pollMs = 2;

/** Waits for a condition; the runner's own limit ends a wait that is in vain. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, pollMs));
}
