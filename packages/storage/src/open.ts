import { chmod, readdir, rm } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { AnchorFile } from './anchor/anchor-file.ts';
import { defaultLowSpaceBytes, defaultReserveBytes, stateWriteBufferBytes } from './bounds.ts';
import { condemnationOf } from './directory/condemned.ts';
import { holdDirectory } from './directory/held.ts';
import { isStateName, type Layout, layoutOf, stateOf } from './directory/layout.ts';
import { type Member, readMemberFile } from './directory/member-file.ts';
import { directoryMode } from './directory/mode.ts';
import { dropReserve, freeBytes, reserveIntact } from './directory/reserve.ts';
import { survey } from './directory/survey.ts';
import { assertIdentity, describeIdentity, sameIdentity } from './identity.ts';
import { LevelStorage } from './level-storage.ts';
import { asStorageError } from './leveldb/failure.ts';
import type { Inspection } from './leveldb/inspect.ts';
import { examineLevel, type Level, openLevel, refuseLocked } from './leveldb/open-level.ts';
import { LevelLog } from './log/level-log.ts';
import { readMeta, verifyLog } from './log/verify.ts';
import { reconcile, refuseForeign, refuseRegressed } from './recovery.ts';
import { LevelSnapshots } from './snapshot/level-snapshots.ts';
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
  /**
   * Of a directory that a peer has told to have lost what it acknowledged: `refused` by default; `noted`, among the notes, for somebody who
   * reads what there is and votes nowhere.
   */
  readonly condemned?: 'refused' | 'noted';
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
  const { member, condemnation } = await identify(layout, options).catch((error: unknown) => {
    throw asStorageError(error, what);
  });
  const release = await holdDirectory(layout.directory);
  const opened: { close(): Promise<void> }[] = [];
  const notes = condemnation === null ? [] : [condemnation];
  try {
    return await open(layout, member, options, { opened, notes, release });
  } catch (error) {
    for (const part of opened.toReversed()) await part.close();
    release();
    throw asStorageError(error, what);
  }
}

interface Opening {
  /** What is to be closed when it fails. */
  readonly opened: { close(): Promise<void> }[];
  readonly notes: string[];
  readonly release: () => void;
}

async function open(
  layout: Layout,
  member: Member,
  options: OpenOptions,
  { opened, notes, release }: Opening,
): Promise<Storage> {
  const reserveBytes = options.reserveBytes ?? defaultReserveBytes;
  const inspection = await examineLog(layout, member, reserveBytes, notes);
  const anchor = await AnchorFile.open(layout.anchor, options.now ?? (() => performance.now()));
  opened.push(anchor);
  refuseForeign('anchor', anchor.newest, member);

  const logLevel = await openLevel(layout.log, inspection);
  opened.push(logLevel);
  const meta = await readMeta(logLevel);
  refuseForeign('log', meta, member);
  refuseRegressed(meta, anchor.newest.pledge);
  const { terms, firsts } = await verifyLog(logLevel, meta);
  // A crash may have come between the two, and core repeats what the log holds without another write.
  const { term, vote } = meta.hardState;
  await anchor.write({ term, vote, acknowledged: meta.acknowledged });
  await anchor.sync();

  // Only the log knows which generation is the state.
  const state = stateOf(layout, meta.stateGeneration);
  await refuseLocked(state);
  const inspectedState = await examineLevel(state, uuidBytes(member.storeUuid));
  note(notes, inspectedState);
  const stateLevel = await openLevel(state, inspectedState);
  opened.push(stateLevel);
  const record = await readCheckpoint(stateLevel);
  const recovered = reconcile(meta, terms, record, member);
  // Last: what looks like a remainder may be all there is when the log is not the newest one.
  notes.push(...(await removeRemains(layout, basename(state.directory))));

  const lowSpaceBytes = options.lowSpaceBytes ?? defaultLowSpaceBytes;
  const snapshots = new LevelSnapshots(
    { layout, member, lowSpaceBytes },
    new LevelState(stateLevel, record),
    meta.stateGeneration,
  );
  const storage = new LevelStorage({
    layout,
    member,
    log: new LevelLog({ level: logLevel, anchor, meta, recovered, firsts, beside: snapshots }),
    snapshots,
    notes,
    reserveBytes,
    lowSpaceBytes,
    reserveIntact: await reserveIntact(layout.reserve, reserveBytes),
    release,
  });
  await storage.restoreReserve();
  return storage;
}

