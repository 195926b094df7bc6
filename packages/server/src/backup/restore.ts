import { crc32 } from 'node:zlib';
import { contentsOf, type MemberId, restoreState, type StateContents } from '@conclave/member';
import { restoredClusterId } from '@conclave/protocol';
import { initStorage, openSnapshotFile, type SnapshotHead } from '@conclave/storage';
import { OptionError } from '../option-error.ts';
import { foundingConfiguration, type GivenMember, identityOf } from '../options.ts';
import { inspectSnapshot } from './inspect.ts';

export interface RestoreOptions {
  /** What `conclave snapshot save` or `conclave data export` wrote. */
  readonly file: string;
  /** Made if absent; must be empty, or hold what an interrupted restore left. */
  readonly directory: string;
  readonly id: number;
  /** Name of the new cluster, and its founders: the same for all of them. */
  readonly cluster: string;
  readonly members: readonly GivenMember[];
  /**
   * Of the new cluster; one more than that of the snapshot if absent. Whoever restores the same snapshot again, after the cluster that came of it has
   * worked, gives a higher one than that had: otherwise fences would be given out twice. The same for all founders.
   */
  readonly incarnation?: number;
  /** See the storage's `InitOptions`. */
  readonly reserveBytes?: number;
}

export interface RestoredMember extends StateContents {
  readonly clusterId: string;
  readonly id: MemberId;
}

/**
 * Makes the directory of a founding member of a new cluster that begins with the state of a snapshot: another incarnation, other member
 * identities, later revisions and fences, no sessions, no history. All founders restore the same file, each for itself, and get the same state. The
 * directory counts when it is complete; what a crash leaves is refused by everybody but another restore, which starts over. Rejects with
 * OptionError or StorageError.
 */
export async function restoreMember(options: RestoreOptions): Promise<RestoredMember> {
  const { cluster, directory, file, id, members, reserveBytes } = options;
  const identity = identityOf({ directory, cluster, id, members });
  // All of it, before anything is made.
  const { contents: saved, head } = await inspectSnapshot(file);
  const incarnation = options.incarnation ?? saved.incarnation + 1;
  if (!Number.isInteger(incarnation) || incarnation <= saved.incarnation || incarnation > maxIncarnation) {
    throw new OptionError(`incarnation ${incarnation}: more than ${saved.incarnation}, which is that of the snapshot`);
  }
  const clusterId = restoredClusterId(identity.clusterId, originOf(head, incarnation));
  const configuration = foundingConfiguration(identity);
  await using source = await openSnapshotFile(file);
  let contents: StateContents | null = null;
  await initStorage({
    directory,
    clusterId,
    memberId: identity.id,
    configuration,
    ...(reserveBytes === undefined ? {} : { reserveBytes }),
    restored: {
      position: head.meta.position,
      writeInto: async (state) => {
        contents = contentsOf(
          await restoreState(state, { configuration, head, incarnation, records: source.records() }),
        );
      },
    },
  });
  if (contents === null) throw new Error('nothing was restored');
  return { clusterId, id: identity.id, ...(contents as StateContents) };
}

/** Each has 2^40 revisions, and a safe integer has room for so many. */
const maxIncarnation = 4_096;

/** From which snapshot a cluster comes, by the uuid that it got when it was made, and which of the restores it is. */
function originOf({ meta }: SnapshotHead, incarnation: number): string {
  return crc32(`${meta.id} ${incarnation}`).toString(16).padStart(8, '0');
}
