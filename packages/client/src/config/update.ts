import type { Revision } from '@conclave/protocol';
import { bounds } from '../bounds.ts';
import { type WriteOptions, waitingFor } from '../call.ts';
import type { ClientCore } from '../client-core.ts';
import { ConclaveError } from '../error.ts';
import type { KeySpace } from '../keys/key-space.ts';
import { type TxnGet, txn } from '../keys/txn.ts';
import { type DocumentSpec, explained, readDocument, type Shape } from './document.ts';

/** `otherwise`: for documents that are not there, or not valid. Resolves with the revision at which all of it stands. */
export async function updateDocuments<T>(
  core: ClientCore,
  space: KeySpace,
  shape: Shape<T>,
  otherwise: () => readonly unknown[],
  change: (current: T) => T | Promise<T>,
  options: WriteOptions,
): Promise<Revision> {
  const { documents: specs } = shape;
  const { deadlineMs } = waitingFor(core, options);
  for (let attempt = 1; attempt <= bounds.maxUpdateAttempts; attempt++) {
    const limited = { ...options, timeoutMs: Math.max(0, deadlineMs - core.environment.clock.nowMs()) };
    const gets = specs.map(({ key }): TxnGet => ({ get: key }));
    const { results: entries } = await txn(core, space, { then: gets, else: [] }, limited);
    const read = await Promise.all(specs.map((spec, at) => readDocument(entries[at]?.text() ?? null, spec)));
    const last = otherwise();
    const present = read.map((document, at) => (document.issues === null ? document.value : last[at]));
    const next = shape.split(await change(shape.assemble(present)));
    const texts = next.map((value, at) => {
      const text = JSON.stringify(value) as string | undefined;
      const isSame = read[at]?.issues === null && text === JSON.stringify(present[at]);
      return isSame ? null : text;
    });
    const puts = [];
    for (const [at, spec] of specs.entries()) {
      const text = texts[at];
      if (text === null) continue;
      await mustBeValid(text, spec);
      puts.push({ put: spec.key, value: text ?? '' });
    }
    const revisions = specs.map((_, at) => entries[at]?.modRevision ?? 0);
    if (puts.length === 0) return Math.max(...revisions);
    const compares = specs.map(({ key }, at) => ({ key, target: 'mod', op: '=', value: revisions[at] ?? 0 }) as const);
    const written = await txn(core, space, { if: compares, then: puts }, limited);
    if (written.ok) return written.revision;
  }
  const limit = bounds.maxUpdateAttempts;
  throw new ConclaveError('OVERLOADED', `config: others wrote ${limit} times in between`, { details: { limit } });
}

/** As it will be read: what cannot be read again must not be written. */
async function mustBeValid(text: string | undefined, spec: DocumentSpec): Promise<void> {
  const { issues } = await readDocument(text ?? null, spec);
  if (issues !== null) throw new ConclaveError('INVALID_ARGUMENT', `config ${spec.name}: ${explained(issues)}`);
}
