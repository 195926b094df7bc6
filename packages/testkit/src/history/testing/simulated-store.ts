// Histories that are right by construction: clients of a store that takes each operation at one moment between its call and its
// return. What the planted faults are planted in.
import type { EventRecord, HistoryRecord, InitRecord, Json, KeyOperationName, OperationRecord } from '../record.ts';
import { Random } from './random.ts';

export interface StoreSettings {
  readonly operations: number;
  readonly keys: number;
  readonly clients: number;
  /** Of all operations; half of these take effect, some of them long after. */
  readonly unknown: number;
  readonly withRevisions: boolean;
}

export interface StoreHistory {
  readonly records: HistoryRecord[];
  readonly truth: EventRecord[];
}

interface Plan {
  readonly client: string;
  readonly callNs: number;
  readonly effectNs: number;
  readonly returnNs: number;
  readonly status: 'ok' | 'fail' | 'unknown';
}

const longestOperationNs = 1_000;

export function simulateStore(seed: number, settings: StoreSettings): StoreHistory {
  const random = new Random(seed);
  const keys = Array.from({ length: settings.keys }, (_, index) => `${index % 2 === 0 ? 'a' : 'b'}/${index}`);
  const values = new Map<string, Json>();
  const everWritten = new Map<string, Json[]>();
  const truth: EventRecord[] = [];
  const records: HistoryRecord[] = [];
  let revision = 1;
  let unique = 0;
  for (const key of keys) {
    if (!random.chance(0.3)) continue;
    const init: InitRecord = { op: 'init', key, in: { value: `${key} init` } };
    values.set(key, init.in.value);
    everWritten.set(key, [init.in.value]);
    truth.push({ op: 'event', rev: revision++, key, type: 'put', value: init.in.value });
    records.push(init);
  }

  const change = (key: string, rev: number, value: Json): void => {
    truth.push(
      value === null ? { op: 'event', rev, key, type: 'delete' } : { op: 'event', rev, key, type: 'put', value },
    );
    if (value === null) values.delete(key);
    else values.set(key, value);
  };

  for (const plan of plansOf(random, settings)) {
    const { client, callNs: call_ns, returnNs: return_ns, status } = plan;
    const takesEffect = status === 'ok' || (status === 'unknown' && random.chance(0.5));
    const revised = (rev: number): { rev?: number } => (settings.withRevisions ? { rev } : {});
    const end = (op: KeyOperationName, key: string, input: object, out: object): void => {
      const answer = status === 'ok' ? { out, status, return_ns } : { status, return_ns };
      records.push({ client, op, key, in: input, call_ns, ...answer } as OperationRecord);
    };
    const fresh = (key: string): Json => {
      const value = random.chance(0.2) ? { by: client, n: ++unique } : `${key} ${++unique}`;
      everWritten.set(key, [...(everWritten.get(key) ?? []), value].slice(-8));
      return value;
    };
    const key = random.pick(keys);
    const found = values.get(key) ?? null;
    const kind = random.next();
    if (kind < 0.4) {
      end('get', key, {}, { value: found, ...revised(revision - 1) });
    } else if (kind < 0.45) {
      end('get_stale', key, {}, { value: found });
    } else if (kind < 0.7) {
      const value = fresh(key);
      if (takesEffect) change(key, revision++, value);
      end('put', key, { value }, { ...revised(revision - 1), ...(random.chance(0.3) && { prev: found }) });
    } else if (kind < 0.85) {
      const expect = random.chance(0.6) ? found : random.pick([null, ...(everWritten.get(key) ?? [])]);
      const swapped = JSON.stringify(expect) === JSON.stringify(found);
      const value = fresh(key);
      if (takesEffect && swapped) change(key, revision++, value);
      const reported = random.chance(0.5) && { value: swapped ? value : found };
      end('cas', key, { expect, value }, { swapped, ...revised(revision - 1), ...reported });
    } else if (kind < 0.92) {
      if (takesEffect && found !== null) change(key, revision++, null);
      end('delete', key, {}, { ...(random.chance(0.5) && { existed: found !== null }), ...revised(revision - 1) });
    } else {
      const txn = `t${++unique}`;
      for (const each of new Set([key, random.pick(keys), random.pick(keys)])) {
        const value = fresh(each);
        if (takesEffect) change(each, revision, value);
        end('put', each, { value, txn }, revised(revision));
      }
      if (takesEffect) revision++;
    }
  }
  return { records: [...records, ...truth], truth };
}

/** In the order of their effects. */
function plansOf(random: Random, settings: StoreSettings): Plan[] {
  const freeNs = Array.from({ length: settings.clients }, () => random.integer(1, longestOperationNs));
  const lives = freeNs.map(() => 1);
  const plans: Plan[] = [];
  for (let index = 0; index < settings.operations; index++) {
    const who = random.integer(0, settings.clients - 1);
    const callNs = (freeNs[who] as number) + random.integer(1, longestOperationNs / 2);
    const returnNs = callNs + random.integer(2, longestOperationNs);
    const status = random.chance(settings.unknown) ? 'unknown' : random.chance(0.03) ? 'fail' : 'ok';
    const latestNs = status === 'unknown' && random.chance(0.3) ? callNs + 30 * longestOperationNs : returnNs;
    const client = `c${who}.${lives[who] as number}`;
    plans.push({ client, callNs, effectNs: random.integer(callNs, latestNs), returnNs, status });
    freeNs[who] = returnNs;
    if (status === 'unknown') lives[who] = (lives[who] as number) + 1;
  }
  return plans.toSorted((a, b) => a.effectNs - b.effectNs);
}
