// A fleet of workers of which one leads, and whoever leads is paused, killed or cut off, again and again. What all of them saw is judged in the end.
import { connect } from '@conclave/client';
import type { HistoryRecord } from '../history/record.ts';
import { monotonicNs } from '../history/recorder.ts';
import { Tally } from '../nemesis/tally.ts';
import { patienceMs, TestCluster } from '../processes/test-cluster.ts';
import { waitFor } from '../processes/wait-for.ts';
import { Contest, type Worker } from '../workers/contest.ts';
import { type Blow, blowsOf } from './plan.ts';

export interface FleetOptions {
  readonly seed: number;
  readonly seconds: number;
  readonly workers: number;
}

interface HandOver {
  readonly blow: Blow;
  /** From the blow until somebody else leads, as that one says. */
  readonly tookMs: number;
  /** What it may take: see `mayTakeMs`. */
  readonly mayTakeMs: number;
}

export interface FleetReport {
  /** What is wrong with the history; empty: nothing. */
  readonly failures: readonly string[];
  readonly handOvers: readonly HandOver[];
  /** Hand-overs that took longer than they may. */
  readonly late: readonly HandOver[];
  /** Where nothing happened to the cluster but the blow. */
  readonly maxHandOverMs: number;
  readonly terms: number;
  readonly uses: number;
  readonly refusedUses: number;
  readonly strikes: Tally['rows'];
}

export const ttlMs = 2_000;
export const lockDelayMs = 500;
const electionMs = 500;
/** Of members: a candidate waits for up to two election timeouts, and may have to stand again. And what the new leader does before it serves. */
const oneElectionMs = 4 * electionMs;
const maxHandOverMs = ttlMs + lockDelayMs + oneElectionMs;
/** What a leader says that gives leases their time again. */
const beginsAnew = /leases of short ttl live it again/;
const nsPerMs = 1e6;
const subject = 'fleet';

interface Struck {
  readonly blow: Blow;
  readonly fence: number;
  readonly atNs: number;
  /** How often leases were given their time again until somebody else led, beyond what the blow itself did. */
  readonly respites: number;
}

/**
 * Ttl + lock-delay + one election. A leader that took office, or paused for more than half of a ttl, gives each lease its whole time again, as it must
 * (docs/decisions/expiry-tolerance.md): so on a machine that is busy enough for that it may take one ttl and one election more for each time that it happened.
 */
function mayTakeMs({ respites }: Struck): number {
  return maxHandOverMs + respites * (ttlMs + oneElectionMs);
}

export async function runFleet({ seconds, seed, workers }: FleetOptions): Promise<FleetReport> {
  await using cluster = await TestCluster.start({ proxied: 'everything', electionMs });
  await using contest = await Contest.start(cluster, { kind: 'election', subject, ttlMs, lockDelayMs });
  await using observer = await Observer.start(cluster);
  for (let at = 1; at <= workers; at++) contest.start(`w${at}`);
  await contest.waiting(workers - 1);
  const blows = blowsOf(seed);
  const tally = new Tally();
  const struck: Struck[] = [];
  const untilMs = performance.now() + 1_000 * seconds;
  while (performance.now() < untilMs) {
    const leader = await leading(contest);
    const blow = blows.next().value;
    tally.occurred(blow.withMember ? `${blow.strike}, with member` : blow.strike);
    struck.push(await strike(cluster, contest, observer, leader, blow));
    await contest.waiting(workers - 1);
  }
  await leading(contest);
  const failures: string[] = [];
  let records: readonly HistoryRecord[] = [];
  try {
    records = await contest.judge(struck.filter(({ blow }) => blow.strike === 'pause').map(({ fence }) => fence));
    const fences = records.flatMap((one) => (one.op === 'acquire' && one.status === 'ok' ? [one.out.token] : []));
    failures.push(...(await observer.missing(fences)), ...observer.disorder);
  } catch (error) {
    failures.push(error instanceof Error ? error.message : String(error));
  }
  const handOvers = struck.map((one): HandOver => {
    return { blow: one.blow, tookMs: tookMs(one, records), mayTakeMs: mayTakeMs(one) };
  });
  const uses = records.filter((one) => one.op === 'use' && one.status === 'ok');
  return {
    failures,
    handOvers,
    late: failures.length > 0 ? [] : handOvers.filter((one) => !(one.tookMs <= one.mayTakeMs)),
    maxHandOverMs,
    terms: observer.terms,
    uses: uses.length,
    refusedUses: uses.filter((one) => one.op === 'use' && one.status === 'ok' && !one.out.accepted).length,
    strikes: tally.rows,
  };
}

