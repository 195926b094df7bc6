import type { Command } from '../command.ts';
import { UsageError } from '../exit.ts';
import { holdOptions, holdWhile } from '../hold.ts';

export const elect: Command = {
  name: 'elect',
  usage: 'NAME VALUE [-- COMMAND …]',
  summary:
    'Stands for an election, first come first served, publishes VALUE when it leads, and leads while COMMAND runs, or until it is interrupted. COMMAND gets TERM, then KILL, before somebody else can lead.',
  options: holdOptions,
  takesCommand: true,
  run: async (parsed) => {
    const [name, value, ...more] = parsed.positionals;
    if (name === undefined || value === undefined || more.length > 0) {
      throw new UsageError('elect takes a NAME and a VALUE, and the command behind --');
    }
    return holdWhile(parsed, {
      command: 'elect',
      canTry: false,
      environment: { CONCLAVE_ELECTION: name },
      name,
      obtain: async (client, options) => client.election(name).campaign(value, options),
      release: async (leadership, options) => leadership.resign(options),
    });
  },
};
