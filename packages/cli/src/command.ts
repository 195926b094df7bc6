import { type ParseArgsConfig, parseArgs } from 'node:util';
import { UsageError } from './exit.ts';

export interface Option {
  readonly type: 'string' | 'boolean';
  readonly short?: string;
  readonly multiple?: boolean;
  /** What stands for the value in the help. */
  readonly value?: string;
  readonly help: string;
}

export interface Command {
  readonly name: string;
  /** Positional arguments, as the help shows them. */
  readonly usage: string;
  readonly summary: string;
  readonly options: Readonly<Record<string, Option>>;
  /** A command to be run stands behind `--`. Otherwise more arguments do, which may begin with a dash. */
  readonly takesCommand?: true;
  readonly run: (parsed: Arguments) => Promise<number>;
}

/** A command line that was understood. */
export class Arguments {
  readonly positionals: readonly string[];
  /** The command behind `--`. */
  readonly rest: readonly string[];
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(values: Readonly<Record<string, unknown>>, positionals: readonly string[], rest: readonly string[]) {
    this.#values = values;
    this.positionals = positionals;
    this.rest = rest;
  }

  has(name: string): boolean {
    return this.#values[name] !== undefined;
  }

  flag(name: string): boolean {
    return this.#values[name] === true;
  }

  text(name: string): string | undefined {
    const value = this.#values[name];
    return typeof value === 'string' ? value : undefined;
  }

  texts(name: string): readonly string[] {
    const value = this.#values[name];
    return Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : [];
  }

  required(name: string): string {
    const value = this.text(name);
    if (value === undefined) throw new UsageError(`--${name} is missing`);
    return value;
  }

  /** A whole number within bounds. */
  number(name: string, low: number, high: number, otherwise: number): number;
  number(name: string, low: number, high: number): number | undefined;
  number(name: string, low: number, high: number, otherwise?: number): number | undefined {
    const text = this.text(name);
    if (text === undefined) return otherwise;
    const value = Number(text);
    if (text.trim() === '' || !Number.isInteger(value) || value < low || value > high) {
      throw new UsageError(`--${name} ${JSON.stringify(text)}: a whole number from ${low} to ${high}`);
    }
    return value;
  }
}

export function parse(command: Command, argv: readonly string[]): Arguments {
  const dashes = argv.indexOf('--');
  const own = dashes === -1 ? argv : argv.slice(0, dashes);
  const behind = dashes === -1 ? [] : argv.slice(dashes + 1);
  const takesCommand = command.takesCommand === true;
  if (takesCommand && dashes !== -1 && behind.length === 0) {
    throw new UsageError('there is nothing behind --: a command stands there');
  }
  const options: NonNullable<ParseArgsConfig['options']> = {};
  for (const [name, { multiple, short, type }] of Object.entries(command.options)) {
    options[name] = { type, multiple: multiple === true, ...(short === undefined ? {} : { short }) };
  }
  try {
    const { positionals, values } = parseArgs({ args: [...own], options, allowPositionals: true, strict: true });
    return takesCommand
      ? new Arguments(values, positionals, behind)
      : new Arguments(values, [...positionals, ...behind], []);
  } catch (error) {
    throw new UsageError(misunderstood(error, command));
  }
}

function misunderstood(error: unknown, { name, takesCommand }: Command): string {
  if (!(error instanceof Error)) return String(error);
  const unknown = /^Unknown option '([^']*)'/.exec(error.message)?.[1];
  if (unknown === undefined) return error.message;
  const otherwise = takesCommand === true ? '' : '; what begins with a dash and is no option stands behind --';
  return `there is no option ${unknown}: \`conclave ${name} --help\` lists them${otherwise}`;
}

export function helpOf({ name, options, summary, usage }: Command): string {
  const lines = Object.entries(options).map(([long, { help, short, value }]) => {
    const flag = `${short === undefined ? '    ' : `-${short}, `}--${long}${value === undefined ? '' : ` ${value}`}`;
    return `  ${flag.padEnd(32)} ${help}`;
  });
  return [`conclave ${name} ${usage}`.trim(), '', summary, '', ...lines].join('\n');
}
