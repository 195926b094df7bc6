// What can be done with the directory of a member that does not run: all of it on a shadow, so that the directory stays as it is.
import {
  contentsOf,
  DamagedStateError,
  replay,
  type StateContents,
  UnknownCommandError,
  writeState,
} from '@conclave/member';
import {
  type Identity,
  openStorage,
  readIdentity,
  type SnapshotSummary,
  type Storage,
  StorageError,
  shadowOf,
  writeSnapshotFile,
} from '@conclave/storage';

/** How far a member's log goes: of several members the one with the larger term, and then the larger index, is the newest. */
export interface LogExtent {
  readonly term: number;
  /** First entry that is there, last one, and the last one's term. */
  readonly first: number;
  readonly last: number;
  readonly lastTerm: number;
  /** Up to here the member knew the entries to be committed. A hint: it learns it a little later than the leader, and writes it down later still. */
  readonly commit: number;
}

export interface VerifiedData extends Identity {
  readonly storeUuid: string;
  readonly log: LogExtent;
  /** As of the last checkpoint. */
  readonly checkpointed: number;
  readonly voters: readonly number[];
  /** Behind the last entry of the log. */
  readonly contents: StateContents;
  /** Records of the state that were read. */
  readonly records: number;
  /** Harmless findings. */
  readonly notes: readonly string[];
}

/**
 * Looks through everything in the directory of a member that does not run: both databases, before and after LevelDB has opened a copy of their logs;
 * the chain of the log's entries; the anchor; every record of the state and its digest; and whether the log can be applied to it. Changes nothing.
 * Rejects with StorageError, as a start of the member would, or with the state machine's DamagedStateError.
 */
export async function verifyData(directory: string): Promise<VerifiedData> {
  return withStopped(directory, 'refused', async (storage) => {
    const { log, state } = storage;
    const { records } = await state.scrub({ signal: new AbortController().signal });
    const { configuration, machine } = await replay(storage, log.tail);
    return {
      ...storage.identity,
      storeUuid: storage.storeUuid,
      log: extentOf(storage),
      checkpointed: state.checkpointed?.position.index ?? 0,
      voters: configuration.voters,
      contents: contentsOf(machine),
      records,
      notes: storage.notes,
    };
  });
}

export interface ExportedData extends SnapshotSummary {
  readonly log: LogExtent;
  readonly contents: StateContents;
  /** What whoever uses it should know: above all that a peer has told this disk to have lost what it acknowledged. */
  readonly notes: readonly string[];
}

/**
 * Makes a snapshot file of the directory of a member that does not run, when there is no cluster any more that could be asked for one: the last
 * checkpoint, and the log applied to it, to its end. What stands behind the last entry known to be committed is part of it, unless
 * `committedOnly`: it may have been acknowledged to a client, and the member cannot know (docs/disaster.md). A directory on which its member may not
 * vote any more is exported as well, with a note.
 */
export async function exportData(
  directory: string,
  file: string,
  { committedOnly = false }: { readonly committedOnly?: boolean } = {},
): Promise<ExportedData> {
  return withStopped(directory, 'noted', async (storage) => {
    const { log, notes, snapshots, state } = storage;
    const { machine, configuration } = await replay(storage, committedOnly ? log.recovered.hardState.commit : log.tail);
    await writeState(state, machine, configuration);
    const exported = await snapshots.export();
    try {
      const summary = await writeSnapshotFile(file, exported.chunks());
      return { ...summary, log: extentOf(storage), contents: contentsOf(machine), notes };
    } finally {
      await exported.release();
    }
  });
}

function extentOf({ log }: Storage): LogExtent {
  const { base, hardState, tail, terms } = log.recovered;
  const { commit, term } = hardState;
  return { term, first: base.index + 1, last: tail, lastTerm: terms.at(-1)?.term ?? base.term, commit };
}

async function withStopped<T>(
  directory: string,
  condemned: 'refused' | 'noted',
  work: (storage: Storage) => Promise<T>,
): Promise<T> {
  const { clusterId, memberId } = await readIdentity(directory);
  await using shadow = await shadowOf(directory);
  try {
    const storage = await openStorage({
      clusterId,
      memberId,
      directory: shadow.directory,
      reserveBytes: 0,
      lowSpaceBytes: 0,
      condemned,
    });
    try {
      return await work(storage);
    } finally {
      await storage.close();
    }
  } catch (error) {
    throw shadow.explain(asStorageError(error));
  }
}

/** What the state machine has to say against its records, or about entries of a later release. */
function asStorageError(error: unknown): unknown {
  if (error instanceof DamagedStateError) {
    return new StorageError('corrupt', `The state is damaged: ${error.message}`, { cause: error });
  }
  if (!(error instanceof UnknownCommandError)) return error;
  return new StorageError('unknown-format', `The log holds what this release does not know: ${error.message}`, {
    cause: error,
  });
}
