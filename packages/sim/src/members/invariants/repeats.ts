import type { Response } from '@conclave/state-machine';
import { demand } from '../../violation.ts';
import type { MemberObserver } from '../observer.ts';
import { type AppliedEntry, textOf } from '../oracle.ts';

/** A request takes effect once, by session and sequence or by its key; come again, it is told what it was told. */
export class Repeats implements MemberObserver {
  readonly name = 'a request takes effect once';
  /** The revision that each was told; null: it names none. */
  readonly #told = new Map<string, number | null>();
  repeats = 0;

  applied({ applied: { repeated, response }, command, entry }: AppliedEntry): void {
    if (command === null || response === null || response.type === 'error') return;
    const { identity } = command.header;
    if (identity.by === 'none') return;
    const request = identity.by === 'session' ? `${identity.session}/${identity.sequence}` : textOf(identity.key);
    const revision = revisionOf(response);
    const first = this.#told.get(request);
    const what = (): string => `${command.operation.type} ${request} at ${entry.index}`;
    if (!repeated) {
      demand(first === undefined, this.name, () => `${what()} took effect again`);
      this.#told.set(request, revision);
      return;
    }
    this.repeats++;
    demand(first === undefined || first === revision, this.name, () => `${what()}: told ${first}, and now ${revision}`);
  }
}

/** Of what the request did. An acquire is told what is true now. */
function revisionOf(response: Response): number | null {
  return 'revision' in response && response.type !== 'lockAcquire' ? response.revision : null;
}
