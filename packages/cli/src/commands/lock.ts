import { clientOptions } from '../client.ts';
import type { Command } from '../command.ts';
import { UsageError } from '../exit.ts';
import { holdOptions, holdWhile } from '../hold.ts';

export const lock: Command = {
  name: 'lock',
  usage: 'NAME [-- COMMAND …]',
  summary:
    'Waits for a lock, first come first served, and holds it while COMMAND runs, or until it is interrupted. COMMAND gets TERM, then KILL, before the lock can be granted to somebody else.',
  options: {
    try: { type: 'boolean', help: 'do not wait; exits with 1 when somebody holds it' },
    ...holdOptions,
    ...clientOptions,
  },
  run: async (parsed) => {
    const [name, ...more] = parsed.positionals;
    if (name === undefined || more.length > 0) throw new UsageError('lock takes one NAME, and the command behind --');
    return holdWhile(parsed, {
      command: 'lock',
      variable: 'CONCLAVE_LOCK',
      name,
      obtain: async (client, { session, ...waiting }) =>
        parsed.flag('try') ? client.tryLock(name, { session }) : client.lock(name, { session, ...waiting }),
      release: async (held, options) => held.release(options),
    });
  },
};
