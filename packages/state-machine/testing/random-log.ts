// Random logs: intents that say "release whatever is held" become entries against the model's present state, so that a short log
// reaches the corners. Some entries are garbage, some come twice, some carry numbers that fit nothing.
import {
  type CommandHeader,
  type Compare,
  electionKey,
  encodeOperation,
  type LockClaim,
  type LockName,
  type Operation,
  ProtocolError,
  type Range,
  type Relation,
  type TxnOperation,
} from '@conclave/protocol';
import * as fc from 'fast-check';
import { command, type Header, type LogEntry } from './member.ts';
import type { Model, ModelRequest } from './model.ts';
import {
  acquireAll,
  between,
  compact,
  election,
  everything,
  lock,
  one,
  proclaim,
  put,
  range,
  release,
  remove,
  semaphore,
  sessionOpen,
} from './operations.ts';
import { bytes, ofHex } from './plain.ts';

type Resolve<T> = (model: Model) => T;

export interface Intent {
  readonly operation: Resolve<Operation | Uint8Array>;
  readonly identity: 'none' | 'key' | 'session';
  /** Which of the living sessions. */
  readonly slot: number;
  /** 0: the next sequence. Otherwise so many back. Beyond what there is: some unused one. */
  readonly back: number;
  readonly acknowledge: boolean;
  readonly key: number;
  readonly passesMs: number;
  readonly newTerm: boolean;
  /** With the epoch of an earlier connection, if there was one. */
  readonly isLate: boolean;
  readonly author: string | null;
}

const keys = ['a', 'ab', 'b', 'c\u00ff', '\u00ff'];
export const names: readonly LockName[] = [lock('x'), lock('y'), election('x'), semaphore('s'), semaphore('t')];
const relations: readonly Relation[] = ['=', '!=', '<', '>'];

const key = fc.constantFrom(...keys);
const name = fc.constantFrom(...names);
const value = fc.constantFrom('', '1', '22', 'longer value');
const small = fc.nat({ max: 12 });
const slot = fc.nat({ max: 5 });
const rarely = fc.nat({ max: 4 }).map((at) => at === 4);
const keyRange = fc.oneof(
  key.map((k) => one(k)),
  fc.constant(everything),
  fc.tuple(key, key).map(([a, b]) => between(a, b)),
  fc.constant({ key: bytes('\u0000'), end: bytes('\u0001') }),
  fc.constant({ key: electionKey(bytes('x')), end: null }),
);
/** What a client may name in a delete. */
const deletable = fc.oneof(
  key.map((k) => one(k)),
  fc.constant(everything),
  fc.tuple(key, key).map(([a, b]) => between(a, b)),
);

function leaseIn(model: Model, at: number): number | null {
  const { leases } = model;
  if (at === 0) return null;
  return leases.length === 0 || at === 5 ? at : leases[at % leases.length]!.id;
}

/** Of a present holder, or one that fits nothing. */
function holdOf(model: Model, of: LockName, miss: boolean): Pick<ModelRequest, 'fence' | 'sequence' | 'session'> {
  return (miss ? undefined : model.holders(of).at(-1)) ?? { fence: miss ? 3 : 1, sequence: 1, session: 1 };
}

/** Nothing keeps a semaphore from being asked for under two limits. */
const claimTable: readonly (readonly LockClaim[])[] = [
  [{ mode: 'exclusive', name: lock('x') }],
  [{ mode: 'exclusive', name: lock('y') }],
  [{ mode: 'exclusive', name: election('x') }],
  [{ mode: 'exclusive', name: election('x') }],
  [{ mode: 'shared', name: lock('x') }],
  [{ mode: 'shared', name: lock('y') }],
  [{ mode: 'shared', name: lock('x') }],
  [{ mode: 'permits', name: semaphore('s'), limit: 3, count: 1 }],
  [{ mode: 'permits', name: semaphore('s'), limit: 3, count: 2 }],
  [{ mode: 'permits', name: semaphore('s'), limit: 2, count: 1 }],
  [
    { mode: 'exclusive', name: lock('y') },
    { mode: 'exclusive', name: lock('x') },
  ],
  [
    { mode: 'shared', name: lock('x') },
    { mode: 'permits', name: semaphore('s'), limit: 3, count: 1 },
    { mode: 'exclusive', name: lock('y') },
  ],
];

