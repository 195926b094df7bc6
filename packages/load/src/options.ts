import type { Client } from '@conclave/client';
import { bounds } from './bounds.ts';
import type { LoadProgress } from './report.ts';

/** What is measured, in the order in which a help text names them. */
export const works = ['put', 'get', 'get-local', 'mixed', 'txn', 'lock', 'range'] as const;

/**
 * `put`: writes of random keys. `get`: linearizable reads of random keys. `get-local`: the same from what the member has. `mixed`: nine reads
 * and one write of ten. `txn`: compare the key's revision, then write it. `lock`: acquire and release. `range`: 100 neighbouring entries.
 */
export type Work = (typeof works)[number];

export interface LoadOptions {
  readonly work: Work;
  /** Client URLs of members. */
  readonly endpoints: readonly string[];
  /** Clients, each with a connection of its own. 1 up to 1 outstanding, 8 up to 64, 16 up to 256, 50 above, if not given. */
  readonly connections?: number;
  /** Operations that are under way at a time, over all connections. 1 if not given. */
  readonly outstanding?: number;
  readonly valueBytes?: number;
  /** Different keys. At least as many as outstanding: each is written by one worker only. */
  readonly keys?: number;
  /** Different lock names of the work `lock`; 1: everybody wants the same. As many as outstanding, if not given. */
  readonly lockNames?: number;
  /** Measured time. */
  readonly seconds?: number;
  /** Before it, with the same load. */
  readonly warmupSeconds?: number;
  /** Operations per second of an open loop. Without it the loop is closed: a worker's next operation begins when its last has ended. */
  readonly rate?: number;
  /** Afterwards, looks for every acknowledged write. */
  readonly verify?: boolean;
  /** In front of all keys and lock names. One that no other run has, if not given. */
  readonly prefix?: string;
  /** Leaves the keys in the cluster. */
  readonly keep?: boolean;
  /** Ends the run early. What was measured until then is reported. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: LoadProgress) => void;
  /** How often. 1,000 if not given. */
  readonly progressMs?: number;
  /** At both ends of the measured time, so that others can measure the same time: what the members use, for instance. */
  readonly onMeasuredTime?: (edge: 'begin' | 'end') => void;
  /** How a client is made: `connect` of the SDK, with the endpoints, if not given. */
  readonly connect?: () => Promise<Client>;
}

/** Options with nothing left open. */
export interface LoadSettings {
  readonly work: Work;
  readonly connections: number;
  readonly outstanding: number;
  readonly valueBytes: number;
  readonly keys: number;
  readonly lockNames: number;
  readonly seconds: number;
  readonly warmupSeconds: number;
  readonly rate: number | null;
  readonly verify: boolean;
  readonly prefix: string;
  readonly keep: boolean;
}

/** Throws RangeError, which names the option and its limits. */
export function settle(options: LoadOptions): LoadSettings {
  const { work, verify = false } = options;
  if (!works.includes(work)) throw new RangeError(`work: ${work}, it is one of ${works.join(', ')}`);
  const outstanding = whole('outstanding', options.outstanding ?? 1, 1, bounds.maxOutstanding);
  const connections = options.connections ?? Math.min(outstanding, connectionsFor(outstanding));
  const minBytes = verify ? bounds.minVerifiableBytes : 0;
  const defaultKeys = Math.max(outstanding, 10_000);
  return {
    work,
    outstanding,
    verify,
    connections: whole('connections', connections, 1, Math.min(outstanding, bounds.maxConnections)),
    valueBytes: whole('valueBytes', options.valueBytes ?? 256, minBytes, bounds.maxValueBytes),
    keys: whole('keys', options.keys ?? defaultKeys, outstanding, bounds.maxKeys),
    lockNames: whole('lockNames', options.lockNames ?? outstanding, 1, outstanding),
    seconds: within('seconds', options.seconds ?? 10, 0.01, bounds.maxSeconds),
    warmupSeconds: within('warmupSeconds', options.warmupSeconds ?? 1, 0, bounds.maxSeconds),
    rate: options.rate === undefined ? null : within('rate', options.rate, 0.001, bounds.maxRate),
    prefix: options.prefix ?? `load/${crypto.randomUUID().slice(0, 8)}/`,
    keep: options.keep ?? false,
  };
}

/** So many connections for so many operations under way, as the side by side with etcd has always counted. */
export function connectionsFor(outstanding: number): number {
  if (outstanding === 1) return 1;
  if (outstanding <= 64) return 8;
  return outstanding <= 256 ? 16 : 50;
}

function whole(name: string, value: number, least: number, most: number): number {
  if (!Number.isInteger(value)) throw new RangeError(`${name}: ${value}, it is a whole number`);
  return within(name, value, least, most);
}

function within(name: string, value: number, least: number, most: number): number {
  if (value >= least && value <= most) return value;
  throw new RangeError(`${name}: ${value}, it is between ${least} and ${most}`);
}
