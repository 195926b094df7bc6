import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { Durability } from './durability.ts';
import { RaftLog } from './log.ts';
import { append, electionMs, entriesOf, Member, messageTo, runsOf } from './member.test-driver.ts';
import type { AppendAccepted, PromiseMessage, VoteResponse } from './message.ts';
import type { Acknowledged, HardState, Index, MemberId, PersistJob, Term } from './types.ts';

const i = (index: number): Index => index as Index;
const hardState: HardState = { term: 1 as Term, vote: null, commit: i(0) };
const acknowledged: Acknowledged = { term: 0 as Term, index: i(0) };

function logOf(terms: readonly number[]): RaftLog {
  const entries = entriesOf(terms);
  return new RaftLog({
    hardState,
    acknowledged,
    base: { index: i(0), term: 0 as Term },
    configuration: { voters: [], votersOutgoing: [], learners: [], learnersNext: [], leaseReads: false },
    terms: runsOf(entries),
    tail: i(entries.length),
    entries,
    applied: i(0),
  });
}

/** A log and its durability, changed together as a member does it. */
class Subject {
  readonly log: RaftLog;
  readonly durability: Durability;

  constructor(terms: readonly number[] = []) {
    this.log = logOf(terms);
    this.durability = new Durability(this.log.lastIndex);
  }

  append(...terms: readonly number[]): void {
    for (const entry of entriesOf(terms, this.log.lastIndex + 1)) {
      this.durability.stageEntries(entry.index);
      this.log.append(entry);
    }
  }

  replaceFrom(index: number, ...terms: readonly number[]): void {
    this.log.truncateFrom(i(index));
    this.durability.stageEntries(i(index));
    for (const entry of entriesOf(terms, index)) this.log.append(entry);
  }

  take(): PersistJob | null {
    return this.durability.takeJob(this.log, { hardState, acknowledged }, 0);
  }
}

const accepted = (match: number, term: number = 1): AppendAccepted => ({
  type: 'appendAccepted',
  audience: true,
  from: 1 as MemberId,
  to: 2 as MemberId,
  term: term as Term,
  match: i(match),
});
const vote = (to: number, granted: boolean = true): VoteResponse => ({
  type: 'voteResponse',
  from: 1 as MemberId,
  to: to as MemberId,
  term: 1 as Term,
  granted,
});

test('with nothing changed there is nothing to write, and promises may leave at once', () => {
  const { durability, ...subject } = new Subject([1, 1]);
  assert.equal(durability.takeJob(subject.log, { hardState, acknowledged }, 0), null);
  assert.equal(durability.admit(accepted(2)), true);
});

test('a job holds all that changed since the last one, and names the end of the log', () => {
  const subject = new Subject([1]);
  subject.append(1, 1);
  subject.append(2);
  const job = subject.take();
  assert.deepEqual(
    job?.entries.map(({ index, term }) => [index, term]),
    [
      [2, 1],
      [3, 1],
      [4, 2],
    ],
  );
  assert.equal(job?.tail, 4);
  assert.equal(subject.take(), null);
});

test('a job that changes only term or vote holds no entry', () => {
  const subject = new Subject([1, 1]);
  subject.durability.stageHardState();
  const { base } = subject.log;
  assert.deepEqual(subject.take(), {
    sequence: 1,
    hardState,
    acknowledged,
    snapshot: null,
    base,
    entries: [],
    tail: 2,
  });
});

test('a promise waits for what is not taken yet, and for nothing that comes after', () => {
  const subject = new Subject();
  subject.append(1);
  assert.equal(subject.durability.admit(accepted(1)), false);
  subject.take();
  subject.append(1);
  subject.take();
  assert.deepEqual(subject.durability.persisted(1).released, [accepted(1)]);
  assert.equal(subject.durability.durableIndex, 1);
});

test('a promise made while a job is on its way waits for that job', () => {
  const subject = new Subject();
  subject.append(1);
  subject.take();
  assert.equal(subject.durability.admit(vote(2)), false);
  assert.deepEqual(subject.durability.persisted(1).released, [vote(2)]);
});

test('a report for a later job covers the earlier ones', () => {
  const subject = new Subject();
  for (const match of [1, 2, 3]) {
    subject.append(1);
    subject.durability.admit(accepted(match));
    subject.take();
  }
  assert.deepEqual(subject.durability.persisted(3).released, [accepted(1), accepted(2), accepted(3)]);
  assert.equal(subject.durability.durableIndex, 3);
  assert.ok(subject.durability.isSettled);
});

test('a job that was never given out cannot become durable', () => {
  assert.throws(() => new Subject().durability.persisted(1), /never given out/);
});

