import { readFileSync } from 'node:fs';
import { damages, kinds, type Outcome, outcomesOf, type Victim } from './outcomes.ts';

export const document: string = new URL('../../../../docs/durability.md', import.meta.url).pathname;

const begin = '<!-- outcomes: npm run regenerate, in packages/storage -->\n';
const end = '<!-- end of outcomes -->';

/** Markdown, from a run of everything that it says. */
export async function outcomeTable(victim: Victim): Promise<string> {
  const rows = [['File', ...damages], Array.from({ length: damages.length + 1 }, () => '---')];
  for (const kind of kinds) {
    const row = [`\`${kind.name}\``];
    for (const damage of damages) {
      const outcomes = await outcomesOf(victim, kind, damage);
      row.push(outcomes === null ? '—' : cell(outcomes));
    }
    rows.push(row);
  }
  return rows.map((row) => `| ${row.join(' | ')} |\n`).join('');
}

/** One word where beginning, middle and end come to the same, else three. */
function cell(outcomes: readonly Outcome[]): string {
  return new Set(outcomes).size === 1 ? outcomes[0]! : outcomes.join(', ');
}

export function readDocument(): string {
  return readFileSync(document, 'utf8');
}

export function tableIn(text: string): string {
  return text.slice(text.indexOf(begin) + begin.length, text.indexOf(end));
}

export function withTable(text: string, table: string): string {
  return text.slice(0, text.indexOf(begin) + begin.length) + table + text.slice(text.indexOf(end));
}
