import { CommandLine } from './command-line.ts';
import { commands } from './commands.ts';
import { type Part, parseScript, renderScript, type Step } from './script.ts';
import { type Line, World } from './world.ts';

/** How much a step prints: all of it, no messages and writes, or only that a member stops. */
type Detail = 'full' | 'brief' | 'quiet';

export interface ScenarioResult {
  /** The text with the output of this run. */
  readonly text: string;
  /** The steps whose output is another one than what stands there, as a person would want to see it. */
  readonly differences: readonly string[];
}

/** Runs a scenario from the beginning. Throws when it says something that is not understood. */
export function runScenario(text: string): ScenarioResult {
  const world = new World();
  const outputs = new Map<Part, string>();
  const differences: string[] = [];
  const parts = parseScript(text);
  for (const part of parts) {
    if (part.kind === 'remark') continue;
    const output = runStep(world, part);
    outputs.set(part, output);
    if (output !== part.expected) differences.push(difference(part, output));
  }
  return { text: renderScript(parts, (step) => outputs.get(step) ?? ''), differences };
}

function runStep(world: World, { commands: lines, line }: Step): string {
  const printed: string[] = [];
  for (const [at, text] of lines.entries()) {
    try {
      printed.push(...runCommand(world, text));
    } catch (error) {
      throw new Error(`line ${line + at}: ${text}`, { cause: error });
    }
  }
  return printed.length === 0 ? 'ok' : printed.join('\n');
}

function runCommand(world: World, text: string): string[] {
  const line = new CommandLine(text);
  const command = commands[line.name];
  if (command === undefined) throw new Error(`there is no command ${line.name}`);
  const detail: Detail = line.flag('quiet') ? 'quiet' : line.flag('brief') ? 'brief' : 'full';
  command(world, line);
  line.end();
  return world
    .takeLines()
    .filter((printed) => isShown(printed, detail))
    .map((printed) => printed.text);
}

function isShown({ kind }: Line, detail: Detail): boolean {
  if (detail === 'quiet') return kind === 'stop';
  return detail === 'full' || kind === 'event' || kind === 'stop';
}

function difference({ commands: lines, expected, line }: Step, output: string): string {
  const indented = (text: string): string => text.replaceAll(/^/gm, '    ');
  const was = expected === null ? 'nothing is written there yet' : indented(expected);
  return `line ${line}: ${lines.join('; ')}\n  written:\n${was}\n  now:\n${indented(output)}`;
}