// etcd's async_storage_writes_append_aba_race: the acknowledgement of an overwritten suffix must not vouch for the new one.
test('a finished job vouches for nothing that a later truncation replaced, at whatever moment it is reported (etcd, ABA race)', () => {
  const subject = new Subject([1, 1, 1]);
  subject.append(2, 2, 2);
  subject.take();
  subject.replaceFrom(5, 3, 3);
  assert.equal(subject.durability.durableIndex, 3);
  subject.durability.persisted(1);
  assert.equal(subject.durability.durableIndex, 4, 'entry 4 is as it was; 5 and 6 on the disk are of the old leader');
  subject.take();
  assert.equal(subject.durability.durableIndex, 4);
  subject.durability.persisted(2);
  assert.equal(subject.durability.durableIndex, 6);
});

test('there and back again: entries of a first leader, of a second, and of the first index again, three jobs under way (etcd, ABA race)', () => {
  const subject = new Subject([1]);
  subject.append(2, 2);
  subject.take();
  subject.replaceFrom(2, 3);
  subject.take();
  subject.replaceFrom(2, 4, 4);
  subject.take();
  subject.durability.persisted(1);
  assert.equal(subject.durability.durableIndex, 1);
  subject.durability.persisted(2);
  assert.equal(subject.durability.durableIndex, 1);
  subject.durability.persisted(3);
  assert.equal(subject.durability.durableIndex, 3);
});

test('entries replaced on the disk are not durable any more until the replacement is', () => {
  const subject = new Subject([1, 1, 1]);
  subject.replaceFrom(2, 2);
  assert.equal(subject.durability.durableIndex, 1);
});

test('durable is what the disk has in common with the log, whatever is written, replaced and reported in between', () => {
  const steps = fc.array(
    fc.oneof(
      fc.record({ append: fc.integer({ min: 1, max: 3 }) }),
      fc.record({ replace: fc.nat(4), with: fc.integer({ min: 1, max: 3 }) }),
      fc.record({ take: fc.constant(true) }),
      fc.record({ report: fc.integer({ min: 1, max: 3 }) }),
    ),
    { maxLength: 60 },
  );
  fc.assert(
    fc.property(steps, (all) => {
      const subject = new Subject();
      const disk: number[] = [];
      const jobs: PersistJob[] = [];
      let term = 1;
      for (const step of all) {
        if ('append' in step) subject.append(...Array.from({ length: step.append }, () => term));
        else if ('replace' in step) {
          term++;
          const first = Math.max(1, subject.log.lastIndex + 1 - step.replace);
          subject.replaceFrom(first, ...Array.from({ length: step.with }, () => term));
        } else if ('take' in step) {
          const job = subject.take();
          if (job !== null) jobs.push(job);
        } else {
          const done = jobs.splice(0, step.report);
          for (const { entries, tail } of done) {
            for (const entry of entries) disk[entry.index] = entry.term;
            disk.length = tail + 1;
          }
          const last = done.at(-1);
          if (last !== undefined) subject.durability.persisted(last.sequence);
        }
        // Terms grow with every replacement, so that equal terms at an index mean equal entries.
        const { durableIndex } = subject.durability;
        for (let index = 1; index <= durableIndex; index++) assert.equal(disk[index], subject.log.termAt(i(index)));
        if (jobs.length === 0 && subject.durability.isSettled) assert.equal(durableIndex, subject.log.lastIndex);
      }
    }),
    { numRuns: 500 },
  );
});

test('of the acknowledgements that wait for one job the highest is enough; those for earlier jobs stay', () => {
  const subject = new Subject();
  subject.append(1);
  subject.durability.admit(accepted(1));
  subject.take();
  subject.append(1, 1, 1);
  for (const match of [2, 4, 3]) subject.durability.admit(accepted(match));
  subject.take();
  assert.deepEqual(
    subject.durability.held.map(({ message }) => message),
    [accepted(1), accepted(4)],
  );
});

test('while the disk stalls, what is asked again and again is held once for a job and a receiver', () => {
  const subject = new Subject();
  subject.append(1);
  subject.take();
  for (let again = 0; again < 1_000; again++) {
    for (const to of [2, 3]) {
      subject.durability.admit(vote(to));
      subject.durability.admit({
        ...vote(to),
        type: 'appendRejected',
        rejected: i(9),
        hintIndex: i(1),
        hintTerm: 1 as Term,
      });
    }
  }
  assert.equal(subject.durability.held.length, 4);
});

test('promises of an older term are dropped', () => {
  const subject = new Subject();
  subject.append(1);
  const newer: PromiseMessage = { ...vote(3), term: 2 as Term };
  for (const message of [accepted(1), newer]) subject.durability.admit(message);
  subject.durability.dropPromisesBefore(2 as Term);
  subject.take();
  assert.deepEqual(subject.durability.persisted(1).released, [newer]);
});

