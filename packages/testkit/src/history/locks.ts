// Every lock is a linearizable lock whose holds may also end by themselves once their lease may have lapsed; its tokens only grow;
// and a holder whose lock was given to somebody else was told before that.
import type { CrashRecord, HistoryRecord, LapseRecord, LostRecord, OperationRecord } from './record.ts';
import { defaultMaxConfigurations, type Move, search } from './search.ts';
import { showRecord, showRecords, type Verdict, type Violation } from './verdict.ts';
import { shrink, wrongBeginning } from './window.ts';

export interface LockOptions {
  /** Per lock. Beyond it the lock is reported as undecided. */
  readonly maxConfigurations?: number;
  /** Clients that were stopped (SIGSTOP) for longer than their TTL: nobody can tell them anything in time. */
  readonly stoppedClients?: ReadonlySet<string>;
}

type LockRecord = OperationRecord<'acquire' | 'release' | 'holder'> | LapseRecord;
type Acquired = Extract<OperationRecord<'acquire'>, { status: 'ok' }>;

export function checkLocks(records: readonly HistoryRecord[], options: LockOptions = {}): Verdict {
  const maxConfigurations = options.maxConfigurations ?? defaultMaxConfigurations;
  const violations: Violation[] = [];
  const undecided: string[] = [];
  let judged = 0;
  for (const [lock, all] of lockHistories(records)) {
    judged += all.length;
    const acquired = all.filter(isAcquired).toSorted((a, b) => a.call_ns - b.call_ns);
    const wrong = [...tokensGrow(acquired), ...invented(all)];
    violations.push(...wrong.map(({ rule, message }) => ({ rule, message: `${lock}: ${message}` })));
    violations.push(...toldInTime(acquired, all, records, options.stoppedClients ?? new Set()));
    // With wrong tokens there is nothing to order holds by.
    if (wrong.length > 0) continue;
    const isWrong = (some: readonly LockRecord[]): boolean =>
      search(movesOfLock(some), 0, maxConfigurations).kind === 'impossible';
    const outcome = search(movesOfLock(all), 0, maxConfigurations);
    if (outcome.kind === 'undecided')
      undecided.push(`${lock}: no answer after ${outcome.configurations} configurations`);
    if (outcome.kind === 'impossible') violations.push(explain(lock, all, isWrong));
  }
  return { checker: 'locks', judged, violations, undecided };
}

function lockHistories(records: readonly HistoryRecord[]): Map<string, LockRecord[]> {
  const histories = new Map<string, LockRecord[]>();
  for (const record of records) {
    if (record.op !== 'acquire' && record.op !== 'release' && record.op !== 'holder' && record.op !== 'lapse') continue;
    const history = histories.get(record.key);
    if (history === undefined) histories.set(record.key, [record]);
    else history.push(record);
  }
  return histories;
}

function isAcquired(record: HistoryRecord): record is Acquired {
  return record.op === 'acquire' && record.status === 'ok';
}

function* tokensGrow(acquired: readonly Acquired[]): Generator<Violation> {
  const byReturn = acquired.toSorted((a, b) => a.return_ns - b.return_ns);
  const byToken = new Map<number, Acquired>();
  let returned = 0;
  let largest: Acquired | undefined;
  for (const next of acquired) {
    const twin = byToken.get(next.out.token);
    if (twin !== undefined) {
      yield { rule: 'token-reused', message: `two holds have token ${next.out.token}\n${showRecords([twin, next])}` };
    }
    byToken.set(next.out.token, next);
    for (; returned < byReturn.length; returned++) {
      const earlier = byReturn[returned] as Acquired;
      if (earlier.return_ns >= next.call_ns) break;
      if (largest === undefined || earlier.out.token > largest.out.token) largest = earlier;
    }
    if (largest !== undefined && largest.out.token > next.out.token) {
      const message = `token ${next.out.token} was given after token ${largest.out.token}`;
      yield { rule: 'token-order', message: `${message}\n${showRecords([largest, next])}` };
    }
  }
}

/** Somebody holds or releases with a token that no acquire can have given him. */
function* invented(records: readonly LockRecord[]): Generator<Violation> {
  const granted = new Set(records.filter(isAcquired).map(({ in: { owner }, out }) => name(owner, out.token)));
  for (const record of records) {
    const hold = holdNamed(record);
    if (hold === undefined || granted.has(name(hold.owner, hold.token))) continue;
    if (possibleGrants(records, hold.owner).some(({ call_ns }) => call_ns <= hold.byNs)) continue;
    yield { rule: 'token-invented', message: `a hold that no acquire can have begun\n  ${showRecord(record)}` };
  }
}

