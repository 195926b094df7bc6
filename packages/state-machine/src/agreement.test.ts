// The state machine against a naive second implementation, and against itself under other checkpoints, sweeps and restarts.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  decodeCommand,
  type Identity,
  type LockDescription,
  type LockName,
  type Result,
  type RevisionEvents,
} from '@conclave/protocol';
import * as fc from 'fast-check';
import { type LogEntry, Member } from '../testing/member.ts';
import { Model, type ModelOutcome, type ModelRequest, type ModelRevision } from '../testing/model.ts';
import { claimOf, nameText } from '../testing/model-claims.ts';
import { readModel } from '../testing/model-store.ts';
import { everything, range } from '../testing/operations.ts';
import { plain, plainEvents } from '../testing/plain.ts';
import { contention, entanglement, type Intent, intents, names, rangeQuery, Writer } from '../testing/random-log.ts';
import type { Applied } from './apply/apply.ts';
import type { Refusal } from './response.ts';

const runs = Number(process.env['CONCLAVE_PROPERTY_RUNS'] ?? 300);

const refusedUnseen: ReadonlySet<string> = new Set(['SESSION_EXPIRED', 'STALE_SEQUENCE', 'FENCED']);

/** What a member does between two entries. */
const chore = fc.record({
  checkpoint: fc.constantFrom('none', 'begin', 'finish', 'both'),
  sweep: fc.nat({ max: 4 }),
  restart: fc.constantFrom(false, false, true),
  digest: fc.boolean(),
});
const chores = fc.array(chore, { minLength: 1, maxLength: 10 });

test('answers, events and pushes are those of the naive implementation', () => {
  fc.assert(
    fc.property(fc.oneof(intents, contention), (log) => {
      const model = new Model();
      const member = new Member();
      for (const { entry, outcome } of written(log, model)) {
        const applied = member.apply(entry);
        compareOutcome(applied, outcome, model);
      }
    }),
    { numRuns: runs },
  );
});

test('whoever would wait for ever is refused, also over permits, and nobody else', () => {
  const seen = { refused: 0, overPermits: 0, waits: 0 };
  fc.assert(
    fc.property(entanglement, (log) => {
      const model = new Model();
      const member = new Member();
      for (const { entry, outcome } of written(log, model)) {
        const { response } = compareOutcome(member.apply(entry), outcome, model);
        if (response?.type === 'lockAcquire' && response.state === 'queued') seen.waits += 1;
        if (response?.type !== 'error' || response.code !== 'DEADLOCK') continue;
        seen.refused += 1;
        if (String(response.details['cycle']).includes('semaphore')) seen.overPermits += 1;
      }
    }),
    { numRuns: runs },
  );
  assert.ok(seen.overPermits > runs / 10 && seen.refused > seen.overPermits, JSON.stringify(seen));
  assert.ok(seen.waits > runs, JSON.stringify(seen));
});

test('reads at every readable revision are those of the naive implementation', () => {
  fc.assert(
    fc.property(intents, fc.array(rangeQuery, { minLength: 1, maxLength: 4 }), chores, (log, queries, between) => {
      const model = new Model();
      const member = new Member();
      for (const { entry } of written(log, model)) {
        member.apply(entry);
        doChore(member, between[member.machine.applied.index % between.length]!, []);
      }
      for (let revision = 0; revision <= model.revision + 1; revision++) {
        for (const query of queries) {
          const found = member.machine.query({ ...query, revision });
          if (revision < model.compacted) assert.equal(codeOf(found), 'COMPACTED');
          else if (revision > model.revision) assert.equal(codeOf(found), 'FUTURE_REVISION');
          else assert.deepEqual(plain(found), plain(readModel(model.entriesAt(revision), query, revision)));
        }
      }
      compareLists(member, model);
    }),
    { numRuns: runs },
  );
});

test('history from any readable revision is what was emitted, whatever was checkpointed, swept or restarted', () => {
  fc.assert(
    fc.property(intents, chores, fc.nat({ max: 400 }), (log, between, maxBytes) => {
      const model = new Model();
      const member = new Member();
      const entries: LogEntry[] = [];
      for (const { entry } of written(log, model)) {
        entries.push(entry);
        member.apply(entry);
        doChore(member, between[entries.length % between.length]!, entries);
      }
      for (let from = model.compacted; from <= model.revision + 1; from++) {
        assert.deepEqual(plainEvents(readHistory(member, from, maxBytes)), expectedHistory(model, from));
      }
      if (model.compacted > 1)
        assert.throws(() => member.machine.history(model.compacted - 1, maxBytes), { code: 'COMPACTED' });
    }),
    { numRuns: runs },
  );
});

