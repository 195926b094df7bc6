import type { Entry } from '@conclave/client';

/** Bytes as JSON shows them: text where they are text, base64 where not. */
interface JsonBytes {
  readonly text: string;
  readonly encoding?: 'base64';
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function jsonBytes(bytes: Uint8Array): JsonBytes {
  try {
    return { text: decoder.decode(bytes) };
  } catch {
    return { text: Buffer.from(bytes).toString('base64'), encoding: 'base64' };
  }
}

/** `{key,value,encoding?,createRevision,modRevision,version}`; `encoding` tells how `value` is written, when not as text. */
export function jsonEntry(entry: Entry): Readonly<Record<string, unknown>> {
  const { encoding, text: value } = jsonBytes(entry.value);
  const { createRevision, key, modRevision, version } = entry;
  return { key, value, ...(encoding === undefined ? {} : { encoding }), createRevision, modRevision, version };
}

export function jsonValue(value: Uint8Array): Readonly<Record<string, unknown>> {
  const { encoding, text } = jsonBytes(value);
  return { value: text, ...(encoding === undefined ? {} : { encoding }) };
}

/** What others wrote, for a terminal: control characters, and those that turn the direction of writing, are shown and do nothing. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}]/gu, (one) => {
    if (one === '\n') return '\\n';
    if (one === '\t') return '\\t';
    return `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

/** A line for people, on standard output. */
export function say(text: string): void {
  console.log(printable(text));
}

/** A line for people, on standard error. */
export function complain(text: string): void {
  console.error(printable(text));
}

export function printJson(value: unknown): void {
  console.log(JSON.stringify(value));
}

/** A line for people and for `cut`: a tab between one and the next. */
export function sayCells(cells: readonly string[]): void {
  console.log(cells.map(printable).join('\t'));
}

/** Columns as wide as they need to be. */
export function printTable(rows: readonly (readonly string[])[]): void {
  const shown = rows.map((row) => row.map(printable));
  const widths: number[] = [];
  for (const row of shown) for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, cell.length);
  for (const row of shown) {
    console.log(
      row
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd(),
    );
  }
}

/** A value to a terminal or a pipe exactly as it is, with a line's end where a person reads it. */
export function printBytes(bytes: Uint8Array): void {
  process.stdout.write(bytes);
  if (process.stdout.isTTY || bytes.at(-1) !== 0x0a) process.stdout.write('\n');
}
