/** One exact text of one file, and what stands there instead. */
export interface Edit {
  /** From `packages/` on. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/**
 * Runs in which a bug can show itself. The others are not run, to save time, and count as seeds that did not find it: so the number of
 * seeds needed is, if anything, too large.
 */
export type Circumstance =
  | 'stale leaders with leases'
  | 'hunted leaders'
  | 'busy clients'
  /** Of whole members: the links of leaders are reset, who then serve for a long election timeout. */
  | 'severed leaders';

/** A bug that somebody had, planted into a copy of the sources: what ships has no switch for it. */
export interface Bug {
  readonly name: string;
  /** What goes wrong, in one line. */
  readonly what: string;
  /** Where it happened, or which rule it breaks. */
  readonly seenIn: string;
  readonly edits: readonly Edit[];
  /** Otherwise any. */
  readonly onlyWith?: Circumstance;
  /** Times the processor time of the others; 1 if not given. For what happens in one run of several hundred. */
  readonly patience?: number;
  /** It is looked for in runs of whole members; otherwise of core alone. */
  readonly level?: 'whole members';
}

/** The source has moved on: the bug must be planted anew, or it guards nothing. */
export class PatchDoesNotApply extends Error {
  override readonly name = 'PatchDoesNotApply';
}

/** Throws PatchDoesNotApply unless the text to be replaced stands there exactly once. */
export function applied(edit: Edit, source: string, bug: string): string {
  const parts = source.split(edit.find);
  if (parts.length !== 2)
    throw new PatchDoesNotApply(`${bug}: ${edit.file} has ${parts.length - 1} times:\n${edit.find}`);
  return parts.join(edit.replace);
}