test('one log gives one state, one digest and the same records, in any split between replay and load', () => {
  fc.assert(
    fc.property(fc.oneof(intents, contention, entanglement), chores, (log, between) => {
      const model = new Model();
      const steady = new Member();
      const restless = new Member();
      const entries: LogEntry[] = [];
      for (const { entry } of written(log, model)) {
        entries.push(entry);
        const one = steady.apply(entry);
        const other = restless.apply(entry);
        assert.deepEqual(plainApplied(other), plainApplied(one));
        doChore(restless, between[entries.length % between.length]!, entries);
      }
      assert.deepEqual(restless.machine.digest(), steady.machine.digest());
      assert.deepEqual(settled(restless), settled(steady));
      assert.deepEqual(restless.machine.digest(), steady.machine.digest());
      assert.deepEqual(sortedDeadlines(restless), sortedDeadlines(steady));
      assert.deepEqual(
        restless.machine.deadlines().leases.map(({ lease, remainingMs }) => [lease, remainingMs]),
        model.leases.map(({ id, remainingMs }) => [id, remainingMs]),
      );
    }),
    { numRuns: runs },
  );
});

test('a command takes effect at most once, whichever commands come again at whatever time', () => {
  fc.assert(
    fc.property(intents, fc.array(fc.nat({ max: 59 }), { minLength: 1, maxLength: 40 }), (log, again) => {
      const model = new Model();
      const member = new Member();
      const entries: LogEntry[] = [];
      const effects = new Map<string, number>();
      const apply = (entry: LogEntry): void => {
        const { term } = member.machine.applied;
        const applied = member.apply({ ...entry, term: Math.max(term, entry.term) });
        const identity = identityOf(entry);
        if (identity?.by !== 'session' || applied.repeated || applied.response === null) return;
        // What was refused before it was looked at has another chance.
        if (refusedUnseen.has(codeOf(applied.response) ?? '')) return;
        const name = `${identity.session}/${identity.sequence}`;
        effects.set(name, (effects.get(name) ?? 0) + 1);
      };
      for (const { entry } of written(log, model)) {
        entries.push(entry);
        apply(entry);
      }
      for (const at of again) apply(entries[at % entries.length]!);
      assert.deepEqual(
        [...effects].filter(([, times]) => times > 1),
        [],
      );
    }),
    { numRuns: runs },
  );
});

test('revisions and fences only grow, and a lock never has more holders than it has room for', () => {
  fc.assert(
    fc.property(fc.oneof(intents, contention), (log) => {
      const model = new Model();
      const member = new Member();
      let fence = 0;
      for (const { entry } of written(log, model)) {
        const before = member.machine.revision;
        const applied = member.apply(entry);
        assert.ok(applied.revision === before || applied.revision === before + 1);
        for (const name of names) {
          const found = member.machine.query({ type: 'lock', name });
          assert.ok(found.type === 'lock');
          const { holders, limit } = found.lock;
          checkRoom(holders, limit);
          const newest = Math.max(0, ...holders.map((holder) => holder.fence));
          if (newest > fence) assert.equal(newest, applied.revision, 'a fence is the revision of its grant');
          fence = Math.max(fence, newest);
        }
      }
    }),
    { numRuns: runs },
  );
});

function checkRoom(holders: LockDescription['holders'], limit: number | null): void {
  const alone = holders.filter(({ mode }) => mode === 'exclusive').length;
  assert.ok(alone === 0 || holders.length === 1);
  assert.ok(limit === null || holders.reduce((sum, { count }) => sum + count, 0) <= limit);
}

function* written(log: readonly Intent[], model: Model): Iterable<{ entry: LogEntry; outcome: ModelOutcome }> {
  const writer = new Writer(model);
  let index = 0;
  for (const one of log) {
    const entry = writer.entry(one);
    index += 1;
    yield { entry, outcome: model.apply(index, entry.term, entry.command) };
  }
}

function doChore(
  member: Member,
  what: typeof chore extends fc.Arbitrary<infer C> ? C : never,
  entries: LogEntry[],
): void {
  if (what.sweep > 0) member.machine.sweep(what.sweep);
  if (what.digest) member.machine.digest();
  if (what.checkpoint === 'finish' || what.checkpoint === 'both') member.finishCheckpoint();
  if (what.checkpoint === 'begin' || what.checkpoint === 'both') member.beginCheckpoint();
  if (!what.restart || entries.length === 0) return;
  const from = member.restart();
  for (const entry of entries.slice(from)) member.apply(entry);
}

function compareOutcome(applied: Applied, outcome: ModelOutcome, model: Model): Applied {
  assert.deepEqual(plain(comparable(applied.response)), plain(outcome.response));
  assert.equal(applied.repeated, outcome.repeated);
  assert.equal(applied.revision, model.revision);
  assert.deepEqual(plain(applied.notifications), plain(outcome.notifications));
  const found = applied.events === null ? [] : (plainEvents([applied.events]) as [{ events: unknown[] }])[0].events;
  assert.deepEqual(found, plain(outcome.events.map(eventOfModel)));
  return applied;
}

/** Codes and outcomes are compared; the words are for people. */
function comparable(response: Applied['response']): unknown {
  if (response === null || response.type !== 'error') return response;
  const { type, code, outcome } = response;
  return { type, code, outcome };
}

