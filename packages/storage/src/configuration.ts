import type { Configuration, MemberId } from '@conclave/core';
import { maxMembers } from './bounds.ts';
import type { FieldReader, FieldWriter } from './bytes.ts';
import { assertUse } from './storage-error.ts';

// Three lists (voters, outgoing voters, learners), each: count u16, then a u32 for each member.

export function configurationBytes(configuration: Configuration): number {
  return lists(configuration).reduce((sum, list) => sum + 2 + 4 * list.length, 0);
}

export function writeConfiguration(writer: FieldWriter, configuration: Configuration): void {
  for (const list of lists(configuration)) {
    assertUse(list.length <= maxMembers, `a configuration with ${list.length} members; the limit is ${maxMembers}`);
    writer.u16(list.length);
    for (const member of list) writer.u32(member);
  }
}

export function readConfiguration(reader: FieldReader): Configuration {
  const voters = readMembers(reader);
  const votersOutgoing = readMembers(reader);
  return { voters, votersOutgoing, learners: readMembers(reader) };
}

function readMembers(reader: FieldReader): MemberId[] {
  return Array.from({ length: reader.u16() }, () => reader.u32() as MemberId);
}

function lists({ voters, votersOutgoing, learners }: Configuration): readonly (readonly MemberId[])[] {
  return [voters, votersOutgoing, learners];
}
