import { Writer } from '../writer.ts';
import type { Type } from './type.ts';

/** Encoding never waits and never nests, so one is enough. */
const writer: Writer = new Writer();

/** The bytes of `value`, as a view that the next encoding overwrites: copy it at once. Throws `SchemaViolation`. */
export function encodedView<T>(type: Type<T>, value: T): Uint8Array {
  writer.begin();
  type.write(value, writer);
  return writer.view();
}