/** The holds that one of the holders keeps while it waits. */
function keptIn(model: Model, at: number, wait: boolean): readonly number[] {
  const holds = model.requests.filter(({ delayMs, fence }) => fence > 0 && delayMs === 0);
  const hold = holds[at % Math.max(1, holds.length)];
  if (!wait || at > 5 || hold === undefined) return [];
  return holds.filter(({ session }) => session === hold.session).map(({ sequence }) => sequence);
}

const query = fc
  .record({
    range: keyRange,
    limit: fc.nat({ max: 3 }),
    order: fc.constantFrom('ascending' as const, 'descending' as const),
    keysOnly: fc.boolean(),
    countOnly: fc.boolean(),
    modifiedSince: fc.option(small),
  })
  .map(({ range: of, ...more }) => range(of, more));

export const rangeQuery: fc.Arbitrary<Range> = query;

const txnStep: fc.Arbitrary<TxnOperation> = fc.oneof(
  fc.tuple(key, value, fc.boolean()).map(([of, to, returnPrevious]) => put(of, to, { returnPrevious })),
  fc.tuple(deletable, fc.boolean()).map(([of, previous]) => remove(of, previous)),
  query,
);

const compare: fc.Arbitrary<Resolve<Compare>> = fc
  .record({
    target: fc.constantFrom('version', 'create', 'mod', 'lease', 'value', 'lock'),
    key,
    name,
    relation: fc.constantFrom(...relations),
    operand: small,
    value,
    miss: rarely,
  })
  .map((of) => (model: Model): Compare => {
    if (of.target === 'lock') {
      const { fence, sequence, session } = holdOf(model, of.name, of.miss);
      const holder = of.operand % 2 === 0 ? null : { session, sequence };
      return { target: 'lock', name: of.name, fence, holder };
    }
    const { relation } = of;
    if (of.target === 'value') return { target: 'value', key: bytes(of.key), relation, operand: bytes(of.value) };
    return { target: of.target as 'mod', key: bytes(of.key), relation, operand: of.operand };
  });

/** Few, so that some are taken. */
const url = fc.nat({ max: 7 }).map((at) => `ws://h:${at + 1}`);
const someMember = fc.nat({ max: 9 });
const joiningRole = fc.constantFrom('voter' as const, 'voter' as const, 'learner' as const);

function memberIn(model: Model, at: number): number {
  const { members, nextMember } = model;
  return at > 6 || members.length === 0 ? Math.max(1, nextMember - at + 7) : members[at % members.length]!.member;
}

const onMembers: fc.Arbitrary<Resolve<Operation>> = fc.oneof(
  fc
    .record({ clientUrl: url, peerUrl: url, role: joiningRole, name: fc.option(value) })
    .map((of) => (): Operation => ({ type: 'memberAdd', ...of, joinSecretHash: new Uint8Array(32).fill(6) })),
  fc.record({ at: someMember, clientUrl: fc.option(url), peerUrl: fc.option(url), name: fc.option(value) }).map(
    ({ at, ...of }) =>
      (model: Model): Operation => ({ type: 'memberUpdate', member: memberIn(model, at), ...of }),
  ),
  fc.tuple(someMember, fc.constantFrom('voter' as const, 'learner' as const, 'removed' as const)).map(
    ([at, role]) =>
      (model: Model): Operation => ({ type: 'memberRole', member: memberIn(model, at), role }),
  ),
  fc.option(fc.boolean()).map((leaseReads) => (): Operation => ({ type: 'clusterSet', leaseReads })),
  fc.integer({ min: 1, max: 4 }).map((level) => (): Operation => ({ type: 'clusterLevel', level })),
  fc.array(fc.tuple(fc.integer({ min: 1, max: 4 }), joiningRole), { maxLength: 3 }).map(
    (of) => (): Operation => ({
      type: 'memberSeed',
      members: of.map(([member, role]) => ({
        member,
        name: `m${member}`,
        clientUrl: `ws://h:${member * 2}`,
        peerUrl: `ws://h:${member * 2 + 1}`,
        role,
      })),
    }),
  ),
);

