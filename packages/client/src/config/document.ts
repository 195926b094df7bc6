import type { Revision } from '@conclave/protocol';
import { ConclaveError } from '../error.ts';
import type { Entry } from '../keys/entry.ts';
import type { SchemaIssue, Validates } from './standard-schema.ts';

/** One state of a document: what it says, or what is wrong with it. */
export type Document<T> =
  | { readonly value: T; readonly issues: null; readonly revision: Revision }
  | { readonly issues: readonly SchemaIssue[]; readonly revision: Revision };

/** Documents are JSON, below a prefix of their own so that they are found together: NAME stands under `config/NAME`. */
export function documentKey(name: string): string {
  if (name === '') throw new ConclaveError('INVALID_ARGUMENT', 'config: the name is empty');
  return `config/${name}`;
}

/** Never throws: a schema that does finds an issue by it. */
export async function readDocument<T>(
  entry: Entry | null,
  schema: Validates<T>,
  revision: Revision,
): Promise<Document<T>> {
  if (entry === null) return { issues: [{ message: 'there is no document' }], revision };
  try {
    const result = await schema['~standard'].validate(entry.json());
    if (result.issues !== undefined) return { issues: result.issues, revision };
    return { value: result.value, issues: null, revision };
  } catch (error) {
    return { issues: [{ message: error instanceof Error ? error.message : 'it cannot be read' }], revision };
  }
}

export function explained(issues: readonly SchemaIssue[]): string {
  return issues.map(({ message, path = [] }) => [...path.map(segment), message].join(': ')).join('; ');
}

function segment(part: PropertyKey | { readonly key: PropertyKey }): string {
  return String(typeof part === 'object' ? part.key : part);
}
