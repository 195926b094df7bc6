// Golden bytes: values and their encodings as files, so that a change of the wire cannot go unnoticed and so that a client in another
// language has something to test against. In the files `{"$hex": "6b"}` and `{"$utf8": "k"}` stand for bytes.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeClientFrame, decodeMemberFrame, encodeClientFrame, encodeMemberFrame } from '../src/client/frame.ts';
import type { ClientMessage, MemberMessage } from '../src/client/message.ts';
import {
  type Command,
  decodeCommand,
  decodeEntries,
  decodeEvents,
  decodeOperation,
  decodeResult,
  encodeCommand,
  encodeEntries,
  encodeEvents,
  encodeOperation,
  encodeResult,
} from '../src/codec.ts';
import type { RevisionEvents } from '../src/event.ts';
import type { Operation } from '../src/operation.ts';
import type { KeyValue, Result } from '../src/result.ts';

export interface Sample {
  readonly name: string;
  readonly value: unknown;
  readonly hex: string;
}

interface GoldenFile {
  readonly encode: (value: unknown) => Uint8Array;
  readonly decode: (bytes: Uint8Array) => unknown;
}

export const goldenFolder: string = join(import.meta.dirname, '../golden/v1');

export const goldenFiles: Readonly<Record<string, GoldenFile>> = {
  operations: { encode: (value) => encodeOperation(value as Operation), decode: decodeOperation },
  results: { encode: (value) => encodeResult(value as Result), decode: decodeResult },
  events: { encode: (value) => encodeEvents(value as RevisionEvents), decode: decodeEvents },
  entries: { encode: (value) => encodeEntries(value as KeyValue[]), decode: decodeEntries },
  commands: {
    encode: (value) => encodeCommand((value as Command).header, (value as Command).operation),
    decode: decodeCommand,
  },
  'client-frames': { encode: (value) => encodeClientFrame(value as ClientMessage[]), decode: decodeClientFrame },
  'member-frames': { encode: (value) => encodeMemberFrame(value as MemberMessage[]), decode: decodeMemberFrame },
};

export function readGolden(name: string): Sample[] {
  return JSON.parse(readFileSync(join(goldenFolder, `${name}.json`), 'utf8')) as Sample[];
}

export function fromJson(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(fromJson);
  if (value === null || typeof value !== 'object') return value;
  if ('$hex' in value) return new Uint8Array(Buffer.from(value.$hex as string, 'hex'));
  if ('$utf8' in value) return new Uint8Array(Buffer.from(value.$utf8 as string));
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, fromJson(inner)]));
}
