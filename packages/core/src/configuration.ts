import { assert } from './assertion.ts';
import type { Configuration, MemberId } from './types.ts';

/** Data of an entry of kind Configuration: the whole configuration that it puts in force, and what the driver sent along with the change. */
export interface ConfigurationData {
  readonly configuration: Configuration;
  /**
   * Not core's: what belongs to the members of the change, such as their addresses, in the same entry, so that both take effect
   * together. Empty in the entry that leaves a joint configuration: what came with the change stands in the one that entered it.
   */
  readonly context: Uint8Array;
}

export const noContext: Uint8Array = new Uint8Array(0);

/** Of a member that was not told of any: it waits for a leader to find it. */
export const emptyConfiguration: Configuration = configurationOf([]);

/** Settled, without learners or leases. */
export function configurationOf(voters: readonly MemberId[]): Configuration {
  return { voters: sorted(voters), votersOutgoing: [], learners: [], learnersNext: [], leaseReads: false };
}

export function isJoint(configuration: Configuration): boolean {
  return configuration.votersOutgoing.length > 0;
}

export function isVoter(configuration: Configuration, member: MemberId): boolean {
  return configuration.voters.includes(member) || configuration.votersOutgoing.includes(member);
}

/** Everyone who counts, each once. */
export function votersOf(configuration: Configuration): MemberId[] {
  return [...new Set([...configuration.voters, ...configuration.votersOutgoing])];
}

/** Everyone who receives the log, each once. */
export function membersOf(configuration: Configuration): MemberId[] {
  return [...new Set([...votersOf(configuration), ...configuration.learners, ...configuration.learnersNext])];
}

export function sorted(members: readonly MemberId[]): MemberId[] {
  return members.toSorted((a, b) => a - b);
}

// On disk and on the wire, in the data of a Configuration entry; big endian; never changed, only followed by another version:
//
//     version u8: 1 | flags u8: bit 0 lease reads
//     voters, outgoing voters, learners, next learners: each count u16, then a u32 for each member
//     context: all the rest
//
// It has no checksum of its own: entries are protected as such.
const version = 1;
const leaseReadsFlag = 1;
const listsOffset = 2;

export function encodeConfiguration({ configuration, context }: ConfigurationData): Uint8Array {
  const { voters, votersOutgoing, learners, learnersNext } = configuration;
  const lists = [voters, votersOutgoing, learners, learnersNext];
  const head = lists.reduce((bytes, list) => bytes + 2 + 4 * list.length, listsOffset);
  const data = new Uint8Array(head + context.byteLength);
  const view = new DataView(data.buffer);
  view.setUint8(0, version);
  view.setUint8(1, configuration.leaseReads ? leaseReadsFlag : 0);
  let at = listsOffset;
  for (const list of lists) {
    view.setUint16(at, list.length);
    at += 2;
    for (const member of list) {
      view.setUint32(at, member);
      at += 4;
    }
  }
  data.set(context, at);
  return data;
}

/** Throws when the data are not what `encodeConfiguration` makes: a member that guessed would count other voters than the others. */
export function decodeConfiguration(data: Uint8Array): ConfigurationData {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  assert(data.byteLength > listsOffset, `a configuration of ${data.byteLength} bytes`);
  assert(view.getUint8(0) === version, `a configuration of version ${view.getUint8(0)}, this release knows ${version}`);
  const flags = view.getUint8(1);
  assert((flags & ~leaseReadsFlag) === 0, `a configuration with flags ${flags}, which this release does not know`);
  let at = listsOffset;
  const list = (): MemberId[] => {
    assert(at + 2 <= data.byteLength, 'a configuration that is cut off');
    const count = view.getUint16(at);
    at += 2;
    assert(at + 4 * count <= data.byteLength, 'a configuration that is cut off');
    const members = Array.from({ length: count }, (_, nth) => view.getUint32(at + 4 * nth) as MemberId);
    at += 4 * count;
    return members;
  };
  const [voters, votersOutgoing, learners, learnersNext] = [list(), list(), list(), list()];
  const configuration = { voters, votersOutgoing, learners, learnersNext, leaseReads: flags === leaseReadsFlag };
  return { configuration, context: data.subarray(at) };
}
