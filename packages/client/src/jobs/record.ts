// What is written under `jobs/`, read back. Somebody else may have written it, so nothing of it is believed.
import { ConclaveError } from '../error.ts';
import type { Entry } from '../keys/entry.ts';
import type { Begun, JobOutcome } from './run.ts';

type Fields = Readonly<Record<string, unknown>>;

export function fieldsOf(entry: Entry): Fields {
  const value = entry.json();
  if (typeof value === 'object' && value !== null) return value as Fields;
  throw damaged(entry, 'it is no object');
}

export function begunOf(entry: Entry, fields: Fields): Begun {
  const { attempt, by, fence } = fields;
  if (typeof by !== 'string' || typeof fence !== 'number' || typeof attempt !== 'number') {
    throw damaged(entry, 'who runs it is missing');
  }
  return { by, fence, attempt, startedAt: dateOf(entry, fields, 'startedAt') };
}

/** Null: it runs, or whoever ran it was lost. */
export function outcomeOf(entry: Entry): JobOutcome | null {
  const fields = fieldsOf(entry);
  if (fields['state'] === 'running') return null;
  const ended = { ...begunOf(entry, fields), endedAt: dateOf(entry, fields, 'endedAt') };
  if (fields['state'] === 'done') return { ...ended, state: 'done', result: fields['result'] ?? null };
  const { error } = fields;
  if (fields['state'] === 'failed' && typeof error === 'string') return { ...ended, state: 'failed', error };
  throw damaged(entry, 'its state is none of running, done and failed');
}

export function dateOf(entry: Entry, fields: Fields, name: string): Date {
  const text = fields[name];
  const date = new Date(typeof text === 'string' ? text : Number.NaN);
  if (Number.isNaN(date.getTime())) throw damaged(entry, `${name} is no time`);
  return date;
}

export function damaged({ key }: Entry, why: string): ConclaveError {
  return new ConclaveError('INVALID_ARGUMENT', `${key} is not what a job writes: ${why}`);
}