const onLocks: readonly { weight: number; arbitrary: fc.Arbitrary<Resolve<Operation>> }[] = [
  {
    weight: 14,
    arbitrary: fc
      .record({
        claims: fc.constantFrom(...claimTable),
        wait: rarely.map((refuses) => !refuses),
        delay: fc.constantFrom(0, 0, 900),
        keep: fc.nat({ max: 9 }),
        value,
      })
      .map((of) => (model: Model): Operation => {
        const published = of.claims[0]!.name.kind === 'election' ? bytes(of.value) : null;
        const keeping = keptIn(model, of.keep, of.wait);
        return acquireAll(of.claims, { wait: of.wait, lockDelayMs: of.delay, value: published, keeping });
      }),
  },
  {
    weight: 4,
    arbitrary: fc.tuple(name, rarely, fc.nat({ max: 5 })).map(([of, miss, inherits]) => (model: Model) => {
      const { fence, sequence } = holdOf(model, of, miss);
      const heir = model.queue(of)[inherits];
      return release(sequence, fence, heir === undefined ? null : { session: heir.session, sequence: heir.sequence });
    }),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(name, rarely, fc.boolean(), fc.boolean())
      .map(([of, miss, now, all]) => (model: Model): Operation => {
        const { fence, sequence, session } = holdOf(model, of, miss);
        return { type: 'lockBreak', name: of, fence, holder: all ? null : { session, sequence }, now };
      }),
  },
  {
    weight: 3,
    arbitrary: fc.nat({ max: 9 }).map(
      (at) =>
        (model: Model): Operation => ({ type: 'lockCancel', sequence: model.requests[at]?.sequence ?? at + 1 }),
    ),
  },
  {
    weight: 5,
    arbitrary: fc
      .tuple(name, fc.nat({ max: 9 }), fc.boolean(), rarely, fc.nat({ max: 9 }))
      .map(([of, at, down, tries, keep]) => (model: Model): Operation => {
        const holders = model.holders(of);
        const sequence = holders[at % Math.max(1, holders.length)]?.sequence ?? at + 1;
        const wait = !down && !tries;
        const keeping = keptIn(model, keep, wait).filter((kept) => kept !== sequence);
        return { type: 'lockConvert', sequence, mode: down ? 'shared' : 'exclusive', wait, keeping };
      }),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(value, rarely).map(
      ([of, miss]) =>
        (model: Model) =>
          proclaim(election('x'), holdOf(model, election('x'), miss).fence, of),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.nat({ max: 3 }).map((at) => (model: Model): Operation => {
      const delayed = model.requests.filter(({ delayMs }) => delayMs > 0)[at];
      const { sequence, session } = delayed ?? { sequence: 1, session: 1 };
      return { type: 'lockDelayEnd', session, sequence, term: Math.max(1, model.term) };
    }),
  },
];

const operation: fc.Arbitrary<Resolve<Operation | Uint8Array>> = fc.oneof(
  { weight: 5, arbitrary: onMembers },
  {
    weight: 6,
    arbitrary: fc
      .record({ key, value, slot, returnPrevious: fc.boolean() })
      .map(
        (of) => (model: Model) =>
          put(of.key, of.value, { lease: leaseIn(model, of.slot), returnPrevious: of.returnPrevious }),
      ),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(deletable, fc.boolean()).map(
      ([of, previous]) =>
        () =>
          remove(of, previous),
    ),
  },
  {
    weight: 3,
    arbitrary: fc
      .record({
        compares: fc.array(compare, { maxLength: 2 }),
        then: fc.array(txnStep, { maxLength: 4 }),
        else: fc.array(txnStep, { maxLength: 2 }),
      })
      .map(
        (of) =>
          (model: Model): Operation => ({
            type: 'txn',
            compares: of.compares.map((resolve) => resolve(model)),
            then: of.then,
            else: of.else,
          }),
      ),
  },
  { weight: 1, arbitrary: fc.constant((): Operation => ({ type: 'leaseGrant', ttlMs: 5_000 })) },
  {
    weight: 2,
    // Some secrets come again.
    arbitrary: fc.tuple(fc.nat({ max: 9 }), fc.constantFrom(7_000, 8_000)).map(
      ([secret, ttlMs]) =>
        (): Operation =>
          sessionOpen(secret, ttlMs),
    ),
  },
  {
    weight: 1,
    arbitrary: slot.map(
      (at) =>
        (model: Model): Operation => ({ type: 'leaseRevoke', lease: leaseIn(model, at) ?? 1 }),
    ),
  },
  {
    weight: 1,
    arbitrary: slot.map(
      (at) =>
        (model: Model): Operation => ({ type: 'sessionClose', session: leaseIn(model, at) ?? 1 }),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(slot, fc.boolean()).map(
      ([at, stale]) =>
        (model: Model): Operation => ({
          type: 'leaseExpire',
          lease: leaseIn(model, at) ?? 1,
          generation: 1,
          term: Math.max(1, stale ? model.term - 1 : model.term),
        }),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.array(fc.tuple(slot, fc.constantFrom(null, 1, 2_000)), { maxLength: 3 }), fc.boolean()).map(
      ([leases, stale]) =>
        (model: Model): Operation => ({
          type: 'leaseCheckpoint',
          term: Math.max(1, stale ? model.term - 1 : model.term),
          leases: leases.map(([at, remainingMs]) => ({ lease: leaseIn(model, at) ?? 1, remainingMs })),
        }),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.array(fc.tuple(slot, fc.constantFrom(-1, 0, 1, 1, 2), rarely), { maxLength: 3 }).map(
      (claims) =>
        (model: Model): Operation => ({
          type: 'sessionAttach',
          sessions: claims.map(([at, by, guessed]) => {
            const id = leaseIn(model, at) ?? 1;
            const known = model.session(id);
            const secretHash = guessed || known === null ? new Uint8Array(32).fill(99) : ofHex(known.secret);
            return { session: id, secretHash, epoch: Math.max(1, (known?.epoch ?? 0) + by) };
          }),
        }),
    ),
  },
  ...onLocks,
  {
    weight: 2,
    arbitrary: fc.nat({ max: 6 }).map((below) => (model: Model) => compact(Math.max(1, model.revision + 1 - below))),
  },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 12 }).map((garbage) => () => garbage) },
  { weight: 1, arbitrary: fc.constant(() => range(everything)) },
);

