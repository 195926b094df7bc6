import type { Arguments } from '../command.ts';
import { UsageError } from '../exit.ts';

export type Action = (parsed: Arguments) => Promise<number>;

/** The action that the first word names. */
export function actionOf(command: string, actions: Readonly<Record<string, Action>>, parsed: Arguments): Action {
  const [name = ''] = parsed.positionals;
  const action = Object.hasOwn(actions, name) ? actions[name] : undefined;
  if (action === undefined) throw new UsageError(`${command}: one of ${Object.keys(actions).join(', ')}`);
  return action;
}

/** Nothing behind the name of the action. */
export function takeNothing(command: string, { positionals, rest }: Arguments): void {
  if (positionals.length !== 1 || rest.length > 0) throw new UsageError(`usage: conclave ${command} ${positionals[0]}`);
}

/** The one word behind the name of the action. */
export function takeOne(command: string, what: string, { positionals, rest }: Arguments): string {
  const [action, word, ...more] = positionals;
  if (word === undefined || more.length > 0 || rest.length > 0) {
    throw new UsageError(`usage: conclave ${command} ${action} ${what}`);
  }
  return word;
}

/** Of a lease or session. */
export function takeId(command: string, parsed: Arguments): number {
  const text = takeOne(command, 'ID', parsed);
  const id = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(id) || id < 1) {
    throw new UsageError(
      `ID ${JSON.stringify(text)}: a whole number from 1 on, as \`conclave ${command} list\` shows it`,
    );
  }
  return id;
}
