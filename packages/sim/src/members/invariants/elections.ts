import { electionKey } from '@conclave/protocol';
import { demand } from '../../violation.ts';
import type { LockEntry, LockHistory } from '../lock-history.ts';
import type { LeaderRecord, MemberObserver, ShownLeader } from '../observer.ts';
import { type AppliedEntry, textOf } from '../oracle.ts';

/** One leader's word; null: nobody leads. */
type Word = ShownLeader | null;

/**
 * What an election publishes is the word of whoever leads it, and there as long as somebody does. Observers are shown one word after the other and none
 * is left out, unless they are told so, or history was forgotten.
 */
export class Elections implements MemberObserver {
  readonly name = 'leaders are shown';
  readonly #history: LockHistory;
  readonly #elections: ReadonlyMap<string, string>;
  readonly #words = new Map<string, Word[]>();
  /** What each candidate publishes at its grant. */
  readonly #values = new Map<string, string>();
  #isForgotten = false;
  observed = 0;

  constructor(history: LockHistory, names: readonly string[]) {
    this.#history = history;
    this.#elections = new Map(names.map((name) => [textOf(electionKey(Buffer.from(name))), `election/${name}`]));
  }

  applied({ applied: { repeated }, changes, command, entry }: AppliedEntry): void {
    const operation = command?.operation;
    const identity = command?.header.identity;
    if (operation?.type === 'compact' && !repeated) this.#isForgotten = true;
    if (operation?.type === 'lockAcquire' && operation.value !== null && identity?.by === 'session')
      this.#values.set(`${identity.session}/${identity.sequence}`, textOf(operation.value));
    for (const { key, value } of changes) {
      const election = this.#elections.get(key);
      if (election === undefined) continue;
      const leader = this.#leader(election);
      demand(
        (leader === null) === (value === null),
        this.name,
        () => `${election} publishes ${value} at ${entry.index}, and ${leader?.session ?? 'nobody'} leads`,
      );
      const isNew = leader !== null && leader.fence !== this.#last(election)?.fence;
      const own = leader === null ? null : this.#values.get(`${leader.session}/${leader.sequence}`);
      const said = operation?.type === 'proclaim' ? textOf(operation.value) : null;
      demand(
        value === null || value === (isNew ? own : said),
        this.name,
        () => `${election} publishes ${value} at ${entry.index}, and its leader said ${isNew ? own : said}`,
      );
      const word = leader === null ? null : { fence: leader.fence, session: leader.session, value: value ?? '' };
      this.#wordsOf(election).push(word);
    }
  }

  /** Whoever leads has published something. */
  locked({ entry, touched }: LockEntry): void {
    for (const { name } of touched) {
      if (!name.startsWith('election/')) continue;
      const leader = this.#leader(name);
      const last = this.#last(name);
      demand(
        leader?.fence === last?.fence && leader?.session === last?.session,
        this.name,
        () => `${name} is led by ${leader?.session} under ${leader?.fence} at ${entry.index}, and shows ${last?.fence}`,
      );
    }
  }

  #leader(election: string): { readonly fence: number; readonly session: number; readonly sequence: number } | null {
    for (const request of this.#history.locks.get(election)?.holders ?? []) {
      if (request.state === 'held') return request;
    }
    return null;
  }

  #wordsOf(election: string): Word[] {
    const known = this.#words.get(election);
    if (known !== undefined) return known;
    // Nobody led in the beginning.
    const words: Word[] = [null];
    this.#words.set(election, words);
    return words;
  }

  #last(election: string): Word {
    return this.#words.get(election)?.at(-1) ?? null;
  }

  leaderSeen(record: LeaderRecord, leader: Word, gap: boolean): void {
    this.observed++;
    const words = this.#wordsOf(record.lock);
    const isIt = (at: number): boolean => at < words.length && isSame(words[at] ?? null, leader);
    const [first] = record.seen;
    // A snapshot behind a gap may show again what was seen last.
    const mayJump = first === undefined || gap || (leader === null && this.#isForgotten);
    const candidates = mayJump ? Array.from(words.keys()).slice(first ?? 0) : record.seen.map((at) => at + 1);
    const seen = candidates.filter(isIt);
    demand(
      seen.length > 0,
      this.name,
      () =>
        `${record.name} was shown ${text(leader)} of ${record.lock}, behind ${record.seen.map((at) => `${at}: ${text(words[at] ?? null)}`).join()}; then came ${text(words[candidates[0] ?? -1] ?? null)}`,
    );
    record.seen = seen;
  }
}

function isSame(a: Word, b: Word): boolean {
  return a?.fence === b?.fence && a?.session === b?.session && a?.value === b?.value;
}

function text(word: Word): string {
  return word === null ? 'nobody' : `${word.session} under ${word.fence} with ${word.value}`;
}
