import { clientOptions, reasonOption } from '../client.ts';
import type { Command } from '../command.ts';
import { type Action, actionOf } from './actions.ts';
import { addMember, listMembers, replaceMember, setRole, updateMember } from './member-actions.ts';

const actions: Readonly<Record<string, Action>> = {
  list: listMembers,
  add: addMember,
  update: updateMember,
  promote: async (parsed) => setRole(parsed, 'voter'),
  demote: async (parsed) => setRole(parsed, 'learner'),
  remove: async (parsed) => setRole(parsed, 'removed'),
  replace: replaceMember,
};

export const member: Command = {
  name: 'member',
  usage: 'list | add C,P | update ID | promote ID | demote ID | remove ID | replace ID C,P',
  summary: [
    'Who is in the cluster. C,P: URL for clients, URL for peers.',
    '  add      puts a new member on record and prints a join token: `conclave server --data DIR --join TOKEN` runs it',
    '  update   gives a member other addresses, or another name',
    '  promote  to be a voter, as soon as it has caught up; demote: to be a learner, which only receives the log',
    '  remove   for ever: its id is never given again',
    '  replace  adds a member, waits until it votes, and removes the other one',
  ].join('\n'),
  options: {
    name: { type: 'string', value: 'TEXT', help: 'of the member, for people' },
    learner: { type: 'boolean', help: 'add: it never votes, until it is promoted' },
    'client-url': { type: 'string', value: 'URL', help: 'update: where clients connect' },
    'peer-url': { type: 'string', value: 'URL', help: 'update: where the other members connect' },
    wait: { type: 'boolean', help: 'promote, demote, remove: until it is so, and not only on record' },
    ...reasonOption,
    ...clientOptions,
  },
  run: async (parsed) => {
    return actionOf('member', actions, parsed)(parsed);
  },
};