const intent: fc.Arbitrary<Intent> = fc.record({
  operation,
  identity: fc.constantFrom('none', 'key', 'session', 'session', 'session', 'session'),
  slot: fc.nat({ max: 3 }),
  back: fc.constantFrom(0, 0, 0, 0, 0, 1, 2, 5),
  acknowledge: fc.boolean(),
  key: fc.nat({ max: 3 }),
  passesMs: fc.constantFrom(0, 1, -50, 400_000),
  newTerm: fc.nat({ max: 19 }).map((at) => at === 19),
  isLate: rarely,
  author: fc.option(fc.constantFrom('ann', 'bob')),
});

const opening: Intent = {
  operation: (model) => sessionOpen(100 + model.nextLease, 9_000),
  identity: 'none',
  slot: 0,
  back: 0,
  acknowledge: false,
  key: 0,
  passesMs: 0,
  newTerm: false,
  isLate: false,
  author: null,
};

/** Sessions that live, and want the same few locks. */
export const contention: fc.Arbitrary<Intent[]> = fc
  .array(
    fc.record({
      operation: fc.oneof(...onLocks, {
        weight: 1,
        arbitrary: fc.tuple(slot, fc.boolean()).map(([at, expires]) => (model: Model): Operation => {
          const lease = leaseIn(model, at) ?? 1;
          if (!expires) return { type: 'leaseRevoke', lease };
          return { type: 'leaseExpire', lease, generation: 1, term: Math.max(1, model.term) };
        }),
      }),
      identity: fc.constant('session' as const),
      slot: fc.nat({ max: 4 }),
      back: fc.constantFrom(0, 0, 0, 0, 0, 0, 0, 1),
      acknowledge: fc.boolean(),
      key: fc.constant(0),
      passesMs: fc.constant(1),
      newTerm: fc.constant(false),
      isLate: fc.constant(false),
      author: fc.constant(null),
    }),
    { minLength: 20, maxLength: 80, size: 'large' },
  )
  .map((rest) => Array.from({ length: 6 }, () => opening).concat(rest));

