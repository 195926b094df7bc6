// Which member a connection between members comes from. Every member dials the same address of a peer, so only what it says tells.
import { decodeHello } from '@conclave/member';

const endOfUpgrade = '\r\n\r\n';
const maskBytes = 4;

/** From the first bytes of a link: the request for an upgrade, and the first frame, which holds the hello. Null: not yet told. */
export function peerCaller(sent: Buffer): string | null {
  const upgradeEnds = sent.indexOf(endOfUpgrade);
  if (upgradeEnds < 0) return null;
  const frame = sent.subarray(upgradeEnds + endOfUpgrade.length);
  const short = (frame[1] ?? 0) & 0x7f;
  const header = short === 126 ? 4 : 2;
  if (frame.length < header) return null;
  const length = short === 126 ? frame.readUInt16BE(2) : short;
  const begin = header + maskBytes;
  if (frame.length < begin + length) return null;
  const masked = frame.subarray(header, begin).some((byte) => byte !== 0);
  if (masked) throw new Error('a member masks what it sends to another, so nobody can tell who it is');
  return `${decodeHello(frame.subarray(begin, begin + length)).memberId}`;
}
