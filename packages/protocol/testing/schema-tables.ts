// All schema tables by name: what the documentation prints, what golden bytes must cover, what the protocol version hashes.
import { clusterStatus, memberStatus } from '../src/client/cluster.ts';
import { memberAddress, sessionClaim } from '../src/client/handshake.ts';
import { clientMessage, memberMessage } from '../src/client/message.ts';
import { errorBody } from '../src/client/request.ts';
import { holdProof, leaseStanding } from '../src/client/session.ts';
import { watchStart } from '../src/client/watch.ts';
import { wireLimits } from '../src/client/wire-limits.ts';
import { commandHeader, identity } from '../src/command-schema.ts';
import { errorCodes } from '../src/error.ts';
import { keyEvent, revisionEvents } from '../src/event-schema.ts';
import { limits } from '../src/limits.ts';
import { compare, leaseRemaining, lockClaim, operation, seedMember, sessionProof } from '../src/operation-schema.ts';
import {
  leaseDescription,
  lockDescription,
  lockHolder,
  lockStanding,
  lockState,
  lockSummary,
  lockWaiter,
  memberDescription,
  pastHold,
  resultOnWire,
  sessionStanding,
} from '../src/result-schema.ts';
import type { Field, Structure, Union } from '../src/schema/structure.ts';
import { keyRange, keyValue, lockName, lockRequestId } from '../src/schema/vocabulary.ts';

interface Table {
  /** Null for a structure without a tag. */
  readonly tag: number | null;
  readonly fields: readonly Field[];
  readonly rule: string | null;
}

export const unions: Readonly<Record<string, Pick<Union<object>, 'cases' | 'definition'>>> = {
  operation,
  Compare: compare,
  result: resultOnWire,
  LockClaim: lockClaim,
  LockState: lockState,
  LockStanding: lockStanding,
  KeyEvent: keyEvent,
  Identity: identity,
  client: clientMessage,
  member: memberMessage,
  WatchStart: watchStart,
};

const structures: readonly Pick<Structure<object>, 'name' | 'fields' | 'rule' | 'definition'>[] = [
  keyRange,
  lockName,
  lockRequestId,
  keyValue,
  leaseDescription,
  lockDescription,
  lockSummary,
  lockHolder,
  lockWaiter,
  pastHold,
  seedMember,
  leaseRemaining,
  sessionProof,
  memberDescription,
  revisionEvents,
  commandHeader,
  memberAddress,
  sessionClaim,
  sessionStanding,
  leaseStanding,
  holdProof,
  errorBody,
  memberStatus,
  clusterStatus,
];

/** `operation.put`, `Compare.value`, `KeyRange`, …  */
export const tables: ReadonlyMap<string, Table> = new Map<string, Table>([
  ...Object.entries(unions).flatMap(([name, { cases }]) =>
    cases.map((one): [string, Table] => [`${name}.${one.name}`, { tag: one.tag, fields: one.fields, rule: one.rule }]),
  ),
  ...structures.map((one): [string, Table] => [one.name, { tag: null, fields: one.fields, rule: one.rule }]),
]);

/** Everything on which two implementations must agree. */
export function schemaText(): string {
  const definitions = [...Object.values(unions), ...structures].map(({ definition }) => definition);
  const numbers = Object.entries(errorCodes).map(([code, { number }]) => `${number} ${code}`);
  return [...definitions, JSON.stringify(limits), JSON.stringify(wireLimits), ...numbers].join('\n');
}