const tangleTable: readonly (readonly LockClaim[])[] = [
  ...[1, 1, 1, 2, 3].map((count) => [{ mode: 'permits' as const, name: semaphore('s'), limit: 4, count }]),
  ...[1, 1, 2].map((count) => [{ mode: 'permits' as const, name: semaphore('t'), limit: 2, count }]),
  [{ mode: 'exclusive', name: lock('x') }],
  [{ mode: 'shared', name: lock('x') }],
  [{ mode: 'shared', name: lock('y') }],
  [
    { mode: 'shared', name: lock('y') },
    { mode: 'permits', name: semaphore('t'), limit: 2, count: 1 },
  ],
  [
    { mode: 'permits', name: semaphore('s'), limit: 4, count: 1 },
    { mode: 'permits', name: semaphore('t'), limit: 2, count: 1 },
  ],
];

/** All that the session has, or all but one. */
function keptBy(model: Model, session: number, sparing: number): readonly number[] {
  const holds = model.requests.filter(
    (request) => request.session === session && request.fence > 0 && request.delayMs === 0,
  );
  return holds.filter((_, at) => at !== sparing).map(({ sequence }) => sequence);
}

/** Sessions that hold and keep, and want more: they come to wait for each other sooner or later, mostly over permits. */
export const entanglement: fc.Arbitrary<Intent[]> = fc
  .array(
    fc
      .record({
        claims: fc.constantFrom(...tangleTable),
        what: fc.constantFrom('take', 'take', 'take', 'give', 'upgrade'),
        slot: fc.nat({ max: 4 }),
        sparing: fc.nat({ max: 9 }),
      })
      .map(({ claims, slot: at, sparing, what }): Intent => {
        const wanted = (model: Model): Operation => {
          const session = (at % 5) + 1;
          const kept = keptBy(model, session, sparing);
          const hold = model.requests.find((request) => request.session === session && request.sequence === kept[0]);
          if (what === 'take' || hold === undefined) return acquireAll(claims, { keeping: kept });
          if (what === 'give') return release(hold.sequence, hold.fence);
          return {
            type: 'lockConvert',
            sequence: hold.sequence,
            mode: 'exclusive',
            wait: true,
            keeping: kept.slice(1),
          };
        };
        return { ...opening, operation: wanted, identity: 'session', slot: at };
      }),
    { minLength: 10, maxLength: 40, size: 'large' },
  )
  .map((rest) => Array.from({ length: 5 }, () => opening).concat(rest));

/** A log that begins with some sessions, without which little can happen. */
export const intents: fc.Arbitrary<Intent[]> = fc
  .tuple(fc.nat({ max: 3 }), fc.array(intent, { minLength: 5, maxLength: 80, size: 'large' }))
  .map(([sessions, rest]) => Array.from({ length: sessions }, () => opening).concat(rest));

interface Sent {
  readonly operation: Uint8Array;
  readonly identity: Extract<CommandHeader['identity'], { by: 'session' }>;
}

