import { clientOptions, timeoutOf, withClient } from '../client.ts';
import type { Command } from '../command.ts';
import { exitCode, UsageError } from '../exit.ts';
import { printJson } from '../output.ts';

export const leader: Command = {
  name: 'leader',
  usage: 'transfer [ID]',
  summary: 'Hands leadership to member ID, or to the voter that lacks least. Writes wait meanwhile; none is refused.',
  options: { ...clientOptions },
  run: async (parsed) => {
    const [action, id, ...more] = parsed.positionals;
    if (action !== 'transfer' || more.length > 0) throw new UsageError('leader transfer [ID]');
    const to = id === undefined ? null : memberId(id);
    const timeoutMs = timeoutOf(parsed);
    const moved = await withClient(parsed, (client) => client.transferLeader(to, { timeoutMs }));
    if (parsed.flag('json')) printJson(moved);
    else console.log(`member ${moved.leader} leads`);
    return exitCode.ok;
  },
};

function memberId(text: string): number {
  const id = Number(text);
  if (!Number.isSafeInteger(id) || id < 1)
    throw new UsageError(`ID ${JSON.stringify(text)}: a member's number, 1 or more`);
  return id;
}