/**
 * Whose directory this is, as its member file says. Changes nothing. Rejects with `not-initialised`, `half-restored`, `unknown-format` or
 * `corrupt`.
 */
export async function readIdentity(directory: string): Promise<Identity & { readonly storeUuid: string }> {
  return readMember(layoutOf(resolve(directory)));
}

async function identify(
  layout: Layout,
  expected: OpenOptions,
): Promise<{ readonly member: Member; readonly condemnation: string | null }> {
  const member = await readMember(layout);
  if (!sameIdentity(member, expected)) {
    throw new StorageError(
      'wrong-member',
      `${layout.directory} belongs to ${describeIdentity(member)}, and ${describeIdentity(expected)} was asked for`,
    );
  }
  const condemnation = await condemnationOf(layout);
  if (condemnation !== null && expected.condemned !== 'noted')
    throw new StorageError('lost-acknowledged', `${layout.directory}: ${condemnation}`);
  return { member, condemnation };
}

async function readMember(layout: Layout): Promise<Member> {
  const found = await survey(layout);
  switch (found.kind) {
    case 'absent':
      throw new StorageError('not-initialised', `There is no directory ${layout.directory}`);
    case 'empty':
    case 'foreign':
      throw new StorageError('not-initialised', `${layout.directory} holds no member's data`);
    case 'interrupted':
      throw new StorageError('not-initialised', `The initialisation of ${layout.directory} was interrupted`);
    case 'half-restored':
      throw new StorageError('half-restored', `The restore of ${layout.directory} was interrupted`);
    case 'headless':
      throw new StorageError('corrupt', `${layout.directory} holds ${found.found.join(', ')} but no member.json`);
    case 'initialised':
      break;
  }
  return readMemberFile(layout.memberFile);
}

/** Everything about the log that must be seen before LevelDB touches it. */
async function examineLog(layout: Layout, member: Member, reserveBytes: number, notes: string[]): Promise<Inspection> {
  await chmod(layout.directory, directoryMode);
  // Before anything is looked at: a directory in use is not a damaged one. Who has one of the databases open has the log.
  await refuseLocked(layout.log);
  const inspection = await examineLevel(layout.log, uuidBytes(member.storeUuid));
  note(notes, inspection);
  const needed = openSlackBytes + inspection.logBytes + stateWriteBufferBytes;
  if ((await freeBytes(layout.directory)) < needed && (await reserveIntact(layout.reserve, reserveBytes))) {
    await dropReserve(layout.reserve);
    notes.push(`the disk is nearly full: the reserve of ${reserveBytes} bytes was given up to open`);
  }
  return inspection;
}

function note(notes: string[], { torn }: Inspection): void {
  if (torn !== null) notes.push(`${torn}, which nobody was promised; it is dropped`);
}

/** Generations that are not the state: a snapshot that was not received whole, or the one that a received snapshot replaced. */
async function removeRemains(layout: Layout, current: string): Promise<string[]> {
  const remains = (await readdir(layout.directory)).filter((name) => isStateName(name) && name !== current);
  for (const name of remains) await rm(join(layout.directory, name), { recursive: true, force: true });
  return remains.map((name) => `${name}/ was not in use and is removed: a snapshot had not ended, or replaced it`);
}

async function readCheckpoint(level: Level): Promise<CheckpointRecord> {
  const value = await level.get(checkpointKey);
  if (value === undefined) throw new StorageError('corrupt', 'The state is damaged: it has no checkpoint record');
  return decodeCheckpoint(value);
}
