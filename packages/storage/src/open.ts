import { chmod } from 'node:fs/promises';
import { resolve } from 'node:path';
import { AnchorFile } from './anchor/anchor-file.ts';
import { defaultLowSpaceBytes, defaultReserveBytes } from './bounds.ts';
import { holdDirectory } from './directory/held.ts';
import { type Layout, layoutOf } from './directory/layout.ts';
import { type Member, readMemberFile } from './directory/member-file.ts';
import { dropReserve, freeBytes, reserveIntact } from './directory/reserve.ts';
import { survey } from './directory/survey.ts';
import { assertIdentity, describeIdentity, sameIdentity } from './identity.ts';
import { directoryMode } from './init.ts';
import { LevelStorage } from './level-storage.ts';
import { asStorageError } from './leveldb/failure.ts';
import type { Inspection } from './leveldb/inspect.ts';
import { examineLevel, type Level, openLevel, refuseLocked } from './leveldb/open-level.ts';
import { LevelLog } from './log/level-log.ts';
import { readMeta, verifyLog } from './log/verify.ts';
import { reconcile, refuseForeign, refuseRegressed } from './recovery.ts';
import { type CheckpointRecord, decodeCheckpoint } from './state/checkpoint-record.ts';
import { checkpointKey } from './state/keys.ts';
import { LevelState } from './state/level-state.ts';
import type { Identity, Storage } from './storage.ts';
import { StorageError } from './storage-error.ts';
import { uuidBytes } from './uuid.ts';

export interface OpenOptions extends Identity {
  readonly directory: string;
  /** Size of the file that is given up when the disk is too full to open. 96 MiB by default; 0 for none. */
  readonly reserveBytes?: number;
  /** Below this much free space `space().low` is true. 256 MiB by default. */
  readonly lowSpaceBytes?: number;
  /** A monotonic clock in milliseconds. */
  readonly now?: () => number;
}

/** Room for a MANIFEST and the like, beside the logs that an open rewrites. */
const openSlackBytes = 8 * 1024 * 1024;

/**
 * Opens the directory of an existing member, and refuses everything that is not exactly what was left behind: rejects with
 * `not-initialised`, `wrong-member`, `unknown-format`, `locked`, `corrupt`, `lost-acknowledged` or `no-space`.
 */
export async function openStorage(options: OpenOptions): Promise<Storage> {
  assertIdentity(options);
  const layout = layoutOf(resolve(options.directory));
  const what = `Opening ${layout.directory} failed`;
  const member = await identify(layout, options).catch((error: unknown) => {
    throw asStorageError(error, what);
  });
  const release = await holdDirectory(layout.directory);
  const opened: { close(): Promise<void> }[] = [];
  try {
    return await open(layout, member, options, opened, release);
  } catch (error) {
    for (const part of opened.toReversed()) await part.close();
    release();
    throw asStorageError(error, what);
  }
}

async function open(
  layout: Layout,
  member: Member,
  options: OpenOptions,
  opened: { close(): Promise<void> }[],
  release: () => void,
): Promise<Storage> {
  const reserveBytes = options.reserveBytes ?? defaultReserveBytes;
  const { log: inspectedLog, state: inspectedState, notes } = await examine(layout, member, reserveBytes);
  const anchor = await AnchorFile.open(layout.anchor, options.now ?? (() => performance.now()));
  opened.push(anchor);
  refuseForeign('anchor', anchor.newest, member);

  const logLevel = await openLevel(layout.log, inspectedLog);
  opened.push(logLevel);
  const meta = await readMeta(logLevel);
  refuseForeign('log', meta, member);
  refuseRegressed(meta, anchor.newest.pledge);
  const terms = await verifyLog(logLevel, meta);
  // A crash may have come between the two, and core repeats what the log holds without another write.
  const { term, vote } = meta.hardState;
  await anchor.write({ term, vote, acknowledged: meta.acknowledged });
  await anchor.sync();

  const stateLevel = await openLevel(layout.state, inspectedState);
  opened.push(stateLevel);
  const record = await readCheckpoint(stateLevel);
  const recovered = reconcile(meta, terms, record, member);

  const storage = new LevelStorage({
    layout,
    member,
    log: new LevelLog(logLevel, anchor, meta, recovered),
    state: new LevelState(stateLevel, record),
    notes,
    reserveBytes,
    lowSpaceBytes: options.lowSpaceBytes ?? defaultLowSpaceBytes,
    reserveIntact: await reserveIntact(layout.reserve, reserveBytes),
    release,
  });
  await storage.restoreReserve();
  return storage;
}

/** Whose directory is this? Changes nothing. */
async function identify(layout: Layout, expected: Identity): Promise<Member> {
  const found = await survey(layout);
  switch (found.kind) {
    case 'absent':
      throw new StorageError('not-initialised', `There is no directory ${layout.directory}`);
    case 'empty':
    case 'foreign':
      throw new StorageError('not-initialised', `${layout.directory} holds no member's data`);
    case 'interrupted':
      throw new StorageError('not-initialised', `The initialisation of ${layout.directory} was interrupted`);
    case 'headless':
      throw new StorageError('corrupt', `${layout.directory} holds ${found.found.join(', ')} but no member.json`);
    case 'initialised':
      break;
  }
  const member = await readMemberFile(layout.memberFile);
  if (sameIdentity(member, expected)) return member;
  throw new StorageError(
    'wrong-member',
    `${layout.directory} belongs to ${describeIdentity(member)}, and ${describeIdentity(expected)} was asked for`,
  );
}

interface Examination {
  readonly log: Inspection;
  readonly state: Inspection;
  readonly notes: readonly string[];
}

/** Everything that must be seen before LevelDB touches it. */
async function examine(layout: Layout, member: Member, reserveBytes: number): Promise<Examination> {
  const notes: string[] = [];
  await chmod(layout.directory, directoryMode);
  // Both locks before either inspection: a directory in use is not a damaged one.
  await refuseLocked(layout.log);
  await refuseLocked(layout.state);
  const witness = uuidBytes(member.storeUuid);
  const log = await examineLevel(layout.log, witness);
  const state = await examineLevel(layout.state, witness);
  let needed = openSlackBytes;
  for (const { torn, logBytes } of [log, state]) {
    needed += logBytes;
    if (torn !== null) notes.push(`${torn}, which nobody was promised; it is dropped`);
  }
  if ((await freeBytes(layout.directory)) < needed && (await reserveIntact(layout.reserve, reserveBytes))) {
    await dropReserve(layout.reserve);
    notes.push(`the disk is nearly full: the reserve of ${reserveBytes} bytes was given up to open`);
  }
  return { log, state, notes };
}

async function readCheckpoint(level: Level): Promise<CheckpointRecord> {
  const value = await level.get(checkpointKey);
  if (value === undefined) throw new StorageError('corrupt', 'The state is damaged: it has no checkpoint record');
  return decodeCheckpoint(value);
}
