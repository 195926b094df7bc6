// The tables of docs/protocol.md and docs/errors.md. Positions, fields and types come from the schema; what a field means is written
// by hand in the last column and kept.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { wireLimits } from '../src/client/wire-limits.ts';
import { type ErrorCode, errorCodes } from '../src/error.ts';
import { errorMeanings } from '../src/error-meaning.ts';
import { limits } from '../src/limits.ts';
import { tables } from './schema-tables.ts';

const docs = join(import.meta.dirname, '../../../docs');
export const protocolDocument: string = join(docs, 'protocol.md');
export const errorsDocument: string = join(docs, 'errors.md');

/** `<!-- table: operation.put -->` and the table behind it, up to the first line that is none. */
const marked = /<!-- table: (\S+) -->\n\n((?:\|.*\n)*)/g;

export function read(path: string): string {
  return readFileSync(path, 'utf8');
}

/** The document with its tables as the schema has them. */
export function refreshed(document: string): string {
  return document.replaceAll(marked, (_, name: string, old: string) => {
    return `<!-- table: ${name} -->\n\n${tableOf(name, meanings(old))}`;
  });
}

/** Tables that the document should have and has not. */
export function missingTables(document: string): string[] {
  const present = new Set([...document.matchAll(marked)].map(([, name]) => name));
  return [...tables.keys(), 'limits', 'wireLimits'].filter((name) => !present.has(name));
}

function errorsTable(): string {
  const rows = Object.entries(errorCodes).map(
    ([code, { number, retryable }]) =>
      `| ${number} | \`${code}\` | ${retryable ? 'yes' : 'no'} | ${errorMeanings[code as ErrorCode]} |\n`,
  );
  return `| Number | Code | Retryable | Meaning |\n|---|---|---|---|\n${rows.join('')}`;
}

function tableOf(name: string, meaning: ReadonlyMap<string, string>): string {
  if (name === 'errors') return errorsTable();
  if (name === 'limits' || name === 'wireLimits') {
    const rows = Object.entries(name === 'limits' ? limits : wireLimits).map(
      ([limit, value]) => `| \`${limit}\` | ${value} | ${meaning.get(limit) ?? ''} |\n`,
    );
    return `| Limit | Value | Meaning |\n|---|---|---|\n${rows.join('')}`;
  }
  const table = tables.get(name);
  if (table === undefined) return `| no such table: ${name} |\n`;
  const first = table.tag === null ? 0 : 1;
  const rows = table.fields.map(
    ({ name: field, type }, i) => `| ${first + i} | \`${field}\` | ${type.name} | ${meaning.get(field) ?? ''} |\n`,
  );
  const tag = table.tag === null ? '' : `| 0 | | ${table.tag} | the tag |\n`;
  const rule = table.rule === null ? '' : `| | | | where ${table.rule} |\n`;
  return `| # | **${name.split('.').at(-1)}** | Type | Meaning |\n|---|---|---|---|\n${tag}${rows.join('')}${rule}`;
}

/** By the name in the first cell that is written as code. */
function meanings(table: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const row of table.split('\n')) {
    const cells = row.split('|').map((cell) => cell.trim());
    const name = cells.find((cell) => /^`.*`$/.test(cell));
    if (name !== undefined) found.set(name.slice(1, -1), cells.at(-2) ?? '');
  }
  return found;
}
