export type StorageErrorCode =
  | 'not-initialised'
  | 'already-initialised'
  | 'foreign-directory'
  | 'half-restored'
  | 'wrong-member'
  | 'unknown-format'
  | 'locked'
  | 'corrupt'
  | 'lost-acknowledged'
  | 'wrong-peer-store'
  | 'too-many-peers'
  | 'no-space'
  | 'write-failed'
  | 'bad-chunk'
  | 'bad-snapshot'
  | 'unusable'
  | 'closed'
  | 'misuse';

/**
 * What an operator does about each refusal. The keys are the machine-readable codes; they are part of the public interface and
 * never change their meaning. `docs/durability.md` has a section for each.
 */
const nextStep: Readonly<Record<StorageErrorCode, string>> = {
  'not-initialised': 'Initialise the directory first, or correct the path: nothing was created or changed.',
  'already-initialised': 'Open it instead; to start over, move the directory away by hand.',
  'foreign-directory': 'Name an empty directory, or the one that belongs to this member.',
  'half-restored': 'Run the same `conclave snapshot restore` again: it starts over.',
  'wrong-member': "Start this member with its own directory. Never edit member.json to make another member's data fit.",
  'unknown-format': 'Run the release that wrote it, or a newer one.',
  locked: 'Another process has it open: stop that one first. Never remove the LOCK file.',
  corrupt:
    'Do not delete or repair files: keep a copy for analysis, then replace this member with a new one on an empty directory; ' +
    'it fetches everything from its peers.',
  'lost-acknowledged':
    'This member promised its peers something that its disk no longer holds, so it must not vote. Replace it with a new member ' +
    'on an empty directory (`conclave member replace`), and find out why: an old copy restored over a newer one, or a disk that ' +
    'lies about fdatasync.',
  'wrong-peer-store':
    'That peer runs on another disk than before under the same id, so it may have forgotten its promises. Replace it with a ' +
    'new member id.',
  'too-many-peers':
    'Remove the members that are gone with `conclave member remove`: their stores are forgotten then. Nothing was written.',
  'no-space': 'Free some space and start the member again; nothing that was acknowledged is lost.',
  'write-failed': 'Whether the write reached the disk is unknown. Stop the process, check the disk, and start again.',
  'bad-chunk': 'Ask the sender for this part of the snapshot again, or begin it anew: nothing was changed.',
  'bad-snapshot':
    'Nothing was changed. Use another backup, or take this one again: no part of a damaged file is restored.',
  unusable: 'Check the permissions of the directory and the disk below it.',
  closed: 'It was closed before.',
  misuse: 'This is a defect of the calling program; nothing was written.',
};

/**
 * Everything this package refuses. `message` says what was found, with both values where two disagree, and ends with what to do.
 * After `no-space` and `write-failed` the store is poisoned for good: every later call rejects with the same error object.
 */
export class StorageError extends Error {
  override readonly name = 'StorageError';
  readonly code: StorageErrorCode;
  /** What was found: the beginning of `message`. */
  readonly found: string;
  /** What the operator does next; also the end of `message`. */
  readonly action: string;

  constructor(code: StorageErrorCode, found: string, options?: { readonly cause?: unknown }) {
    super(`${found}. ${nextStep[code]}`, options);
    this.code = code;
    this.found = found;
    this.action = nextStep[code];
  }
}

/** An assertion about the caller: stays on in production, because a wrong write is worse than a stopped member. */
export function assertUse(holds: boolean, claim: string): asserts holds {
  if (!holds) refuseUse(claim);
}

/** For what is checked once an entry or a record: there the claim is put into words only when it does not hold. */
export function refuseUse(claim: string): never {
  throw new StorageError('misuse', `The storage was asked for something impossible: ${claim}`);
}
