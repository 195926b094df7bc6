/** Between the commands of a step and what they print. */
const separator = '----';

/** Commands, one a line, and what they printed when the text was last written. */
export interface Step {
  readonly kind: 'step';
  /** Of the file, counted from 1. */
  readonly line: number;
  /** What stands directly above the commands. */
  readonly comments: readonly string[];
  readonly commands: readonly string[];
  /** Null when nothing was ever written: a step that somebody has just typed. */
  readonly expected: string | null;
}

interface Remark {
  readonly kind: 'remark';
  readonly comments: readonly string[];
}

export type Part = Step | Remark;

/**
 * The grammar is that of etcd's data-driven tests, but that a step may hold several commands:
 *
 *     # What the reader should know.
 *     propose 1 x
 *     persist 1
 *     ----
 *     1: accepted x at 1/3
 *
 * A blank line ends a step; no output holds one.
 */
export function parseScript(text: string): Part[] {
  const parts: Part[] = [];
  const lines = text.split('\n');
  let block: string[] = [];
  let start = 1;
  for (let at = 0; at <= lines.length; at++) {
    const line = lines[at] ?? '';
    if (line !== '') {
      if (block.length === 0) start = at + 1;
      block.push(line);
    } else if (block.length > 0) {
      parts.push(parseBlock(block, start));
      block = [];
    }
  }
  return parts;
}

function parseBlock(block: readonly string[], line: number): Part {
  const end = block.indexOf(separator);
  const head = end === -1 ? block : block.slice(0, end);
  const comments = head.filter((text) => text.startsWith('#'));
  const commands = head.filter((text) => !text.startsWith('#'));
  if (commands.length === 0) return { kind: 'remark', comments };
  return { kind: 'step', line, comments, commands, expected: end === -1 ? null : block.slice(end + 1).join('\n') };
}

/** The text of a script whose steps print what `outputOf` says. */
export function renderScript(parts: readonly Part[], outputOf: (step: Step) => string): string {
  const blocks = parts.map((part) =>
    part.kind === 'remark' ? part.comments : [...part.comments, ...part.commands, separator, outputOf(part)],
  );
  return `${blocks.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}