/** Who leads and has begun to work. */
async function leading(contest: Contest): Promise<Worker> {
  return waitFor(
    () => contest.workers.find((one) => one.killedNs === null && one.hasUsed),
    patienceMs,
    () => contest.workers.map(({ child, name }) => `${name}:\n${child.output()}`).join('\n'),
  );
}

/** Until another one leads; then it is taken back. */
async function strike(
  cluster: TestCluster,
  contest: Contest,
  observer: Observer,
  leader: Worker,
  blow: Blow,
): Promise<Struck> {
  const fence = leader.held.at(-1) ?? 0;
  const member = blow.withMember ? await cluster.leader() : null;
  const before = await observer.respites(cluster);
  const atNs = monotonicNs();
  const killed = member === null ? null : cluster.kill(member);
  const undo = await begin(contest, leader, blow);
  await killed;
  await waitFor(
    () => contest.workers.some((one) => one !== leader && one.held.some((held) => held > fence)),
    patienceMs,
    () => `nobody follows ${leader.name} after ${blow.strike}\n${cluster.output()}`,
  );
  const respites = (await observer.respites(cluster)) - before - (blow.withMember ? 1 : 0);
  if (member !== null) {
    cluster.run(member);
    await cluster.ready(member);
  }
  undo();
  return { blow, fence, atNs, respites: Math.max(0, respites) };
}

async function begin(contest: Contest, leader: Worker, { strike: what }: Blow): Promise<() => void> {
  switch (what) {
    case 'pause':
      leader.child.pause();
      return () => leader.child.resume();
    case 'kill':
      await leader.kill();
      return () => void contest.start(`${leader.name}'`);
    case 'cut':
      contest.cut(leader, 'forward', 'backward');
      return () => contest.heal();
    case 'cut forward':
      contest.cut(leader, 'forward');
      return () => contest.heal();
    case 'cut backward':
      contest.cut(leader, 'backward');
      return () => contest.heal();
  }
}

/** By the history: from the blow until the acquire of the next larger fence was answered. NaN: it was not recorded. */
function tookMs({ atNs, fence }: Struck, records: readonly HistoryRecord[]): number {
  const later = records.flatMap((one) =>
    one.op === 'acquire' && one.status === 'ok' && one.out.token > fence ? [one.return_ns] : [],
  );
  return later.length === 0 ? Number.NaN : (Math.min(...later) - atNs) / nsPerMs;
}

/** What the cluster itself says of who leads, from the first term on. */
class Observer implements AsyncDisposable {
  readonly #client: Awaited<ReturnType<typeof connect>>;
  readonly #fences: number[] = [];
  #done: Promise<void> = Promise.resolve();
  readonly #stopping = new AbortController();

  private constructor(client: Awaited<ReturnType<typeof connect>>) {
    this.#client = client;
  }

  static async start(cluster: TestCluster): Promise<Observer> {
    const observer = new Observer(await connect({ endpoints: cluster.endpoints }));
    observer.#done = observer.#observe();
    observer.#done.catch(() => {});
    return observer;
  }

  get terms(): number {
    return this.#fences.length;
  }

  /** Terms that follow no smaller one. */
  get disorder(): string[] {
    return this.#fences.flatMap((fence, at) => {
      const before = this.#fences[at - 1] ?? 0;
      return fence > before ? [] : [`term ${fence} was observed after term ${before}`];
    });
  }

  /** Terms, and pauses that leaders told of, since the start: each may have given leases their time again. */
  async respites(cluster: TestCluster): Promise<number> {
    const { term } = await this.#client.status();
    const pauses = cluster.everyRun.map(({ child }) => child.lines.filter(({ text }) => beginsAnew.test(text)).length);
    return pauses.reduce((sum, count) => sum + count, term);
  }

  /** Somebody says that he led under a fence that the cluster never gave out, or that nobody was shown. */
  async missing(fences: readonly number[]): Promise<string[]> {
    const last = Math.max(...fences);
    await waitFor(
      () => (this.#fences.at(-1) ?? 0) >= last,
      patienceMs,
      () => `term ${last} was not observed`,
    );
    return fences.flatMap((fence) => (this.#fences.includes(fence) ? [] : [`term ${fence} was not observed`]));
  }

  async #observe(): Promise<void> {
    const { signal } = this.#stopping;
    for await (const leader of this.#client.election(subject).observe({ signal })) {
      if (leader !== null) this.#fences.push(leader.fence);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    await this.#done.catch(() => {});
    await this.#client.close();
  }
}
