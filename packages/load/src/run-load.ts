import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, connect } from '@conclave/client';
import { bounds } from './bounds.ts';
import { fill } from './fill.ts';
import { Keys } from './keys.ts';
import { Ledger } from './ledger.ts';
import { Measurement } from './measurement.ts';
import { type LoadOptions, type LoadSettings, settle } from './options.ts';
import type { LoadProgress, LoadReport, Verified } from './report.ts';
import { ClosedLoop, OpenLoop, type Schedule } from './schedule.ts';
import { tidy, verify } from './verify.ts';
import { workloadOf } from './workloads/of-work.ts';
import type { Run, Worker, Workload } from './workloads/workload.ts';

/**
 * Puts a cluster under load and says what it did with it. Rejects when the options are wrong (RangeError), when no member can be reached at
 * the start, and when the keys cannot be verified; whatever else goes wrong is counted.
 */
export async function runLoad(options: LoadOptions): Promise<LoadReport> {
  const settings = settle(options);
  const open = options.connect ?? (async () => connect({ endpoints: options.endpoints }));
  const keys = new Keys(settings.prefix, settings.keys);
  const run: Run = { settings, keys, ledger: new Ledger(settings.keys) };
  const clients: Client[] = [];
  try {
    // One after the other: a connection that is refused is told before the next is tried.
    for (let at = 0; at < settings.connections; at++) clients.push(await open());
    return await loadThrough(clients, run, open, options);
  } finally {
    await Promise.all(clients.map(async (client) => client.close()));
  }
}

async function loadThrough(
  clients: readonly Client[],
  run: Run,
  open: () => Promise<Client>,
  options: LoadOptions,
): Promise<LoadReport> {
  const { onProgress = () => {} } = options;
  const { settings } = run;
  const workload = workloadOf(settings.work, run);
  const workers = Array.from({ length: settings.outstanding }, (_, index): Worker => {
    const client = clients[index % clients.length] as Client;
    return { index, client, value: randomText(settings.valueBytes) };
  });
  const tell = (phase: LoadProgress['phase']): void =>
    onProgress({ phase, elapsedMs: 0, operations: 0, opsPerSecond: 0, errors: 0 });
  if (workload.needsKeys) {
    tell('fill');
    await fill(run, workers);
  }
  const report = await measure(workload, workers, settings, clients, options);
  if (!workload.writes && !workload.needsKeys) return report;
  // Through a connection of its own: what a client believes of its own writes proves nothing.
  const other = await open();
  try {
    let verified: Verified | null = null;
    if (settings.verify && workload.writes) {
      tell('verify');
      verified = await verify(other, run.keys, run.ledger);
    }
    if (!settings.keep) {
      tell('tidy');
      await tidy(other, run.keys, settings.valueBytes);
    }
    return { ...report, verified };
  } finally {
    await other.close();
  }
}

async function measure(
  workload: Workload,
  workers: readonly Worker[],
  settings: LoadSettings,
  clients: readonly Client[],
  { onMeasuredTime = () => {}, onProgress = () => {}, progressMs = bounds.progressMs, signal }: LoadOptions,
): Promise<LoadReport> {
  const startMs = performance.now();
  const measurement = new Measurement(startMs + settings.warmupSeconds * 1_000);
  const plannedEndMs = measurement.fromMs + settings.seconds * 1_000;
  let isOver = false;
  let failure: { readonly error: unknown } | null = null;
  const stopping = new AbortController();
  const over = (): void => {
    isOver = true;
    stopping.abort();
  };
  signal?.addEventListener('abort', over);
  if (signal?.aborted === true) over();
  const schedule: Schedule =
    settings.rate === null
      ? new ClosedLoop(() => isOver)
      : new OpenLoop(settings.rate, startMs, plannedEndMs, () => isOver);
  const loops = Promise.all(
    workers.map(async (worker) => {
      try {
        await loop(worker, workload, schedule, measurement);
      } catch (error) {
        failure ??= { error };
        over();
      }
    }),
  );
  const stopProgress = reportProgress(measurement, startMs, progressMs, onProgress);
  await pause(measurement.fromMs - performance.now(), stopping.signal);
  onMeasuredTime('begin');
  const cpu = process.cpuUsage();
  await pause(plannedEndMs - performance.now(), stopping.signal);
  const endMs = performance.now();
  const { system, user } = process.cpuUsage(cpu);
  onMeasuredTime('end');
  measurement.end(endMs);
  over();
  signal?.removeEventListener('abort', over);
  stopProgress();
  await drained(loops, clients);
  if (failure !== null) throw (failure as { readonly error: unknown }).error;
  return reportOf(settings, measurement, { startMs, endMs, schedule, cpuMicros: system + user });
}

