import { clientOptions, reasonOf, reasonOption, timeoutOf, withClient } from '../client.ts';
import type { Arguments, Command } from '../command.ts';
import { exitCode, UsageError } from '../exit.ts';
import { printJson, printTable } from '../output.ts';

export const cluster: Command = {
  name: 'cluster',
  usage: '[show] | set --lease-reads on|off',
  summary: [
    'What holds for the cluster as a whole.',
    '  show  its id; its incarnation, which grows with each restore; its level, the newest commands that all members know; lease reads',
    '  set   changes it; the leader sees to it. Lease reads save the round in which a leader is confirmed, and trust that clocks run at',
    '        nearly the same rate: docs/consensus.md says what they promise',
  ].join('\n'),
  options: {
    'lease-reads': {
      type: 'string',
      value: 'on|off',
      help: 'set: whether leaders answer linearizable reads from a lease',
    },
    ...reasonOption,
    ...clientOptions,
  },
  run: async (parsed) => {
    const [action = 'show', ...more] = parsed.positionals;
    if (more.length > 0 || (action !== 'show' && action !== 'set')) throw new UsageError('cluster: show or set');
    if (action === 'set') return set(parsed);
    if (parsed.has('lease-reads')) throw new UsageError('cluster show changes nothing: cluster set does');
    return show(parsed);
  },
};

async function show(parsed: Arguments): Promise<number> {
  const timeoutMs = timeoutOf(parsed);
  const { clusterId, incarnation, leaseReads, level } = await withClient(parsed, async (client) =>
    client.status({ timeoutMs }),
  );
  if (parsed.flag('json')) printJson({ clusterId, incarnation, level, leaseReads });
  else {
    printTable([
      ['cluster', clusterId],
      ['incarnation', `${incarnation}`],
      ['level', `${level}`],
      ['lease reads', onOrOff(leaseReads)],
    ]);
  }
  return exitCode.ok;
}

async function set(parsed: Arguments): Promise<number> {
  const leaseReads = switched('lease-reads', parsed.required('lease-reads'));
  const options = { timeoutMs: timeoutOf(parsed), ...reasonOf(parsed) };
  return withClient(parsed, async (client) => {
    const { changed } = await client.perform({ type: 'clusterSet', leaseReads }, options);
    if (parsed.flag('json')) printJson({ leaseReads, changed });
    else console.log(`lease reads are to be ${onOrOff(leaseReads)}${changed ? '' : ', as they were already'}`);
    return exitCode.ok;
  });
}

function switched(option: string, text: string): boolean {
  if (text === 'on' || text === 'off') return text === 'on';
  throw new UsageError(`--${option} ${JSON.stringify(text)}: on or off`);
}

function onOrOff(value: boolean): string {
  return value ? 'on' : 'off';
}
