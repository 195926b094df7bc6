import type { Client, Lock, Session } from '@conclave/client';

export interface FleetShape {
  readonly connections: number;
  readonly sessions: number;
  readonly ttlMs: number;
}

interface Holder {
  readonly client: Client;
  readonly session: Session;
  readonly lock: Lock;
}

/** How many sessions are opened at a time. */
const opening = 64;

/** Sessions with a lock each, spread evenly over connections; and what became of them. */
export class FleetOfSessions {
  readonly #holders: readonly Holder[];
  readonly #clients: readonly Client[];

  private constructor(clients: readonly Client[], holders: readonly Holder[]) {
    this.#clients = clients;
    this.#holders = holders;
  }

  static async open(
    connect: () => Promise<Client>,
    { connections, sessions, ttlMs }: FleetShape,
  ): Promise<FleetOfSessions> {
    const clients: Client[] = [];
    await abreast(connections, async () => {
      clients.push(await connect());
    });
    const holders: Holder[] = [];
    await abreast(sessions, async (at) => {
      const client = clients[at % clients.length] as Client;
      const session = await client.session({ ttlMs, metadata: { host: `host-${at % clients.length}`, pid: `${at}` } });
      holders.push({ client, session, lock: await client.lock(`fleet/${at}`, { session }) });
    });
    return new FleetOfSessions(clients, holders);
  }

  /** Sessions that are over, or whose lock is lost, as their clients say. */
  get lost(): number {
    return this.#holders.filter(({ lock, session }) => session.signal.aborted || lock.signal.aborted).length;
  }

  /** Of the session that has the least left. */
  get leastRemainingMs(): number {
    return Math.min(...this.#holders.map(({ session }) => session.remainingMs()));
  }

  /** Locks that the cluster does not have under the fence and the session that they were granted to. */
  async notHeld(): Promise<number> {
    let missing = 0;
    await abreast(this.#holders.length, async (at) => {
      const { client, lock } = this.#holders[at] as Holder;
      if (lock.signal.aborted) missing++;
      else if (!(await client.txn({ if: [lock.guard()], then: [] })).ok) missing++;
    });
    return missing;
  }

  async close(): Promise<void> {
    await abreast(this.#clients.length, async (at) => this.#clients[at]?.close());
  }
}

async function abreast(count: number, work: (at: number) => Promise<void>): Promise<void> {
  let next = 0;
  const one = async (): Promise<void> => {
    for (let at = next++; at < count; at = next++) await work(at);
  };
  await Promise.all(Array.from({ length: Math.min(opening, count) }, one));
}
