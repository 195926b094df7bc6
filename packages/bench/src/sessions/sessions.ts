import { setTimeout as sleep } from 'node:timers/promises';
import { ConclaveCluster } from '../conclave-cluster.ts';
import { Workplace } from '../file-system.ts';
import { difference, usageOf } from '../process-usage.ts';
import { shown } from '../table.ts';
import { FleetOfSessions, type FleetShape } from './fleet-of-sessions.ts';

/** Of one core, in all members together. */
const maxCorePercent = 20;
/** Until what the opening has left behind (a checkpoint, a collection) is over, and every session was renewed a few times. */
const settleTtls = 1;
/** After the leader's death: the longest that a session which nobody renews any more can live on, twice. */
const watchedTtls = 2;
const lookMs = 250;

export interface SessionsOptions extends FleetShape {
  /** Of the measured time. */
  readonly seconds: number;
  readonly directory: string;
  readonly say: (text: string) => void;
}

export interface SessionsReport extends FleetShape {
  readonly seconds: number;
  readonly fileSystem: string;
  readonly openSeconds: number;
  /** Of one core: the leader's first. */
  readonly memberPercents: readonly number[];
  readonly corePercent: number;
  readonly maxCorePercent: number;
  /** Of this process, which is all clients. */
  readonly clientPercent: number;
  /** Of all sessions, at any time after the leader was killed. */
  readonly leastRemainingMs: number;
  readonly lost: number;
  readonly notHeld: number;
  readonly met: boolean;
}

/** What sessions cost that only live, and what becomes of them when the leader dies. */
export async function measureSessions(options: SessionsOptions): Promise<SessionsReport> {
  const { directory, say, seconds, ...shape } = options;
  using workplace = new Workplace(directory);
  await using cluster = await ConclaveCluster.start(workplace.directory);
  say(`opening ${shape.sessions} sessions over ${shape.connections} connections`);
  const beganMs = performance.now();
  const fleet = await FleetOfSessions.open(cluster.clients(), shape);
  const openSeconds = (performance.now() - beganMs) / 1_000;
  say(`opened in ${shown(openSeconds)} s`);
  await sleep(settleTtls * shape.ttlMs);
  say(`measuring for ${seconds} s`);
  const { clientPercent, memberPercents } = await steadyState(cluster, seconds);
  say(
    `all members together: ${shown(sum(memberPercents))} % of one core; clients: ${shown(clientPercent)} %; kill -9 of the leader`,
  );
  process.kill(cluster.pids[0] as number, 'SIGKILL');
  let leastRemainingMs = Number.POSITIVE_INFINITY;
  const untilMs = performance.now() + watchedTtls * shape.ttlMs;
  while (performance.now() < untilMs) {
    await sleep(lookMs);
    leastRemainingMs = Math.min(leastRemainingMs, fleet.leastRemainingMs);
  }
  const [lost, notHeld] = [fleet.lost, await fleet.notHeld()];
  const corePercent = sum(memberPercents);
  await fleet.close();
  return {
    ...shape,
    seconds,
    fileSystem: workplace.fileSystem,
    openSeconds,
    memberPercents,
    corePercent,
    maxCorePercent,
    clientPercent,
    leastRemainingMs,
    lost,
    notHeld,
    met: corePercent < maxCorePercent && lost === 0 && notHeld === 0,
  };
}

async function steadyState(
  { pids }: ConclaveCluster,
  seconds: number,
): Promise<{ readonly clientPercent: number; readonly memberPercents: readonly number[] }> {
  const all = [process.pid, ...pids];
  const beganMs = performance.now();
  const before = all.map((pid) => usageOf(pid));
  await sleep(seconds * 1_000);
  const tookMicros = (performance.now() - beganMs) * 1_000;
  const [clientPercent = Number.NaN, ...memberPercents] = all.map((pid, at) => {
    const { cpuMicros } = difference(before[at] as (typeof before)[number], usageOf(pid));
    return (100 * cpuMicros) / tookMicros;
  });
  return { clientPercent, memberPercents };
}

export function sessionsText(report: SessionsReport): string {
  const { corePercent, leastRemainingMs, lost, memberPercents, notHeld } = report;
  const verdict = (met: boolean): string => (met ? 'met' : 'MISSED');
  return [
    `${report.sessions} sessions of ${report.ttlMs} ms over ${report.connections} connections, a lock each; file system ${report.fileSystem}; opened in ${shown(report.openSeconds)} s`,
    `CPU over ${report.seconds} s, % of one core: leader + followers ${memberPercents.map((one) => shown(one)).join(' + ')}; clients ${shown(report.clientPercent)}`,
    `all members together: ${shown(corePercent)} %, to stay below ${maxCorePercent} %: ${verdict(corePercent < maxCorePercent)}`,
    `the leader killed: ${lost} sessions or locks lost, ${notHeld} not held at the cluster, none to be: ${verdict(lost === 0 && notHeld === 0)}; the one that came closest had ${shown(leastRemainingMs)} ms left`,
  ].join('\n');
}

function sum(values: readonly number[]): number {
  return values.reduce((all, one) => all + one, 0);
}
