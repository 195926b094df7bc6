// The part of a record that holds an answer: to a session's command or to one with an idempotency key.
import { type ErrorCode, encodeResult, errorCodes } from '@conclave/protocol';
import type { RecordReader } from '../records/record-reader.ts';
import type { RecordWriter } from '../records/record-writer.ts';
import type { Refusal } from '../response.ts';
import type { Answer } from '../sessions/remembered.ts';

/** Written to disk: never renumber. */
const form = { result: 0, error: 1, forgotten: 2, request: 3, refused: 4, cancelled: 5, released: 6 } as const;

const detailIsText = 1;

export function writeAnswer(writer: RecordWriter, answer: Answer): void {
  switch (answer.form) {
    case 'response':
      if (answer.response.type === 'error') writeRefusal(writer.u8(form.error), answer.response);
      else writer.u8(form.result).blob(encodeResult(answer.response));
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
      return { form: 'response', response: readRefusal(reader) };
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

function writeRefusal(writer: RecordWriter, refused: Refusal): void {
  const details = Object.entries(refused.details);
  writer.text(refused.code).text(refused.message).text(refused.outcome).u16(details.length);
  for (const [name, detail] of details) {
    writer.text(name);
    if (typeof detail === 'string') writer.u8(detailIsText).text(detail);
    else writer.u8(0).u64(detail);
  }
}

function readRefusal(reader: RecordReader): Refusal {
  const code = reader.text();
  reader.expect(Object.hasOwn(errorCodes, code), 'unknown error code');
  const message = reader.text();
  const outcome = reader.text();
  reader.expect(outcome === 'not-applied' || outcome === 'unknown', 'unknown outcome');
  const details: [string, number | string][] = [];
  for (let left = reader.u16(); left > 0; left--) {
    const name = reader.text();
    details.push([name, reader.u8() === detailIsText ? reader.text() : reader.u64()]);
  }
  return {
    type: 'error',
    code: code as ErrorCode,
    message,
    outcome,
    details: Object.fromEntries(details),
  };
}
