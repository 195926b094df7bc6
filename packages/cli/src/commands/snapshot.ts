import { type InspectedSnapshot, inspectSnapshot, restoreMember } from '@conclave/server';
import { StorageError, writeSnapshotFile } from '@conclave/storage';
import { clientOptions, withClient } from '../client.ts';
import type { Arguments, Command } from '../command.ts';
import { exitCode, UsageError } from '../exit.ts';
import { printJson, printTable } from '../output.ts';
import { parseMember } from './member-flags.ts';

/** For each chunk: the first one waits for a leader, and for a checkpoint. */
const chunkTimeoutMs = 30_000;
const maxTimeoutMs = 3_600_000;
const maxIncarnation = 4_096;

const actions: Readonly<Record<string, (parsed: Arguments, file: string) => Promise<number>>> = {
  save,
  inspect,
  restore,
};

export const snapshot: Command = {
  name: 'snapshot',
  usage: 'save FILE | inspect FILE | restore FILE --data DIR --id N --cluster NAME --member ID=C,P …',
  summary: [
    'Backups, and new clusters out of them.',
    '  save     a backup of everything that was acknowledged by now, through any member, while the cluster works',
    '  inspect  reads a file to its end and verifies all of it; exits with 1 when it is damaged',
    '  restore  makes the directory of one founding member of a new cluster; to be done for each of them, with the same file and members. Then',
    '           `conclave server` with the same --data, --id, --cluster and --member runs it. docs/disaster.md',
  ].join('\n'),
  options: {
    data: { type: 'string', value: 'DIR', help: "restore: the member's directory: absent, or empty" },
    id: { type: 'string', value: 'N', help: 'restore: which of the members it is' },
    cluster: {
      type: 'string',
      value: 'NAME',
      help: 'restore: name of the cluster; clients that know the old one go on if it is the same',
    },
    member: {
      type: 'string',
      multiple: true,
      value: 'ID=C,P',
      help: 'restore: each founding member: URL for clients, URL for peers',
    },
    incarnation: {
      type: 'string',
      value: 'N',
      help: 'restore: of the new cluster (that of the file and 1); more, when a file is restored again',
    },
    ...clientOptions,
    'timeout-ms': { type: 'string', value: 'MS', help: 'save: how long each of its parts may take (30000)' },
  },
  run: async (parsed) => {
    const [name = '', file, ...more] = parsed.positionals;
    const action = Object.hasOwn(actions, name) ? actions[name] : undefined;
    if (action === undefined || file === undefined || more.length > 0) {
      throw new UsageError(`snapshot: one of ${Object.keys(actions).join(', ')}, and a file`);
    }
    return action(parsed, file);
  },
};

async function save(parsed: Arguments, file: string): Promise<number> {
  const timeoutMs = parsed.number('timeout-ms', 1, maxTimeoutMs, chunkTimeoutMs);
  await withClient(parsed, async (client) => writeSnapshotFile(file, client.backup({ timeoutMs })));
  // What lies on the disk now, and not what came over the network.
  return report(parsed, file, await inspectSnapshot(file));
}

async function inspect(parsed: Arguments, file: string): Promise<number> {
  try {
    return report(parsed, file, await inspectSnapshot(file));
  } catch (error) {
    if (!(error instanceof StorageError) || error.code !== 'bad-snapshot') throw error;
    if (parsed.flag('json')) printJson({ file, whole: false, message: error.found });
    console.error(`conclave snapshot: ${error.message}`);
    return exitCode.negative;
  }
}

function report(
  parsed: Arguments,
  file: string,
  { chunks, contents, fileBytes, head, records }: InspectedSnapshot,
): number {
  const { clusterId, digest, meta, savedAtMs } = head;
  const { id, position } = meta;
  const { compacted, holds, incarnation, keys, leases, revision, sessions } = contents;
  const savedAt = new Date(savedAtMs).toISOString();
  const digestHex = Buffer.from(digest).toString('hex');
  if (parsed.flag('json')) {
    const state = { incarnation, revision, compacted, keys, leases, sessions, holds, records };
    const source = { clusterId, snapshot: id, savedAt, index: position.index, term: position.term };
    printJson({ file, whole: true, fileBytes, chunks, ...source, digest: digestHex, ...state });
    return exitCode.ok;
  }
  printTable([
    ['file', `${file}: ${fileBytes} bytes, ${chunks} chunks, all verified`],
    ['cluster', `${clusterId}, incarnation ${incarnation}`],
    ['saved', `${savedAt}, snapshot ${id}`],
    ['log', `up to entry ${position.index} of term ${position.term}`],
    ['revision', `${revision}; readable from ${compacted} on`],
    [
      'holds',
      `${keys} keys, ${leases} leases, ${sessions} sessions, ${holds} locks and elections, in ${records} records`,
    ],
    ['digest', `${digestHex}, verified`],
  ]);
  return exitCode.ok;
}

async function restore(parsed: Arguments, file: string): Promise<number> {
  const directory = parsed.required('data');
  parsed.required('id');
  const wanted = parsed.number('incarnation', 1, maxIncarnation);
  const { clusterId, id, incarnation, keys, revision } = await restoreMember({
    file,
    directory,
    id: parsed.number('id', 1, 2 ** 32 - 1, 0),
    cluster: parsed.required('cluster'),
    members: parsed.texts('member').map(parseMember),
    ...(wanted === undefined ? {} : { incarnation: wanted }),
  });
  if (parsed.flag('json')) printJson({ clusterId, id, data: directory, incarnation, revision, keys });
  else {
    console.log(
      `${directory} is member ${id} of ${clusterId}, incarnation ${incarnation}: ${keys} keys at revision ${revision}`,
    );
    console.error(
      'Restore the same file for each of the other members, then run `conclave server` with the same options.',
    );
  }
  return exitCode.ok;
}