/** Turns intents into entries, one after the other, each against the model behind the last. */
export class Writer {
  readonly #model: Model;
  readonly #sequences: Map<number, number> = new Map();
  readonly #sent: Map<number, Sent[]> = new Map();
  #clock = 1_000;
  #term = 1;

  constructor(model: Model) {
    this.#model = model;
  }

  entry(of: Intent): LogEntry {
    if (of.newTerm) {
      this.#term += 1;
      return { term: this.#term, command: null };
    }
    this.#model.term = this.#term;
    this.#clock += of.passesMs;
    const header: Header = {
      clusterTimeMs: Math.max(0, this.#clock),
      wallTimeMs: 5_000 + this.#clock * 2,
      author: of.author,
      reason: of.author === null ? null : 'because',
    };
    const { leases } = this.#model;
    const sessions = leases.filter(({ session }) => session !== null);
    const session = sessions.length === 0 ? 1 : sessions[of.slot % sessions.length]!.id;
    if (of.identity === 'session') {
      return { term: this.#term, command: this.#ofSession(of, this.#owner(of, session) ?? session, header) };
    }
    const identity =
      of.identity === 'key' ? { by: 'key' as const, key: bytes(`key${of.key}`) } : { by: 'none' as const };
    return { term: this.#term, command: command(this.#operation(of), { ...header, identity }) };
  }

  #ofSession(of: Intent, session: number, header: Header): Uint8Array {
    const sent = this.#sent.get(session) ?? [];
    this.#sent.set(session, sent);
    // Some come over a connection that the session has left, and some of those once more over the present one.
    const present = this.#model.session(session)?.epoch ?? 0;
    const epoch = of.isLate ? Math.max(0, present - 1) : present;
    const again = of.back === 0 ? undefined : sent[sent.length - of.back];
    if (again !== undefined) return command(again.operation, { ...header, identity: { ...again.identity, epoch } });
    const sequence = (this.#sequences.get(session) ?? 0) + 1;
    this.#sequences.set(session, sequence);
    const acknowledgedBelow = of.acknowledge ? Math.max(1, sequence - 2) : 1;
    const identity = { by: 'session' as const, session, sequence, acknowledgedBelow, epoch };
    const encoded = this.#operation(of);
    sent.push({ operation: encoded, identity });
    return command(encoded, { ...header, identity });
  }

  /** Mostly it is the holder who releases and proclaims. */
  #owner(of: Intent, session: number): number | null {
    const wanted = of.operation(this.#model);
    if (wanted instanceof Uint8Array || of.slot === 3) return null;
    if (wanted.type === 'lockCancel') {
      return this.#model.requests.find(({ sequence }) => sequence === wanted.sequence)?.session ?? null;
    }
    if (wanted.type === 'proclaim') return this.#model.holders(wanted.name)[0]?.session ?? null;
    if (wanted.type === 'lockConvert') {
      // Of those that share, so that two of them want the same.
      const isMeant = ({ fence, sequence, upgrading }: ModelRequest): boolean =>
        fence > 0 && sequence === wanted.sequence && !upgrading;
      const meant = this.#model.requests.filter(isMeant);
      return (meant.find((hold) => hold.session === session) ?? meant.at(-1))?.session ?? null;
    }
    const sequence =
      wanted.type === 'lockAcquire' ? wanted.keeping[0] : wanted.type === 'lockRelease' && wanted.sequence;
    const holds = this.#model.requests.filter((request) => request.fence > 0 && request.sequence === sequence);
    return (holds.find((hold) => hold.session === session) ?? holds[0])?.session ?? null;
  }

  /** What the codec refuses to write stands in the log as garbage. */
  #operation(of: Intent): Uint8Array {
    const wanted = of.operation(this.#model);
    if (wanted instanceof Uint8Array) return wanted;
    try {
      return encodeOperation(wanted);
    } catch (error) {
      if (error instanceof ProtocolError) return Uint8Array.of(0xc1);
      throw error;
    }
  }
}
