import { exportData, type LogExtent, verifyData } from '@conclave/server';
import { StorageError, type StorageErrorCode } from '@conclave/storage';
import type { Arguments, Command } from '../command.ts';
import { exitCode, UsageError } from '../exit.ts';
import { printJson, printTable } from '../output.ts';

export const data: Command = {
  name: 'data',
  usage: 'verify DIR | export DIR FILE',
  summary: [
    'What can be done with the directory of a member that does not run. Nothing in it is changed; a running member is refused.',
    '  verify  looks through all of it, and says how far its log goes. Exits with 1 when something is damaged or lost',
    '  export  makes a file for `conclave snapshot restore` out of it, when too few members are left to ask the cluster. docs/disaster.md',
  ].join('\n'),
  options: {
    'committed-only': { type: 'boolean', help: 'export: without what the member did not know to be committed' },
    json: { type: 'boolean', help: 'standard output holds data only, as JSON' },
  },
  run: async (parsed) => {
    const [action, directory, file, ...more] = parsed.positionals;
    if (action === 'verify' && directory !== undefined && file === undefined) return verify(parsed, directory);
    const isExport = action === 'export' && directory !== undefined && file !== undefined && more.length === 0;
    if (!isExport) throw new UsageError('data: verify DIR, or export DIR FILE');
    return exportTo(parsed, directory, file);
  },
};

/** Something of it is not as it was left; everything else says that it could not be looked at. */
const damages: ReadonlySet<StorageErrorCode> = new Set<StorageErrorCode>([
  'corrupt',
  'lost-acknowledged',
  'wrong-member',
  'half-restored',
]);

async function verify(parsed: Arguments, directory: string): Promise<number> {
  try {
    const { checkpointed, clusterId, contents, log, memberId, notes, records, storeUuid, voters } =
      await verifyData(directory);
    if (parsed.flag('json')) {
      const who = { clusterId, id: memberId, storeUuid };
      printJson({ data: directory, whole: true, ...who, log, checkpointed, voters, ...contents, records, notes });
      return exitCode.ok;
    }
    printTable([
      ['data', `${directory}: whole; ${records} records and all entries verified`],
      ['member', `${memberId} of ${clusterId}, store ${storeUuid}`],
      ['log', described(log)],
      ['voters', voters.join(', ')],
      [
        'state',
        `checkpoint at entry ${checkpointed}; with the log: revision ${contents.revision}, ${contents.keys} keys`,
      ],
      ...notes.map((note) => ['note', note]),
    ]);
    return exitCode.ok;
  } catch (error) {
    if (!(error instanceof StorageError) || !damages.has(error.code)) throw error;
    if (parsed.flag('json')) printJson({ data: directory, whole: false, code: error.code, message: error.found });
    console.error(`conclave data: ${error.message}`);
    return exitCode.negative;
  }
}

async function exportTo(parsed: Arguments, directory: string, file: string): Promise<number> {
  const committedOnly = parsed.flag('committed-only');
  const { contents, fileBytes, head, log, notes } = await exportData(directory, file, { committedOnly });
  const { index, term } = head.meta.position;
  for (const note of notes) console.error(`conclave data: warning: ${note}`);
  if (parsed.flag('json')) {
    printJson({ file, fileBytes, clusterId: head.clusterId, index, term, log, ...contents, notes });
    return exitCode.ok;
  }
  console.log(`${file}: revision ${contents.revision}, ${contents.keys} keys, up to entry ${index} of term ${term}`);
  console.log(`the log: ${described(log)}`);
  return exitCode.ok;
}

function described({ commit, first, last, lastTerm, term }: LogExtent): string {
  const entries = last < first ? `no entries behind ${last}` : `entries ${first} to ${last}`;
  return `${entries}, the last of term ${lastTerm}; known to be committed up to ${commit}; in term ${term}`;
}