function eventOfModel({ type, key, entry, previous, cause }: ModelRevision['events'][number]): object {
  return type === 'put' ? { type, entry, previous } : { type, key, cause, previous };
}

function expectedHistory(model: Model, from: number): unknown {
  return model.revisions
    .filter(({ revision, events }) => revision >= from && events.length > 0)
    .map(({ revision, events, author, reason, wallTimeMs }) => {
      const shown = events.map((event) =>
        eventOfModel(revision <= model.compacted ? { ...event, previous: null } : event),
      );
      return plain({ revision, events: shown, author, reason, wallTimeMs });
    });
}

function readHistory(member: Member, from: number, maxBytes: number): RevisionEvents[] {
  const revisions: RevisionEvents[] = [];
  for (let next = from; ; ) {
    const page = member.machine.history(next, maxBytes);
    revisions.push(...page.revisions);
    if (page.done) return revisions;
    assert.ok(page.revisions.length > 0 && page.next > next, 'a page gets on');
    next = page.next;
  }
}

function compareLists(member: Member, model: Model): void {
  const { machine } = member;
  const leases = machine.query({ type: 'leases', after: 0, limit: 0 });
  const expected = model.leases.map(({ id, ttlMs, session }) => ({
    lease: id,
    ttlMs,
    isSession: session !== null,
    metadata: session?.metadata ?? {},
    keys: model.entries.filter(({ lease }) => lease === id).length,
    holds: model.requests.filter((one) => one.session === id && one.fence > 0 && one.delayMs === 0).length,
  }));
  assert.deepEqual(leases, { type: 'leases', leases: expected, more: false });
  for (const { id } of model.leases) {
    const expectedKeys = model.entries.filter(({ lease }) => lease === id).map(({ key }) => key);
    assert.deepEqual(plain(keysByPage(machine, id)), plain(expectedKeys.toSorted((a, b) => Buffer.compare(a, b))));
  }
  assert.deepEqual(machine.query({ type: 'members' }), {
    type: 'members',
    leaseReads: model.leaseReads,
    members: model.members,
  });
  const { changedAt, level, nextMember } = machine.membership();
  assert.deepEqual([changedAt, level, nextMember], [model.membersChangedAt, model.level, model.nextMember]);
  for (const name of names) {
    compareLock(machine.query({ type: 'lock', name }), model, name);
  }
}

function keysByPage(machine: Member['machine'], lease: number): Uint8Array[] {
  const keys: Uint8Array[] = [];
  for (;;) {
    const page = machine.query({ type: 'leaseKeys', lease, after: keys.at(-1) ?? null, limit: 2 });
    assert.ok(page.type === 'leaseKeys' && page.keys.length <= 2);
    keys.push(...page.keys);
    if (!page.more) return keys;
  }
}

function compareLock(found: Result | Refusal, model: Model, name: LockName): void {
  const waiter = (request: ModelRequest): object => {
    const claim = claimOf(request, name)!;
    const { session, sequence, sinceWallMs } = request;
    return { session, sequence, mode: claim.mode, count: claim.mode === 'permits' ? claim.count : 1, sinceWallMs };
  };
  const occupants = model.occupants(name);
  const queue = model.queue(name);
  const upgrading = occupants.filter((request) => request.upgrading);
  const [first] = [...occupants, ...queue];
  const claim = first === undefined ? null : claimOf(first, name);
  assert.deepEqual(plain(found), {
    type: 'lock',
    lock: plain({
      name,
      limit: claim?.mode === 'permits' ? claim.limit : null,
      holding: model.holders(name).length,
      holders: occupants.map((request) => ({
        ...waiter(request),
        fence: request.fence,
        delayMs: request.delayMs > 0 ? request.delayMs : null,
      })),
      waiting: upgrading.length + queue.length,
      queue: [...upgrading.map((request) => ({ ...waiter(request), mode: 'exclusive' })), ...queue.map(waiter)],
      past: model.past.find(({ lock }) => lock === nameText(name))?.holds ?? [],
    }),
  });
}

function plainApplied(applied: Applied): unknown {
  return plain({ ...applied, events: applied.events === null ? null : plainEvents([applied.events]) });
}

/** Everything swept and checkpointed: what must be the same on every member. */
function settled(member: Member): unknown {
  member.checkpoint();
  while (!member.machine.sweep(3).done);
  member.checkpoint();
  assert.ok(member.machine.query(range(everything)).type === 'range');
  return [...member.store.records.keys()].toSorted().map((key) => [key, plain(member.store.records.get(key)!.value)]);
}

function sortedDeadlines(member: Member): unknown {
  const { leases, delays } = member.machine.deadlines();
  return { leases, delays: delays.map((delay) => JSON.stringify(plain(delay))).toSorted() };
}

function identityOf({ command }: LogEntry): Identity | null {
  return command === null ? null : decodeCommand(command).header.identity;
}

function codeOf(response: { type: string }): string {
  return 'code' in response ? String(response.code) : response.type;
}