/** Letters that no compression makes much of: a value of one letter would cost the members' disks nothing. */
function randomText(bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, () => 0x61 + Math.floor(Math.random() * 26));
}

async function loop(worker: Worker, workload: Workload, schedule: Schedule, measurement: Measurement): Promise<void> {
  for (;;) {
    const intendedMs = await schedule.next();
    if (intendedMs === null) return;
    try {
      await workload.operate(worker);
      measurement.succeeded(intendedMs, performance.now());
    } catch (error) {
      measurement.failed(error);
      await sleep(bounds.pauseAfterErrorMs);
    }
  }
}

/** What is under way may end; not for ever: without their clients the last ones fail, outcome unknown. */
async function drained(loops: Promise<unknown>, clients: readonly Client[]): Promise<void> {
  const stopping = new AbortController();
  const isDrained = await Promise.race([
    loops.then(() => true),
    pause(bounds.drainMs, stopping.signal).then(() => false),
  ]);
  stopping.abort();
  if (isDrained) return;
  await Promise.all(clients.map(async (client) => client.close()));
  await loops;
}

/** Resolves then, or as soon as the signal aborts. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(Math.max(0, ms), undefined, { signal }).catch(() => {});
}

function reportProgress(
  measurement: Measurement,
  startMs: number,
  progressMs: number,
  onProgress: (progress: LoadProgress) => void,
): () => void {
  let last = { acknowledged: 0, atMs: startMs };
  const timer = setInterval(() => {
    const nowMs = performance.now();
    const { acknowledged, errors } = measurement;
    onProgress({
      phase: nowMs < measurement.fromMs ? 'warm-up' : 'measure',
      elapsedMs: nowMs - startMs,
      operations: acknowledged,
      opsPerSecond: ((acknowledged - last.acknowledged) / (nowMs - last.atMs)) * 1_000,
      errors,
    });
    last = { acknowledged, atMs: nowMs };
  }, progressMs);
  return () => clearInterval(timer);
}

interface Span {
  readonly startMs: number;
  readonly endMs: number;
  readonly schedule: Schedule;
  readonly cpuMicros: number;
}

function reportOf({ work }: LoadSettings, measurement: Measurement, span: Span): LoadReport {
  const { errors, errorsByCode, fromMs, gap, latency, measured, unknown } = measurement;
  const { cpuMicros, endMs, schedule, startMs } = span;
  const measuredMs = endMs - fromMs;
  return {
    work,
    opsPerSecond: measuredMs > 0 ? rounded((measured / measuredMs) * 1_000) : 0,
    p50Ms: rounded(latency.percentileMs(50)),
    p90Ms: rounded(latency.percentileMs(90)),
    p99Ms: rounded(latency.percentileMs(99)),
    maxMs: rounded(latency.maxMs),
    operations: measured,
    errors,
    errorsByCode: Object.fromEntries(errorsByCode),
    unknown,
    longestGapMs: rounded(gap.longestMs(startMs, endMs)),
    notStarted: schedule.notStarted(endMs),
    clientCpuMicrosPerOp: measured > 0 ? rounded(cpuMicros / measured) : 0,
    verified: null,
  };
}

function rounded(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}
