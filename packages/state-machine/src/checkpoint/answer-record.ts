// The part of a record that holds an answer: to a session's command or to one with an idempotency key.
import { type ErrorCode, encodeResult, errorCodes } from '@conclave/protocol';
import type { RecordReader } from '../records/record-reader.ts';
import type { RecordWriter } from '../records/record-writer.ts';
import type { Answer } from '../sessions/remembered.ts';

/** Written to disk: never renumber. */
const form = { result: 0, error: 1, forgotten: 2, request: 3, refused: 4, cancelled: 5, released: 6 } as const;

const codes = new Map(Object.entries(errorCodes).map(([code, { number }]) => [number as number, code as ErrorCode]));

export function writeAnswer(writer: RecordWriter, answer: Answer): void {
  switch (answer.form) {
    case 'result':
      writer.u8(form.result).blob(encodeResult(answer.result));
      return;
    case 'error':
      writer
        .u8(form.error)
        .u16(errorCodes[answer.code].number)
        .u8(answer.outcome === 'unknown' ? 1 : 0);
      if (answer.limit === null) writer.u8(0);
      else writer.u8(1).u64(answer.limit);
      return;
    case 'bytes':
      writer.u8(form.result).blob(answer.bytes);
      return;
    case 'forgotten':
      writer.u8(form.forgotten).u64(answer.revision);
      return;
    case 'released':
      writer.u8(form.released).u64(answer.fence);
      return;
    case 'request':
    case 'refused':
    case 'cancelled':
      writer.u8(form[answer.form]);
  }
}

export function readAnswer(reader: RecordReader): Answer {
  const found = reader.u8();
  switch (found) {
    case form.result:
      return { form: 'bytes', bytes: reader.blob().slice() };
    case form.error:
      return readError(reader);
    case form.forgotten:
      return { form: 'forgotten', revision: reader.u64() };
    case form.request:
      return { form: 'request' };
    case form.refused:
      return { form: 'refused' };
    case form.cancelled:
      return { form: 'cancelled' };
    default:
      reader.expect(found === form.released, 'unknown form of an answer');
      return { form: 'released', fence: reader.u64() };
  }
}

function readError(reader: RecordReader): Answer {
  const code = codes.get(reader.u16());
  reader.expect(code !== undefined, 'unknown error code');
  const outcome = reader.u8() === 0 ? 'not-applied' : 'unknown';
  return { form: 'error', code, outcome, limit: reader.u8() === 0 ? null : reader.u64() };
}
