import type { Configuration, MemberId } from '@conclave/core';
import { maxMembers } from './bounds.ts';
import type { FieldReader, FieldWriter } from './bytes.ts';
import { assertUse } from './storage-error.ts';

// flags u8: bit 0 lease reads
// Four lists (voters, outgoing voters, learners, next learners), each: count u16, then a u32 for each member.

const leaseReadsFlag = 1;

export function configurationBytes(configuration: Configuration): number {
  return lists(configuration).reduce((sum, list) => sum + 2 + 4 * list.length, 1);
}

export function writeConfiguration(writer: FieldWriter, configuration: Configuration): void {
  writer.u8(configuration.leaseReads ? leaseReadsFlag : 0);
  for (const list of lists(configuration)) {
    assertUse(list.length <= maxMembers, `a configuration with ${list.length} members; the limit is ${maxMembers}`);
    writer.u16(list.length);
    for (const member of list) writer.u32(member);
  }
}

export function readConfiguration(reader: FieldReader): Configuration {
  const leaseReads = (reader.u8() & leaseReadsFlag) !== 0;
  const voters = readMembers(reader);
  const votersOutgoing = readMembers(reader);
  const learners = readMembers(reader);
  return { voters, votersOutgoing, learners, learnersNext: readMembers(reader), leaseReads };
}

function readMembers(reader: FieldReader): MemberId[] {
  return Array.from({ length: reader.u16() }, () => reader.u32() as MemberId);
}

function lists(configuration: Configuration): readonly (readonly MemberId[])[] {
  const { voters, votersOutgoing, learners, learnersNext } = configuration;
  return [voters, votersOutgoing, learners, learnersNext];
}
