// Reads a history file. A file that another harness wrote is the normal case, so every refusal names the line and the field.
import { readFileSync } from 'node:fs';
import type { HistoryRecord } from './record.ts';

export class HistoryError extends Error {
  override readonly name = 'HistoryError';
}

/** Undefined when the value is right, else what was expected. */
type Rule = (value: unknown) => string | undefined;
type Shape = Readonly<Record<string, Rule>>;

const text: Rule = (value) => (typeof value === 'string' ? undefined : 'a string');
const flag: Rule = (value) => (typeof value === 'boolean' ? undefined : 'true or false');
const number: Rule = (value) =>
  Number.isInteger(value) && (value as number) >= 0 ? undefined : 'an integer of zero or more';
const nothing: Rule = (value) => (value === null || value === undefined ? undefined : 'null');
const present: Rule = (value) => (value !== undefined && value !== null ? undefined : 'a value other than null');
const presentOrNull: Rule = (value) => (value !== undefined ? undefined : 'a value, or null for "absent"');
const type: Rule = (value) => (value === 'put' || value === 'delete' ? undefined : '"put" or "delete"');
const types: Rule = (value) =>
  Array.isArray(value) && value.every((item) => type(item) === undefined) ? undefined : 'a list of "put" and "delete"';
const status: Rule = (value) =>
  value === 'ok' || value === 'fail' || value === 'unknown' ? undefined : '"ok", "fail" or "unknown"';
const onlyUnknown: Rule = (value) => (value === undefined || value === 'unknown' ? undefined : '"unknown"');

function optional(rule: Rule): Rule {
  return (value) => (value === undefined ? undefined : rule(value));
}

const hold = { owner: text, token: number };
const change = { rev: number, key: text, type, value: optional(presentOrNull) };
const stream = { watch: text };

/** Operations with a call, a return and a status. */
const operations: Readonly<Record<string, { readonly in: Shape; readonly out: Shape }>> = {
  get: { in: {}, out: { value: presentOrNull, rev: optional(number) } },
  get_stale: { in: {}, out: { value: presentOrNull } },
  put: { in: { value: present }, out: { rev: optional(number), prev: optional(presentOrNull) } },
  cas: {
    in: { expect: presentOrNull, value: present },
    out: { swapped: flag, rev: optional(number), value: optional(presentOrNull) },
  },
  delete: { in: {}, out: { existed: optional(flag), rev: optional(number) } },
  acquire: { in: { owner: text, ttl_ns: optional(number) }, out: { token: number } },
  release: { in: hold, out: { released: flag } },
  holder: { in: {}, out: { owner: optional(text), token: optional(number) } },
  renew: { in: { owner: text }, out: {} },
  use: { in: hold, out: { accepted: flag, seq: number } },
};

/** What the harness says, and what watches received. */
const others: Readonly<Record<string, { readonly fields: Shape; readonly in?: Shape }>> = {
  init: { fields: { key: text }, in: { value: present } },
  lapse: {
    fields: { key: text, call_ns: number, status: onlyUnknown },
    in: { owner: text, token: (value) => nothing(value) && number(value) },
  },
  lost: { fields: { client: text, key: text, call_ns: number }, in: hold },
  crash: { fields: { client: text, call_ns: number } },
  event: { fields: { ...change, client: optional(text) } },
  watch: {
    fields: {
      ...stream,
      start_rev: number,
      prefix: optional(text),
      key: optional(text),
      from: optional(text),
      to: optional(text),
      types: optional(types),
    },
  },
  wevent: { fields: { ...stream, ...change, batch: optional(number) } },
  wprogress: { fields: { ...stream, rev: number } },
  wresume: { fields: { ...stream, start_rev: number } },
  wcompacted: { fields: { ...stream, compact_rev: number } },
  wend: { fields: { ...stream, caught_up_rev: number } },
};

export function readHistory(path: string): HistoryRecord[] {
  return parseHistory(readFileSync(path, 'utf8'), path);
}

/** `name` stands in front of every error. Blank lines are skipped but counted. */
export function parseHistory(content: string, name: string): HistoryRecord[] {
  const records: HistoryRecord[] = [];
  const lines = content.split('\n');
  for (const [index, line] of lines.entries()) {
    if (line.trim() === '') continue;
    const where = `${name}, line ${index + 1}`;
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch (cause) {
      const torn = index === lines.length - 1 ? ' (the last line: was its writer killed?)' : '';
      throw new HistoryError(`${where}: not JSON${torn}`, { cause });
    }
    records.push(checked(value, where));
  }
  return records;
}

function checked(value: unknown, where: string): HistoryRecord {
  const record = object(value, where, 'record');
  const op = record['op'];
  if (typeof op !== 'string') throw new HistoryError(`${where}: op must be a string, is ${shown(op)}`);
  const operation = Object.hasOwn(operations, op) ? operations[op] : undefined;
  if (operation !== undefined) return checkedOperation(record, operation, op, where);
  const other = Object.hasOwn(others, op) ? others[op] : undefined;
  if (other === undefined) {
    const known = [...Object.keys(operations), ...Object.keys(others)].join(', ');
    throw new HistoryError(`${where}: op ${shown(op)} is none of ${known}`);
  }
  expectShape(other.fields, record, '', where);
  if (other.in !== undefined) expectShape(other.in, object(record['in'], where, 'in'), 'in.', where);
  if ((op === 'event' || op === 'wevent') && record['type'] === 'put') {
    expectShape({ value: present }, record, '', where);
  }
  return record as never;
}

function checkedOperation(
  record: Readonly<Record<string, unknown>>,
  shape: { readonly in: Shape; readonly out: Shape },
  op: string,
  where: string,
): HistoryRecord {
  const key = op === 'renew' ? nothing : text;
  expectShape({ client: text, key, status, call_ns: number, return_ns: optional(number) }, record, '', where);
  const input = object(record['in'] ?? {}, where, 'in');
  expectShape(shape.in, input, 'in.', where);
  if (record['status'] === 'ok') {
    expectShape({ return_ns: number }, record, '', where);
    const out = object(record['out'] ?? {}, where, 'out');
    expectShape(shape.out, out, 'out.', where);
    if ((record['return_ns'] as number) < (record['call_ns'] as number)) {
      throw new HistoryError(
        `${where}: return_ns ${shown(record['return_ns'])} lies before call_ns ${shown(record['call_ns'])}`,
      );
    }
    return { ...record, in: input, out } as never;
  }
  return { ...record, in: input } as never;
}

function object(value: unknown, where: string, field: string): Readonly<Record<string, unknown>> {
  if (value !== null && typeof value === 'object' && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new HistoryError(`${where}: ${field} must be an object, is ${shown(value)}`);
}

function expectShape(shape: Shape, value: Readonly<Record<string, unknown>>, path: string, where: string): void {
  for (const [field, rule] of Object.entries(shape)) {
    const expected = rule(value[field]);
    if (expected === undefined) continue;
    throw new HistoryError(`${where}: ${path}${field} must be ${expected}, is ${shown(value[field])}`);
  }
}

const maxShownCharacters = 60;

function shown(value: unknown): string {
  const json = JSON.stringify(value) ?? 'missing';
  return json.length > maxShownCharacters ? `${json.slice(0, maxShownCharacters)}…` : json;
}