test('a follower acknowledges entries only when they are durable (thesis §10.2.1)', () => {
  const member = new Member();
  member.hear('append', append(2, 1, [0, 0], [1, 1]));
  assert.deepEqual(member.said('appendAccepted'), []);
  member.persist();
  assert.deepEqual(
    member.said('appendAccepted').map(({ match }) => match),
    [2],
  );
});

test('a vote leaves only when it is durable, with its term (Raft §5.2, figure 2)', () => {
  const member = new Member();
  member.hear('vote', { from: 2 as MemberId, term: 1 as Term, lastIndex: i(0), lastTerm: 0 as Term });
  assert.deepEqual(member.said('voteResponse'), []);
  member.persist();
  assert.deepEqual(member.disk.hardState, { term: 1, vote: 2, commit: 0 });
  assert.equal(member.said('voteResponse').length, 1);
});

test('term and vote are written together: no crash can keep one of them (hashicorp/raft persistVote)', () => {
  const member = new Member({ term: 1, vote: 3 });
  member.hear('vote', { from: 2 as MemberId, term: 2 as Term, lastIndex: i(0), lastTerm: 0 as Term });
  assert.deepEqual(
    member.writes.map((job) => [job.hardState.term, job.hardState.vote]),
    [[2, 2]],
  );
});

test('term, vote and entries that change together are one write: no disk can have them in another order (openraft io_ordering; nebula #2419)', () => {
  const member = new Member({ log: [1] });
  member.stepAll([
    { type: 'message', message: messageTo(1, 'append', append(2, 2, [1, 1], [2])) },
    {
      type: 'message',
      message: messageTo(1, 'append', append(3, 3, [1, 1], [3, 3])),
    },
  ]);
  assert.equal(member.writes.length, 1);
  assert.equal(member.writes[0]?.hardState.term, 3);
  assert.deepEqual(
    member.writes[0]?.entries.map(({ index, term }) => [index, term]),
    [
      [2, 3],
      [3, 3],
    ],
  );
});

test('an acknowledgement that waits when the term moves on never leaves', () => {
  const member = new Member();
  member.hear('append', append(2, 1, [0, 0], [1]));
  member.hear('append', append(3, 2, [0, 0], [2]));
  member.persist(1);
  assert.deepEqual(member.outbox, []);
  member.persist();
  assert.deepEqual(
    member.said('appendAccepted').map(({ to, term, match }) => [to, term, match]),
    [[3, 2, 1]],
  );
});

test('a follower does not acknowledge the new suffix when the write of the old one is reported (etcd, ABA race)', () => {
  const member = new Member({ log: [1] });
  member.hear('append', append(2, 2, [1, 1], [2, 2]));
  member.hear('append', append(3, 3, [1, 1], [3, 3]));
  member.hear('append', append(3, 3, [3, 3], [], 3));
  member.persist(1);
  assert.deepEqual(member.said('appendAccepted'), []);
  assert.deepEqual(
    member.committed.map(({ index }) => index),
    [1],
    '2 and 3 are committed as well, but on this disk they are those of the old leader',
  );
  member.persist();
  assert.deepEqual(
    member.committed.map(({ term }) => term),
    [1, 3, 3],
  );
});

test('what an acknowledgement says is on record in the same write (figure 2)', () => {
  const member = new Member();
  member.hear('append', append(2, 4, [0, 0], [1, 1]));
  assert.deepEqual(member.writes[0]?.acknowledged, { term: 4, index: 2 });
  member.persist();
  member.hear('append', append(3, 5, [1, 1]));
  assert.deepEqual(
    member.said('appendAccepted').map(({ match }) => match),
    [2],
    'the one before',
  );
  member.persist();
  assert.deepEqual(member.disk.acknowledged, { term: 5, index: 1 });
  assert.deepEqual(
    member.said('appendAccepted').map(({ match }) => match),
    [1],
  );
});

test('a failed write is final: the member says and does nothing more (fsyncgate)', () => {
  const member = new Member();
  member.hear('append', append(2, 1, [0, 0], [1]));
  assert.throws(() => member.step({ type: 'persistFailed', reason: 'EIO' }), /EIO/);
  assert.throws(() => member.step({ type: 'tick' }), /EIO/);
  assert.throws(() => member.node.takeOutput(), /EIO/);
});

test('an index is never given to another entry within one term (NuRaft #274)', () => {
  const member = new Member({ voters: [1, 2, 3] });
  member.lead();
  member.propose(1, 2);
  member.advance(2 * electionMs);
  assert.equal(member.role, 'follower', 'it stepped down for want of a quorum');
  member.propose(3);
  assert.equal(member.lastIndex, 3);
  assert.deepEqual(
    member.failed.map(({ id }) => id),
    [3],
  );
});
