// One session that goes from member to member while it writes: exactly one effect per request, which the version of each request's own key counts.
import { patienceMs, TestCluster } from '../processes/test-cluster.ts';
import { waitFor } from '../processes/wait-for.ts';
import { MovingClient } from './moving-client.ts';

export interface MovesOptions {
  readonly requests: number;
  /** Under way at a time. */
  readonly outstanding: number;
  /** Answers between two moves. */
  readonly answersAMove: number;
}

export interface MovesReport {
  readonly requests: number;
  readonly moves: number;
  readonly connections: number;
  /** Requests with another number of effects than one. */
  readonly wrong: readonly string[];
  readonly isHeld: boolean;
  readonly seconds: number;
}

const prefix = 'moved/';
const ttlMs = 15_000;
const timeoutMs = 60_000;

export async function runMoves({ answersAMove, outstanding, requests }: MovesOptions): Promise<MovesReport> {
  const beganMs = performance.now();
  await using cluster = await TestCluster.start();
  const { endpoints } = cluster;
  await using moving = await MovingClient.connect(endpoints[0] ?? '');
  const { client } = moving;
  // On the client's own session, as the writes are.
  const lock = await client.lock('mover', { ttlMs });
  let [next, answered, moves] = [0, 0, 0];
  const writer = async (): Promise<void> => {
    for (let at = next++; at < requests; at = next++) {
      const { ok } = await client.txn(
        { if: [lock.guard()], then: [{ put: `${prefix}${at}`, value: '' }] },
        { timeoutMs },
      );
      if (!ok) throw new Error(`request ${at} was refused: the lock is gone`);
      answered++;
    }
  };
  const isDone = (): boolean => answered >= requests;
  const mover = async (): Promise<void> => {
    while (!isDone()) {
      const target = Math.min(requests, answered + answersAMove);
      await waitFor(
        () => answered >= target,
        patienceMs,
        () => `${answered} of ${target} requests are answered\n${cluster.output()}`,
      );
      moves++;
      moving.moveTo(endpoints[moves % endpoints.length] ?? '');
    }
  };
  await Promise.all([mover(), ...Array.from({ length: outstanding }, writer)]);
  const versions = new Map<string, number>();
  for await (const { key, version } of client.list({ prefix }, { keysOnly: true })) versions.set(key, version);
  const wrong = Array.from({ length: requests }, (_, at) => `${prefix}${at}`).flatMap((key) => {
    const version = versions.get(key) ?? 0;
    return version === 1 ? [] : [`${key} took effect ${version} times`];
  });
  const { ok: isHeld } = await client.txn({ if: [lock.guard()], then: [] });
  const { connections } = moving;
  return { requests, moves, connections, wrong, isHeld, seconds: (performance.now() - beganMs) / 1_000 };
}

export function movesText({ connections, isHeld, moves, requests, seconds, wrong }: MovesReport): string {
  return [
    `${requests} requests of one session, moved ${moves} times between three members (${connections} connections) in ${seconds.toFixed(1)} s: ${wrong.length} without exactly one effect`,
    ...wrong.slice(0, 10),
    `the lock that it held from the beginning is ${isHeld ? 'still its own' : 'LOST'}`,
  ].join('\n');
}
