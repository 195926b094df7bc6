import { type Client, connect, type Session } from '@conclave/client';
import { ConclaveCluster } from '../conclave-cluster.ts';
import { warmUp } from '../conclave-load.ts';
import { Workplace } from '../file-system.ts';
import { percentile } from '../statistics.ts';
import { shown, table } from '../table.ts';
import { Turns } from './turns.ts';

/** Of the p50 of a put in the same run. */
const maxRatio = 1.5;
/** Less than there are contenders: so of every grant it is known whose turn it was. */
const grantsBetweenLooks = 20;
const lockName = 'contended';
const ttlMs = 30_000;

export interface ContendOptions {
  readonly clients: number;
  readonly seconds: number;
  readonly directory: string;
  readonly say: (text: string) => void;
}

interface Times {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly count: number;
}

export interface ContendReport {
  readonly clients: number;
  readonly fileSystem: string;
  /** From the call of a release until the next one has the lock in its hands. */
  readonly handOver: Times;
  /** One put, of who holds the lock, between two hand-overs. */
  readonly put: Times;
  readonly ratio: number;
  readonly maxRatio: number;
  readonly granted: number;
  readonly inTurn: number;
  readonly violations: readonly string[];
  readonly met: boolean;
}

interface Contender {
  readonly client: Client;
  readonly session: Session;
}

export async function measureContention({ clients, directory, say, seconds }: ContendOptions): Promise<ContendReport> {
  using workplace = new Workplace(directory);
  await using cluster = await ConclaveCluster.start(workplace.directory);
  say('warming up');
  await warmUp(cluster);
  const next = cluster.clients();
  const contenders: Contender[] = [];
  for (let at = 0; at < clients; at++) {
    const client = await next();
    contenders.push({ client, session: await client.session({ ttlMs }) });
  }
  await using observer = await connect({ endpoints: cluster.endpoints.slice(0, 1) });
  const run = new Contention(observer);
  say(`${clients} clients contend for one lock for ${seconds} s`);
  const loops = contenders.map(async (one) => run.contend(one));
  setTimeout(() => run.stop(), seconds * 1_000);
  await Promise.all(loops);
  await Promise.all(contenders.map(async ({ client }) => client.close()));
  const { handOversMs, putsMs, turns } = run;
  const ratio = percentile(handOversMs, 50) / percentile(putsMs, 50);
  return {
    clients,
    fileSystem: workplace.fileSystem,
    handOver: timesOf(handOversMs),
    put: timesOf(putsMs),
    ratio,
    maxRatio,
    granted: turns.granted,
    inTurn: turns.checked,
    violations: turns.violations,
    met: ratio < maxRatio && turns.violations.length === 0 && turns.checked > 0,
  };
}

class Contention {
  readonly turns: Turns = new Turns();
  readonly handOversMs: number[] = [];
  readonly putsMs: number[] = [];
  readonly #observer: Client;
  #releasedMs: number | null = null;
  #stopping = false;

  constructor(observer: Client) {
    this.#observer = observer;
  }

  stop(): void {
    this.#stopping = true;
  }

  async contend({ client, session }: Contender): Promise<void> {
    while (!this.#stopping) {
      const lock = await client.lock(lockName, { session });
      const heldMs = performance.now();
      if (this.#releasedMs !== null) this.handOversMs.push(heldMs - this.#releasedMs);
      this.turns.grant(session.id);
      if (this.turns.granted % grantsBetweenLooks === 0) await this.#look();
      const putMs = performance.now();
      await client.put('between', 'x'.repeat(256));
      this.putsMs.push(performance.now() - putMs);
      this.#releasedMs = performance.now();
      await lock.release();
    }
  }

  async #look(): Promise<void> {
    const name = { kind: 'lock', name: new TextEncoder().encode(lockName) } as const;
    const { lock } = await this.#observer.perform({ type: 'lock', name });
    this.turns.queue(lock.queue.map(({ session }) => session));
  }
}

function timesOf(ms: readonly number[]): Times {
  return { p50Ms: percentile(ms, 50), p99Ms: percentile(ms, 99), count: ms.length };
}

export function contendText(report: ContendReport): string {
  const { clients, fileSystem, granted, handOver, inTurn, put, ratio, violations } = report;
  const row = (name: string, { count, p50Ms, p99Ms }: Times): readonly string[] => [
    name,
    String(count),
    shown(p50Ms),
    shown(p99Ms),
  ];
  const verdict = (met: boolean): string => (met ? 'met' : 'MISSED');
  return [
    `${clients} clients and one lock; file system ${fileSystem}`,
    '',
    table(['', 'times', 'p50 ms', 'p99 ms'], [row('hand-over', handOver), row('put', put)]),
    '',
    `first come first served: ${inTurn} of ${granted} grants were checked against the queue, ${violations.length} out of turn: ${verdict(violations.length === 0 && inTurn > 0)}`,
    ...violations.slice(0, 5),
    `p50 of a hand-over, relative to one put: ${shown(ratio)}, to stay below ${maxRatio}: ${verdict(ratio < maxRatio)}`,
  ].join('\n');
}
