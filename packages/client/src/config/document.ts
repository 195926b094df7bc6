import { ConclaveError } from '../error.ts';
import type { SchemaIssue, Validates } from './standard-schema.ts';

/** What one state of a document says, or what is wrong with it. */
export type Document = { readonly value: unknown; readonly issues: null } | { readonly issues: readonly SchemaIssue[] };

export interface DocumentSpec {
  readonly name: string;
  readonly key: string;
  readonly schema: Validates<unknown>;
  /** Null: it must be there. */
  readonly fallback: { readonly value: unknown } | null;
}

/** One value made of documents, and the documents of a value. */
export interface Shape<T> {
  readonly documents: readonly DocumentSpec[];
  readonly assemble: (values: readonly unknown[]) => T;
  readonly split: (value: T) => readonly unknown[];
}

/** Documents are JSON, below a prefix of their own so that they are found together: NAME stands under `config/NAME`. */
export function documentKey(name: string): string {
  if (name === '') throw new ConclaveError('INVALID_ARGUMENT', 'config: the name is empty');
  return `config/${name}`;
}

/** Never throws: a schema that does finds an issue by it. `text` null: there is none. */
export async function readDocument(text: string | null, { schema }: DocumentSpec): Promise<Document> {
  if (text === null) return { issues: [{ message: 'there is no document' }] };
  try {
    const result = await schema['~standard'].validate(JSON.parse(text));
    return result.issues === undefined ? { value: result.value, issues: null } : { issues: result.issues };
  } catch (error) {
    return { issues: [{ message: error instanceof Error ? error.message : 'it cannot be read' }] };
  }
}

/** For messages. */
export function explained(issues: readonly SchemaIssue[]): string {
  return issues.map(({ message, path = [] }) => [...path.map(segment), message].join(': ')).join('; ');
}

function segment(part: PropertyKey | { readonly key: PropertyKey }): string {
  return String(typeof part === 'object' ? part.key : part);
}
