import { clientOptions, timeoutOf, withClient } from '../client.ts';
import type { Command } from '../command.ts';
import { exitCode } from '../exit.ts';
import { printJson, printTable } from '../output.ts';

export const status: Command = {
  name: 'status',
  usage: '',
  summary: 'Who is in the cluster, who leads, and how far each is. Answered by any member, also without a quorum.',
  options: { ...clientOptions },
  run: async (parsed) => {
    const timeoutMs = timeoutOf(parsed);
    const found = await withClient(parsed, (client) => client.status({ timeoutMs }));
    const { clusterId, incarnation, leader, leaseReads, level, members, revision, term } = found;
    if (parsed.flag('json')) {
      // What the configuration makes of them, `conclave member list` tells; what holds for all, `conclave cluster`.
      const shown = members.map(({ applied, clientUrl, commit, durable, id, name, peerUrl, pid, role }) => {
        return { id, name, role, clientUrl, peerUrl, applied, commit, durable, pid };
      });
      printJson({ clusterId, term, leader, revision, members: shown });
      return exitCode.ok;
    }
    console.log(`cluster ${clusterId}   term ${term}   revision ${revision}   leader ${leader ?? 'none'}`);
    console.log(`incarnation ${incarnation}   level ${level}   lease reads ${leaseReads ? 'on' : 'off'}`);
    for (const { diskLow, id } of members) {
      if (diskLow === true) console.log(`member ${id}: disk low: it has to be given room`);
    }
    const shown = (value: number | null): string => (value === null ? '-' : `${value}`);
    printTable([
      ['ID', 'ROLE', 'CLIENTS', 'PEERS', 'APPLIED', 'COMMIT', 'DURABLE', 'PID'],
      ...members.map(({ applied, clientUrl, commit, durable, id, peerUrl, pid, role }) => [
        `${id}`,
        role,
        clientUrl,
        peerUrl,
        shown(applied),
        shown(commit),
        shown(durable),
        shown(pid),
      ]),
    ]);
    return exitCode.ok;
  },
};
