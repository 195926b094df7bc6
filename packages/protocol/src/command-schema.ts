// The table of a command's header.
import type { CommandHeader, Identity } from './command.ts';
import { commandVersion } from './command.ts';
import { limits } from './limits.ts';
import { bytes, integer, nullable, text } from './schema/primitive.ts';
import { type Structure, structure, type Union, union } from './schema/structure.ts';
import * as shared from './schema/vocabulary.ts';

export const identity: Union<Identity> = union<Identity, 'by'>('Identity', 'by', {
  none: { tag: 0, fields: {} },
  session: {
    tag: 1,
    fields: {
      session: shared.leaseId,
      sequence: shared.sequence,
      acknowledgedBelow: shared.sequence,
      epoch: shared.sessionEpoch,
    },
  },
  key: { tag: 2, fields: { key: bytes('idempotency key', 1, limits.maxIdempotencyKeyBytes) } },
});

/** The two reserved positions: who was let in, and under which revision of the rights. */
export const commandHeader: Structure<CommandHeader> = structure<CommandHeader>(
  'CommandHeader',
  {
    version: integer('version', 1, commandVersion),
    clusterTimeMs: integer('ms of cluster time', 0),
    wallTimeMs: shared.wallTimeMs,
    identity,
    author: nullable(text('author', limits.maxAuthorBytes)),
    reason: nullable(text('reason', limits.maxReasonBytes)),
  },
  { reserved: 2 },
);
