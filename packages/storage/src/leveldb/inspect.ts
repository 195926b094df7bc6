// Looks through a LevelDB directory without LevelDB. Reads only; never touches LOCK: closing any descriptor of that file would drop
// the POSIX lock that this process may hold (study/reliability.md §0, 9).
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno } from '../directory/errno.ts';
import { type BlockLogEnd, readBlockLog } from './block-log.ts';
import { tableDamage } from './table.ts';
import { replayVersionEdits, type Version } from './version-edit.ts';

export interface Inspection {
  /** What is wrong, or null. One finding is enough to refuse. */
  readonly damage: string | null;
  /** An unfinished write at the end of the newest log: harmless, LevelDB drops it. */
  readonly torn: string | null;
  /** Bytes of write-ahead logs, which an open rewrites into tables. */
  readonly logBytes: number;
}

const sequenceBytes = 8;
const batchHeaderBytes = 12;

/** `witness`: bytes that each batch contains (see block-log.ts). `directory` is named in the findings by `name`. */
export async function inspectLevel(directory: string, name: string, witness: Buffer): Promise<Inspection> {
  const version = await readVersion(directory, name);
  if ('damage' in version) return finding(version.damage);
  for (const [number, bytes] of version.tables) {
    const damage = await damageOfTable(directory, name, number, bytes);
    if (damage !== null) return finding(damage);
  }
  return inspectLogs(directory, name, version, witness);
}

/**
 * Verifies the tables of a database that is open. Its MANIFEST names only tables that are complete; one that has gone since was
 * compacted away.
 */
export async function scrubTables(directory: string, name: string, rest: () => Promise<void>): Promise<string | null> {
  const version = await readVersion(directory, name);
  if ('damage' in version) return version.damage;
  for (const [number, bytes] of version.tables) {
    const damage = await damageOfTable(directory, name, number, bytes, rest);
    if (damage !== null && damage !== missingTable(name, number)) return damage;
    await rest();
  }
  return null;
}

/** What makes up the database, as its MANIFEST says. */
async function readVersion(directory: string, name: string): Promise<Version | { readonly damage: string }> {
  const current = await readOptional(join(directory, 'CURRENT'));
  if (current === null) return { damage: `${name}/CURRENT is missing` };
  const manifestName = /^(MANIFEST-\d+)\n$/.exec(current.toString('latin1'))?.[1];
  if (manifestName === undefined) return { damage: `${name}/CURRENT names no MANIFEST` };
  const manifest = await readOptional(join(directory, manifestName));
  if (manifest === null) return { damage: `${name}/${manifestName} is missing` };

  // Its torn tail is an edit that was never synced; a synced one that was cut off leaves files missing, which shows.
  const { records, end } = readBlockLog(manifest, null);
  if (end.kind === 'damaged') {
    return { damage: `${name}/${manifestName} is damaged at byte ${end.offset}: ${end.reason}` };
  }
  try {
    return replayVersionEdits(records);
  } catch (error) {
    return { damage: `${name}/${manifestName} is damaged: ${(error as Error).message}` };
  }
}

function finding(damage: string): Inspection {
  return { damage, torn: null, logBytes: 0 };
}

/** The write-ahead logs that the next open will replay. LevelDB lists them nowhere: it takes those it finds. */
async function inspectLogs(directory: string, name: string, version: Version, witness: Buffer): Promise<Inspection> {
  const numbers = (await readdir(directory))
    .map((file) => /^(\d+)\.log$/.exec(file)?.[1])
    .filter((digits) => digits !== undefined)
    .map(Number)
    .filter((number) => number >= version.logNumber)
    .toSorted((a, b) => a - b);
  let logBytes = 0;
  let torn: { readonly text: string } | null = null;
  let empty: string | null = null;
  let expected: bigint | null = null;

  // The log that the MANIFEST names was created, durably, before it was named, and is deleted only after a later one is named.
  if (version.logNumber > 0 && numbers[0] !== version.logNumber) {
    return finding(`${name}/${fileName(version.logNumber, 'log')} is missing`);
  }
  for (const number of numbers) {
    const file = `${name}/${fileName(number, 'log')}`;
    const bytes = await readFile(join(directory, fileName(number, 'log')));
    logBytes += bytes.length;
    if (bytes.length === 0) {
      empty = file;
      continue;
    }
    if (empty !== null) return finding(`${empty} is empty, but ${file} follows it`);
    // A log is finished before the next one is begun; only an open that was interrupted leaves an empty one behind a torn one.
    if (torn !== null) return finding(`${torn.text}, but ${file} follows it`);
    const log = readBlockLog(bytes, witness);
    if (log.end.kind === 'damaged') return finding(`${file} is damaged at byte ${log.end.offset}: ${log.end.reason}`);
    for (const record of log.records) {
      if (record.length < batchHeaderBytes) return finding(`${file} holds a batch of ${record.length} bytes`);
      const sequence = record.readBigUInt64LE(0);
      const due: bigint = expected ?? BigInt(version.lastSequence + 1);
      // The first log may begin earlier: what it holds may have reached a table while it was written on.
      if (expected === null ? sequence > due : sequence !== due) {
        return finding(`${file} lacks batches: operation ${due} should follow, and ${sequence} does`);
      }
      expected = sequence + BigInt(record.readUInt32LE(sequenceBytes));
    }
    if (log.end.kind === 'torn') torn = { text: describeTorn(file, log.end) };
  }
  return { damage: null, torn: torn?.text ?? null, logBytes };
}

function describeTorn(file: string, end: BlockLogEnd & { readonly kind: 'torn' }): string {
  return `${file} ends with ${end.bytes} bytes of an unfinished batch`;
}

async function damageOfTable(
  directory: string,
  name: string,
  number: number,
  bytes: number,
  rest?: () => Promise<void>,
): Promise<string | null> {
  const file = `${name}/${fileName(number, 'ldb')}`;
  const table = await readOptional(join(directory, fileName(number, 'ldb')));
  if (table === null) return missingTable(name, number);
  if (table.length !== bytes) return `${file} has ${table.length} bytes and should have ${bytes}`;
  const damage = await tableDamage(table, rest);
  return damage === null ? null : `${file} is damaged: ${damage}`;
}

function missingTable(name: string, number: number): string {
  return `${name}/${fileName(number, 'ldb')} is missing`;
}

/** LevelDB pads file numbers to six digits (db/filename.cc). */
function fileName(number: number, suffix: string): string {
  return `${String(number).padStart(6, '0')}.${suffix}`;
}

async function readOptional(path: string): Promise<Buffer | null> {
  try {
    return await readFile(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return null;
    throw error;
  }
}