/** The hold whose existence an answer proves. A refused release proves nothing. */
function holdNamed(record: LockRecord): { owner: string; token: number; byNs: number } | undefined {
  if (record.op === 'holder' && record.status === 'ok') {
    const { owner, token } = record.out;
    return owner === undefined || token === undefined ? undefined : { owner, token, byNs: record.return_ns };
  }
  if (record.op === 'release' && record.status === 'ok' && record.out.released) {
    return { ...record.in, byNs: record.return_ns };
  }
  return undefined;
}

function possibleGrants(records: readonly LockRecord[], owner: string): OperationRecord<'acquire'>[] {
  return records.filter(
    (record) => record.op === 'acquire' && record.status === 'unknown' && record.in.owner === owner,
  ) as OperationRecord<'acquire'>[];
}

interface KnownHold {
  readonly owner: string;
  readonly token: number;
  callNs: number;
  returnNs: number;
  /** Nobody got the answer of its acquire, so nobody relies on it: it may end at any time. */
  readonly unanswered: boolean;
}

/** States: 2 × rank of the last hold by token, plus 1 while it lasts. A hold of smaller rank can never follow. */
function movesOfLock(records: readonly LockRecord[]): Move[] {
  const holds = knownHolds(records);
  const rankOf = new Map(holds.map((hold, index) => [name(hold.owner, hold.token), index + 1]));
  const moves: Move[] = [];
  const required = (callNs: number, returnNs: number, apply: Move['apply'], isRead = false): void => {
    moves.push({ callNs, returnNs, optionalEffect: undefined, isRead, apply });
  };
  const mayEnd = (rank: number, callNs: number): void => {
    const held = 2 * rank + 1;
    const apply: Move['apply'] = (state) => (state === held ? 2 * rank : undefined);
    const returnNs = Number.POSITIVE_INFINITY;
    moves.push({ callNs, returnNs, optionalEffect: `end ${rank}`, isRead: false, onlyFrom: held, apply });
  };
  for (const [index, { callNs, returnNs, unanswered }] of holds.entries()) {
    const rank = index + 1;
    required(callNs, returnNs, (state) => (state % 2 === 0 && state < 2 * rank ? 2 * rank + 1 : undefined));
    if (unanswered) mayEnd(rank, callNs);
  }
  for (const record of records) {
    if (record.op === 'lapse') {
      const { owner, token } = record.in;
      for (const [index, hold] of holds.entries()) {
        if (hold.owner === owner && (token ?? hold.token) === hold.token) mayEnd(index + 1, record.call_ns);
      }
      continue;
    }
    if (record.op === 'acquire' || record.status === 'fail') continue;
    if (record.op === 'release') {
      const rank = rankOf.get(name(record.in.owner, record.in.token));
      if (rank === undefined) continue;
      if (record.status !== 'ok') {
        mayEnd(rank, record.call_ns);
        continue;
      }
      const [held, free] = [2 * rank + 1, 2 * rank];
      const { released } = record.out;
      const apply: Move['apply'] = (state) => {
        if (released) return state === held ? free : undefined;
        return state === held ? undefined : state;
      };
      required(record.call_ns, record.return_ns, apply, !released);
    } else if (record.status === 'ok') {
      const { owner, token } = record.out;
      const rank = owner === undefined || token === undefined ? undefined : rankOf.get(name(owner, token));
      const isExplained = (state: number): boolean => (rank === undefined ? state % 2 === 0 : state === 2 * rank + 1);
      required(record.call_ns, record.return_ns, (state) => (isExplained(state) ? state : undefined), true);
    }
  }
  return moves;
}

