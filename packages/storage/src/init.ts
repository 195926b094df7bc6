import { randomUUID } from 'node:crypto';
import { chmod, mkdir, rename, rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Configuration, Index, LogPosition, Term } from '@conclave/core';
import { createAnchor } from './anchor/anchor-file.ts';
import { defaultReserveBytes } from './bounds.ts';
import { holdDirectory } from './directory/held.ts';
import { type Layout, layoutOf, stateOf } from './directory/layout.ts';
import { type Member, writeMemberFile } from './directory/member-file.ts';
import { directoryMode } from './directory/mode.ts';
import { fillReserve } from './directory/reserve.ts';
import { survey } from './directory/survey.ts';
import { syncDirectory } from './directory/sync-directory.ts';
import { assertIdentity } from './identity.ts';
import { asStorageError } from './leveldb/failure.ts';
import { createLevel, type Level, type LevelOptions, refuseLocked } from './leveldb/open-level.ts';
import { metaKey } from './log/keys.ts';
import { chainBehind, encodeMeta, firstChain } from './log/meta.ts';
import { noPledge } from './pledge.ts';
import { encodeCheckpoint } from './state/checkpoint-record.ts';
import { checkpointKey } from './state/keys.ts';
import { LevelState } from './state/level-state.ts';
import type { Identity, StateStore } from './storage.ts';
import { assertUse, StorageError } from './storage-error.ts';

export interface InitOptions extends Identity {
  /** Made if absent, with mode 0700. Must be empty, or hold what an interrupted initialisation left. */
  readonly directory: string;
  /** In force before the first entry: the founding members, or nobody for a member that joins later. */
  readonly configuration: Configuration;
  /** See {@link OpenOptions}. */
  readonly reserveBytes?: number;
  /** The state with which it begins, instead of none. */
  readonly restored?: RestoredState;
}

export interface RestoredState {
  /** Where the log begins: behind what the state contains. */
  readonly position: LogPosition;
  /** Writes the state; its last checkpoint must be at `position`, with the configuration of the initialisation. */
  readonly writeInto: (state: StateStore) => Promise<void>;
}

/**
 * Makes the directory of a new member. Nothing counts until `member.json` has its name, which is the last step: before it, a crash
 * leaves `member.json.initialising`, and the next initialisation starts over. With a restored state it leaves `member.json.restoring`,
 * and only another restore starts over: an empty member must not take its place. Rejects with `already-initialised`,
 * `foreign-directory`, `half-restored`, `locked`, `corrupt` (parts of a member without member.json) or `no-space`.
 */
export async function initStorage(options: InitOptions): Promise<void> {
  assertIdentity(options);
  const layout = layoutOf(resolve(options.directory));
  let release: (() => void) | null = null;
  try {
    const made = await mkdir(layout.directory, { recursive: true, mode: directoryMode });
    release = await holdDirectory(layout.directory);
    const { restored } = options;
    await claim(layout, restored !== undefined);
    const marker = restored === undefined ? layout.initialising : layout.restoring;
    const member = { clusterId: options.clusterId, memberId: options.memberId, storeUuid: randomUUID() };
    await writeMemberFile(marker, member);
    await syncDirectory(layout.directory);
    await syncUpwards(layout.directory, made);
    await createStores(layout, member, options.configuration, restored);
    await createAnchor(layout.anchor, member);
    if (!(await fillReserve(layout.reserve, options.reserveBytes ?? defaultReserveBytes))) {
      throw new StorageError('no-space', `There is no room for the reserve in ${layout.directory}`);
    }
    await syncDirectory(layout.directory);
    await rename(marker, layout.memberFile);
    await syncDirectory(layout.directory);
  } catch (error) {
    throw asStorageError(error, `Initialising ${layout.directory} failed`);
  } finally {
    release?.();
  }
}

/** Leaves the directory empty, or refuses. */
async function claim(layout: Layout, isRestore: boolean): Promise<void> {
  const found = await survey(layout);
  switch (found.kind) {
    case 'initialised':
      throw new StorageError('already-initialised', `${layout.directory} belongs to a member already`);
    case 'headless':
      throw new StorageError('corrupt', `${layout.directory} holds ${found.found.join(', ')} but no member.json`);
    case 'foreign':
      throw new StorageError(
        'foreign-directory',
        `${layout.directory} holds something else: ${found.found.join(', ')}`,
      );
    case 'half-restored':
      if (!isRestore) throw new StorageError('half-restored', `The restore of ${layout.directory} was interrupted`);
      await discard(layout);
      break;
    case 'interrupted':
      await discard(layout);
      break;
    case 'absent':
    case 'empty':
      break;
  }
  await chmod(layout.directory, directoryMode);
}

/** The remains of an initialisation that never ended: nobody was promised anything. Unless it is still running. */
async function discard(layout: Layout): Promise<void> {
  for (const level of [layout.log, stateOf(layout, 0)]) {
    try {
      await refuseLocked(level);
    } catch (error) {
      if (!(error instanceof StorageError) || error.code !== 'corrupt') throw error;
      // It was not made yet.
    }
    await rm(level.directory, { recursive: true, force: true });
  }
  // The markers go last: until then it is known whose remains these are.
  for (const file of [layout.anchor, layout.reserve, layout.initialising, layout.restoring]) {
    await rm(file, { force: true });
  }
}

async function createStores(
  layout: Layout,
  member: Member,
  configuration: Configuration,
  restored: RestoredState | undefined,
): Promise<void> {
  const base = restored?.position ?? { index: 0 as Index, term: 0 as Term };
  const chain = restored === undefined ? firstChain(member.storeUuid) : chainBehind(member.storeUuid, 0, base);
  const meta = encodeMeta({
    ...member,
    // Nobody has promised anything yet; but the first election here is of a later term than anything in the state.
    hardState: { term: base.term, vote: noPledge.vote, commit: base.index },
    acknowledged: noPledge.acknowledged,
    base,
    chainAtBase: chain,
    tail: base.index,
    chainAtTail: chain,
    configuration,
    stateGeneration: 0,
    peerStores: new Map(),
  });
  await createStore(layout.log, metaKey, meta);
  const record = { storeUuid: member.storeUuid, generation: 0, checkpoint: null };
  await createStore(stateOf(layout, 0), checkpointKey, encodeCheckpoint(record), async (level) => {
    if (restored === undefined) return;
    const state = new LevelState(level, record);
    await restored.writeInto(state);
    const { index, term } = state.checkpointed?.position ?? {};
    assertUse(index === base.index && term === base.term, `a restored state at ${index}, and not at ${base.index}`);
  });
}

/** A database without one synced write does not survive a power loss (study/reliability.md §1); nor do names that nobody syncs. */
async function createStore(
  options: LevelOptions,
  key: Buffer,
  value: Buffer,
  fill?: (level: Level) => Promise<void>,
): Promise<void> {
  await mkdir(options.directory, { mode: directoryMode });
  const level = await createLevel(options);
  try {
    await level.put(key, value, { sync: true });
    await fill?.(level);
  } finally {
    await level.close();
  }
  await syncDirectory(options.directory);
}

/** The name of each directory that was made lies in the one above it. */
async function syncUpwards(directory: string, firstMade: string | undefined): Promise<void> {
  if (firstMade === undefined) return;
  for (let path = directory; path.length >= firstMade.length; path = dirname(path)) await syncDirectory(dirname(path));
}
