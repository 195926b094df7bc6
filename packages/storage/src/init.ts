import { randomUUID } from 'node:crypto';
import { chmod, mkdir, rename, rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Configuration, Index, Term } from '@conclave/core';
import { createAnchor } from './anchor/anchor-file.ts';
import { defaultReserveBytes } from './bounds.ts';
import { holdDirectory } from './directory/held.ts';
import { type Layout, layoutOf, stateOf } from './directory/layout.ts';
import { type Member, writeMemberFile } from './directory/member-file.ts';
import { fillReserve } from './directory/reserve.ts';
import { survey } from './directory/survey.ts';
import { syncDirectory } from './directory/sync-directory.ts';
import { assertIdentity } from './identity.ts';
import { asStorageError } from './leveldb/failure.ts';
import { createLevel, type LevelOptions, refuseLocked } from './leveldb/open-level.ts';
import { metaKey } from './log/keys.ts';
import { encodeMeta, firstChain } from './log/meta.ts';
import { noPledge } from './pledge.ts';
import { encodeCheckpoint } from './state/checkpoint-record.ts';
import { checkpointKey } from './state/keys.ts';
import type { Identity } from './storage.ts';
import { StorageError } from './storage-error.ts';

export interface InitOptions extends Identity {
  /** Made if absent, with mode 0700. Must be empty, or hold what an interrupted initialisation left. */
  readonly directory: string;
  /** In force before the first entry: the founding members, or nobody for a member that joins later. */
  readonly configuration: Configuration;
  /** See {@link OpenOptions}. */
  readonly reserveBytes?: number;
}

/** Only its owner may look inside; LevelDB makes its files readable to all, and so they are out of reach. */
export const directoryMode = 0o700;

/**
 * Makes the directory of a new member. Nothing counts until `member.json` has its name, which is the last step: before it, a crash
 * leaves `member.json.initialising`, and the next initialisation starts over. Rejects with `already-initialised`,
 * `foreign-directory`, `locked`, `corrupt` (parts of a member without member.json) or `no-space`.
 */
export async function initStorage(options: InitOptions): Promise<void> {
  assertIdentity(options);
  const layout = layoutOf(resolve(options.directory));
  let release: (() => void) | null = null;
  try {
    const made = await mkdir(layout.directory, { recursive: true, mode: directoryMode });
    release = await holdDirectory(layout.directory);
    await claim(layout);
    const member = { clusterId: options.clusterId, memberId: options.memberId, storeUuid: randomUUID() };
    await writeMemberFile(layout.initialising, member);
    await syncDirectory(layout.directory);
    await syncUpwards(layout.directory, made);
    await createStores(layout, member, options.configuration);
    await createAnchor(layout.anchor, member);
    if (!(await fillReserve(layout.reserve, options.reserveBytes ?? defaultReserveBytes))) {
      throw new StorageError('no-space', `There is no room for the reserve in ${layout.directory}`);
    }
    await syncDirectory(layout.directory);
    await rename(layout.initialising, layout.memberFile);
    await syncDirectory(layout.directory);
  } catch (error) {
    throw asStorageError(error, `Initialising ${layout.directory} failed`);
  } finally {
    release?.();
  }
}

/** Leaves the directory empty, or refuses. */
async function claim(layout: Layout): Promise<void> {
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
  for (const file of [layout.anchor, layout.reserve]) await rm(file, { force: true });
}

async function createStores(layout: Layout, member: Member, configuration: Configuration): Promise<void> {
  const chain = firstChain(member.storeUuid);
  const meta = encodeMeta({
    ...member,
    hardState: { term: noPledge.term, vote: noPledge.vote, commit: 0 as Index },
    acknowledged: noPledge.acknowledged,
    base: { index: 0 as Index, term: 0 as Term },
    chainAtBase: chain,
    tail: 0 as Index,
    chainAtTail: chain,
    configuration,
    stateGeneration: 0,
    peerStores: new Map(),
  });
  await createStore(layout.log, metaKey, meta);
  const record = encodeCheckpoint({ storeUuid: member.storeUuid, generation: 0, checkpoint: null });
  await createStore(stateOf(layout, 0), checkpointKey, record);
}

/** A database without one synced write does not survive a power loss (study/reliability.md §1); nor do names that nobody syncs. */
async function createStore(options: LevelOptions, key: Buffer, value: Buffer): Promise<void> {
  await mkdir(options.directory, { mode: directoryMode });
  const level = await createLevel(options);
  try {
    await level.put(key, value, { sync: true });
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