/** By token: acquires that were answered, and those that were not but whose hold somebody saw. */
function knownHolds(records: readonly LockRecord[]): KnownHold[] {
  const holds = new Map<string, KnownHold>();
  for (const record of records.filter(isAcquired)) {
    const { owner } = record.in;
    const { token } = record.out;
    const [callNs, returnNs] = [record.call_ns, record.return_ns];
    holds.set(name(owner, token), { owner, token, callNs, returnNs, unanswered: false });
  }
  for (const record of records) {
    const seen = holdNamed(record);
    if (seen === undefined) continue;
    const known = holds.get(name(seen.owner, seen.token));
    if (known?.unanswered === true) known.returnNs = Math.min(known.returnNs, seen.byNs);
    if (known !== undefined) continue;
    const calls = possibleGrants(records, seen.owner).map(({ call_ns }) => call_ns);
    if (calls.length === 0) continue;
    const { owner, token, byNs: returnNs } = seen;
    holds.set(name(owner, token), { owner, token, callNs: Math.min(...calls), returnNs, unanswered: true });
  }
  const ordered = [...holds.values()].toSorted((a, b) => a.token - b.token);
  // Which of an owner's unanswered acquires it was is not known, but it came after every hold of a smaller token.
  let latestCallNs = 0;
  for (const hold of ordered) {
    if (hold.unanswered) hold.callNs = Math.max(hold.callNs, latestCallNs);
    latestCallNs = Math.max(latestCallNs, hold.callNs);
  }
  return ordered;
}

/** Whole holds can be left out of a history of a lock without making a right one wrong. */
function explain(
  lock: string,
  records: readonly LockRecord[],
  isWrong: (some: readonly LockRecord[]) => boolean,
): Violation {
  const groups = new Map<string, LockRecord[]>();
  for (const record of wrongBeginning(records, isWrong)) {
    const hold = isAcquired(record) ? { owner: record.in.owner, token: record.out.token } : holdNamed(record);
    const group = hold === undefined ? groupOf(record) : name(hold.owner, hold.token);
    groups.set(group, [...(groups.get(group) ?? []), record]);
  }
  const shown = shrink([...groups.values()], (some) => isWrong(some.flat())).flat();
  const rule = shown.filter(isAcquired).length > 1 ? 'two-holders' : 'not-a-lock';
  return { rule, message: `${lock}: no order of holds explains these\n${showRecords(shown)}` };
}

function groupOf(record: LockRecord): string {
  if (record.op === 'release' || record.op === 'lapse') return name(record.in.owner, record.in.token ?? 0);
  if (record.op === 'acquire') return `acquire of ${record.in.owner}`;
  return `${record.op} ${record.call_ns}`;
}

/**
 * A holder that neither asked for its release nor was killed has heard that the lock is gone before the next grant was answered.
 * (The grant lies somewhere between its call and its return, so nothing stricter can be told from outside.)
 */
function* toldInTime(
  acquired: readonly Acquired[],
  lockRecords: readonly LockRecord[],
  records: readonly HistoryRecord[],
  stopped: ReadonlySet<string>,
): Generator<Violation> {
  const lock = acquired[0]?.key;
  const lost = new Map<string, LostRecord>();
  for (const record of records) {
    if (record.op === 'lost' && record.key === lock) lost.set(name(record.in.owner, record.in.token), record);
  }
  const released = new Map<string, number>();
  for (const record of lockRecords) {
    if (record.op !== 'release') continue;
    const hold = name(record.in.owner, record.in.token);
    released.set(hold, Math.min(released.get(hold) ?? Number.POSITIVE_INFINITY, record.call_ns));
  }
  const crashes = records.filter((record): record is CrashRecord => record.op === 'crash');
  const byToken = acquired.toSorted((a, b) => a.out.token - b.out.token);
  for (const [index, hold] of byToken.entries()) {
    const next = byToken[index + 1];
    if (next === undefined || stopped.has(hold.client)) continue;
    const own = name(hold.in.owner, hold.out.token);
    const deadlineNs = next.return_ns;
    if ((released.get(own) ?? Number.POSITIVE_INFINITY) <= deadlineNs) continue;
    if (crashes.some(({ client, call_ns }) => client === hold.client && call_ns <= deadlineNs)) continue;
    const told = lost.get(own);
    if (told !== undefined && told.call_ns <= deadlineNs) continue;
    const what = told === undefined ? 'was never told' : 'was told too late';
    const shown = showRecords(told === undefined ? [hold, next] : [hold, next, told]);
    yield { rule: 'lost-late', message: `${hold.key}: a holder ${what} that somebody else holds its lock\n${shown}` };
  }
}

function name(owner: string, token: number): string {
  return `${token} ${owner}`;
}
